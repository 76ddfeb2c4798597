/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_MATCHES_PRIVATE_H
#define RINGBUS_ROUTER_MATCHES_PRIVATE_H

/* What the match index's files share. */

#include "broker/router/matches.h"

typedef enum MatchesPathKind { PATH_ANY, PATH_EXACT, PATH_NAMESPACE } MatchesPathKind;
typedef enum MatchesArgKind { ARG_ANY, ARG_EXACT, ARG_NAMESPACE } MatchesArgKind;

/* Which keys a rule fixes, besides its interface. */
typedef struct MatchesSignature {
        bool has_sender;
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
        uint64_t seed;      /* hash of interface and signature: where a probe begins */
        uint64_t n_entries; /* inside the turn */
};

/* The shapes that occur with one interface. Retired. */
struct MatchInterface {
        TableNode node;
        Retired retired;
        Cell shapes; /* MatchShape */
        uint64_t hash;
        uint32_t size;
        char text[];
};

/* Rules with the same shape and the same fixed values. Retired. */
struct MatchGroup {
        TableNode node;
        Retired retired;
        Cell entries; /* MatchEntry, newest first; never empty while in the table */
        MatchShape *shape;
        MatchInterface *interface;
};

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

/* A rule of one endpoint, however often it was added. Retired. */
struct MatchEntry {
        TableNode table_node;    /* in Matches.entries */
        Cell next;               /* MatchEntry in the group */
        MatchEntry *previous;    /* in the group, NULL: first; inside the turn */
        Endpoint *endpoint;      /* borrowed: its home removes the entry before it leaves */
        MatchGroup *group;       /* NULL: can match no broadcast */
        Name *name;              /* of `sender`, if well-known */
        ListNode owner_node;     /* in Endpoint.rules, newest first */
        ListNode named_node;     /* in Endpoint.named_by of whom it names */
        ListNode eavesdrop_node; /* in Matches.eavesdroppers */
        Retired retired;
        uint32_t n; /* added so often */
        uint16_t text_size;
        uint8_t n_args;
        uint8_t type;
        bool eavesdrop;
        bool has_eavesdrop;
        bool residual; /* something beyond the shape is to be checked on a hit */
        bool path_is_namespace;
        int8_t fixed_arg; /* index in args of the one that the shape fixes; -1: none */
        MatchesValue sender, interface, member, path, destination;
        MatchesArg args[]; /* then the text area */
};

/* The shapes of rules with that interface, or NULL. */
MatchInterface *matches_find_interface(const Matches *matches, Text text);

Text matches_entry_text(const MatchEntry *entry, MatchesValue value);
void matches_entry_load(const MatchEntry *entry, MatchRule *ret_rule);
void matches_entry_signature(const MatchEntry *entry, MatchesSignature *ret_signature);

/* The hash of the values that the signature fixes, beginning at the shape's seed. */
uint64_t matches_entry_hash(const MatchEntry *entry, const MatchesSignature *signature,
                            uint64_t seed);

/* Whether two entries of one signature fix the same values. */
bool matches_entry_same_values(const MatchEntry *a, const MatchEntry *b);

/* Whether the message has the values that `entry`'s shape fixes; `sender_name` is the identity
 * that was probed. */
bool matches_query_has_values(MatchQuery *query, const MatchEntry *entry, Text sender_name);

/* Whether what the shape does not fix holds as well. */
bool matches_query_has_rest(MatchQuery *query, const MatchEntry *entry);

/* The whole rule, literally, as for eavesdroppers (destination included). */
bool matches_query_satisfies(MatchQuery *query, const MatchEntry *entry);

void matches_query_read_args(MatchQuery *query);
uint64_t matches_query_path_hash(MatchQuery *query);
uint64_t matches_query_member_hash(MatchQuery *query);

/* The hash of the first `depth` elements; false when there are fewer. */
bool matches_query_path_prefix(MatchQuery *query, unsigned depth, uint64_t *ret_hash);
bool matches_query_name_prefix(MatchQuery *query, unsigned depth, uint64_t *ret_hash);

/* Incremental hashes of "/a/b" and "a.b" by element, one after the other, into hashes[1...];
 * returns how many elements there are; hashes[0] is the empty prefix's. */
unsigned matches_hash_elements(Text text, char separator, unsigned n_max, uint64_t *hashes);

#endif
