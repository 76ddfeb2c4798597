/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_MATCHES_PRIVATE_H
#define RINGBUS_ROUTER_MATCHES_PRIVATE_H

/* What the match index's files share. */

#include "broker/router/matches.h"

typedef enum MatchesPathKind { PATH_ANY, PATH_EXACT, PATH_NAMESPACE } MatchesPathKind;
typedef enum MatchesArgKind { ARG_ANY, ARG_EXACT, ARG_NAMESPACE } MatchesArgKind;

/* Which keys a rule fixes, besides its interface. */
typedef struct MatchesSignature {
        bool has_sender; /* a unique name or the bus's */
        bool has_member;
        uint8_t path_kind;
        uint8_t arg_kind;
        uint8_t arg_index;
        uint8_t zero;        /* no padding: signatures are hashed and compared as bytes */
        uint16_t path_depth; /* PATH_NAMESPACE: elements */
        uint16_t arg_depth;  /* ARG_NAMESPACE: elements */
} MatchesSignature;

/* A live shape of one interface. Readers follow `next`; retired. */
struct MatchShape {
        Retired retired;
        Cell next; /* MatchShape */
        MatchesSignature signature;
        MatchInterface *interface;
        uint64_t seed;      /* hash of interface and signature: where a probe begins */
        uint64_t n_entries; /* inside the turn */
};

/* An interface that occurs in rules, and the shapes that occur with it. Retired. */
struct MatchInterface {
        TableNode node;
        Retired retired;
        Cell shapes; /* MatchShape */
        uint64_t hash;
        uint64_t n_entries; /* rules that have it; inside the turn */
        unsigned n_shapes;  /* inside the turn */
        uint32_t size;
        char text[];
};

/*
 * Rules with the same shape and the same fixed values, or loose ones with the same key and value.
 * If many of them ask for well-known senders, the further ones form groups *below* it, one for each
 * name. Retired.
 */
struct MatchGroup {
        TableNode node;
        Cell entries;      /* MatchEntry, newest first; NULL: all that are left are below */
        MatchShape *shape; /* NULL: loose */
        Cell below;        /* MatchListedGroup: groups below it; NULL: none */
        union {
                Retired retired;
                struct { /* inside the turn */
                        MatchGroup *above;
                        uint32_t n_entries;
                        uint32_t n_checked : 31; /* entries with something left to check */
                        uint32_t is_listed : 1;
                };
        };
};

/*
 * A group in a list: below another, or of loose rules that are found by argNpath. The first,
 * because a sender may have more names than there are groups; the second, because an argument that
 * ends in
 * '/' concerns rules for whatever is below it, which no hash finds.
 */
typedef struct MatchListedGroup {
        MatchGroup group;
        Cell next; /* MatchListedGroup */
        struct MatchListedGroup *previous;
        Cell *head; /* MatchGroup.below or MatchesLoose.path_groups */
} MatchListedGroup;

/* Offset and size of a value in an entry's text area; size 0 with offset 0: absent. */
typedef struct MatchesValue {
        uint16_t offset; /* + 1, so that 0 means absent */
        uint16_t size;
} MatchesValue;

typedef struct MatchesArg {
        MatchesValue value;
        uint8_t index;
        uint8_t kind; /* MatchRuleArgKind */
} MatchesArg;

/* Lists that few entries are in; those that an entry may have to be in lie behind its texts. */
typedef enum MatchLinkKind {
        LINK_SENDER,      /* Endpoint.named_by of the sender, if `sender` is a unique name */
        LINK_DESTINATION, /* the same for `destination` */
        LINK_EAVESDROP,   /* Matches.eavesdroppers */
        LINK_KINDS,
} MatchLinkKind;

typedef struct MatchLink {
        ListNode node;
        MatchEntry *entry;
} MatchLink;

/* What is left to check of an entry when its group was found. */
typedef enum MatchCheck {
        CHECK_NOTHING,
        CHECK_REST, /* what the shape does not fix */
        CHECK_ALL,  /* loose */
} MatchCheck;

/* A rule of one endpoint, however often it was added. Retired. Of the general heap, as small as
 * possible: there may be a hundred thousand. */
struct MatchEntry {
        TableNode table_node; /* in Matches.entries */
        Cell next;            /* MatchEntry in the group */
        MatchEntry *previous; /* in the group, NULL: first; inside the turn */
        Endpoint *endpoint;   /* borrowed: its home removes the entry before it leaves */
        MatchGroup *group;    /* NULL: can match no broadcast */
        Name *name;           /* `sender`, if it is well-known; borrowed: n_rules keeps it */
        MatchInterface *interface;
        union {
                ListNode owner_node; /* in Endpoint.rules, newest first; inside the turn */
                Retired retired;     /* when it is in no list any more */
        };
        uint32_t n; /* added so often */
        uint16_t text_size;
        uint16_t key; /* loose: by which it is found */
        uint8_t n_args;
        uint8_t type;
        uint8_t check;    /* MatchCheck */
        int8_t fixed_arg; /* index in args of the one that the shape fixes; -1: none */
        uint8_t links;    /* bits: MatchLinkKind */
        bool eavesdrop : 1;
        bool monitor : 1; /* a monitor's */
        bool has_eavesdrop : 1;
        bool path_is_namespace : 1;
        bool from_bus : 1;                              /* `sender` is the bus */
        MatchesValue sender, member, path, destination; /* sender: a unique name */
        MatchesArg args[];                              /* then the text area, then links */
};

/* Interfaces, shapes and groups: inside the turn. "make" finds or makes one; NULL: out of memory.
 * "drop" retires what no entry uses any more. */

MatchInterface *matches_new_interface(Pool *pool, Text text, uint64_t hash);
MatchInterface *matches_make_interface(Matches *matches, Pool *pool, Text text); /* absent: any */
void matches_drop_interface(Matches *matches, MatchInterface *interface);
void matches_free_any(Matches *matches); /* Matches.any; nobody reads any more */

/* NULL also when the interface has MATCHES_SHAPES_MAX others. */
MatchShape *matches_make_shape(Pool *pool, MatchInterface *interface,
                               const MatchesSignature *signature);
void matches_drop_shape(Matches *matches, MatchShape *shape);

/* Where an entry is to go. */
typedef struct MatchesPlace {
        MatchShape *shape; /* NULL: loose, by */
        uint16_t key;
        uint64_t hash; /* of its group */
} MatchesPlace;

/* The place's group, or with `above` the one for the entry's name below that. */
MatchGroup *matches_make_group(Matches *matches, Pool *pool, const MatchesPlace *place,
                               MatchGroup *above, const MatchEntry *entry);
void matches_drop_group(Matches *matches, MatchGroup *group);

/* The shapes of rules with that interface, or NULL. `hash` is the text's. */
MatchInterface *matches_find_interface(const Matches *matches, Text text, uint64_t hash);
Text matches_interface_text(const MatchInterface *interface);

/* The group with that hash: of `shape` and with the values of `like`, or loose; or NULL. */
MatchGroup *matches_find_group(const Matches *matches, uint64_t hash, const MatchShape *shape,
                               const MatchEntry *like);

/*
 * The key by which an entry is to be found when no shape fixes it, and its hash: the one by which
 * fewest unlike rules are found. `only_good`: false if there is nothing but interface and
 * member. Inside the turn.
 */
bool matches_choose_key(const Matches *matches, const MatchEntry *entry, bool only_good,
                        uint16_t *ret_key, uint64_t *ret_hash);

/* Counts an entry in or out that is found by its key; `hash` is that of its group, or of the one
 * above. Inside the turn. */
void matches_count_key(Matches *matches, uint16_t key, uint64_t hash, bool in);

/* The N of a key that is an argNpath, or -1. */
int matches_key_path_arg(uint16_t key);

Text matches_entry_text(const MatchEntry *entry, MatchesValue value);
Text matches_entry_sender(const MatchEntry *entry); /* absent: any */
void matches_entry_load(const MatchEntry *entry, MatchRule *ret_rule);
void matches_entry_signature(const MatchEntry *entry, MatchesSignature *ret_signature);

/* The entry's link of that kind, or NULL. */
MatchLink *matches_entry_link(MatchEntry *entry, MatchLinkKind kind);

/* The hash of the values that the signature fixes, beginning at the shape's seed. */
uint64_t matches_entry_hash(const MatchEntry *entry, const MatchesSignature *signature,
                            uint64_t seed);

/* Whether two entries of one signature fix the same values. */
bool matches_entry_same_values(const MatchEntry *a, const MatchEntry *b);

/* Whether two entries, perhaps of different endpoints, match the same broadcasts. */
bool matches_entry_is_alike(const MatchEntry *a, const MatchEntry *b);

/* A look-up under way. */
typedef struct MatchLookup {
        const Matches *matches;
        MatchQuery *query;
        RouterThread *thread;
} MatchLookup;

/* Adds the receivers that are found by that hash. `shape` NULL: loose rules. */
void matches_probe(const MatchLookup *lookup, const MatchShape *shape, uint64_t hash);

/* Adds those in one group that match; the group's own values have been checked, or are loose. */
void matches_probe_group(const MatchLookup *lookup, const MatchGroup *group);

/* Adds the receivers by loose rules. */
void matches_find_loose(const MatchLookup *lookup);

/* Whether the message has the values that `entry`'s shape fixes. */
bool matches_query_has_values(MatchQuery *query, const MatchEntry *entry);

/* Whether what the shape does not fix holds as well. */
bool matches_query_has_rest(MatchQuery *query, const MatchEntry *entry);

/* Whether the sender is the name's primary owner: by the name's word and not by the sender's names,
 * of which there may be thousands. */
bool matches_query_is_from(const MatchQuery *query, const Name *name);

/* The whole rule, literally, as for eavesdroppers (destination included). */
bool matches_query_satisfies(MatchQuery *query, const MatchEntry *entry);

void matches_query_read_args(MatchQuery *query);
uint64_t matches_query_interface_hash(MatchQuery *query);
uint64_t matches_query_path_hash(MatchQuery *query);
uint64_t matches_query_member_hash(MatchQuery *query);
uint64_t matches_query_sender_hash(MatchQuery *query);

/* The hash of an argument that is a string; false: it is none. */
bool matches_query_arg_hash(MatchQuery *query, unsigned index, uint64_t *ret_hash);

/* The hash of the first `depth` elements; false when there are fewer. */
bool matches_query_path_prefix(MatchQuery *query, unsigned depth, uint64_t *ret_hash);
bool matches_query_name_prefix(MatchQuery *query, unsigned depth, uint64_t *ret_hash);

/* Incremental hashes of "/a/b" and "a.b" by element, one after the other, into hashes[1...];
 * returns how many elements there are; hashes[0] is the empty prefix's. */
unsigned matches_hash_elements(Text text, char separator, unsigned n_max, uint64_t *hashes);

/* No rule's value is longer than that: what is longer need not be hashed whole. */
static inline Text matches_clip(Text text)
{
        if (text.size > MATCHRULE_TEXT_MAX)
                text.size = MATCHRULE_TEXT_MAX;
        return text;
}

#endif
