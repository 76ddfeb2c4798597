/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_MATCHES_H
#define RINGBUS_ROUTER_MATCHES_H

/*
 * The match index: multi-signature hashing. A rule's shape is the set of keys that it fixes:
 * {unique sender, member, path or path_namespace at some depth, one argN or arg0namespace at some
 * depth}, under its interface (or none). Rules with the same shape and the same values form a
 * group, found by one hash. A message probes only the shapes that occur with its interface and with
 * none, and only those that it can satisfy, so the cost does not grow with the number of rules.
 * What a shape cannot fix (well-known sender, further argN, argNpath) is checked on the hit.
 *
 * Nor does it grow with the number of shapes, or of rules that only look alike: an interface has at
 * most MATCHES_SHAPES_MAX shapes and a group few members with something left to check; further
 * rules are loose (matches_loose.c): found by one key each, the one that fewest others use. How
 * many keys can be asked for is a matter of the message, not of the rules.
 *
 * Changes happen inside the turn and bump its version; look-ups run without, and again inside the
 * turn if the version moved. So a look-up may be inexact, never unsafe: nodes are retired.
 *
 * Eavesdropping rules are in the index as well, for broadcasts, and on a list of their own which is
 * consulted for every message while it is not empty. Monitors' rules are not in the index: each
 * monitor has its own, which are asked for every message.
 */

#include "broker/router/endpoint.h"
#include "broker/sync/tally.h"
#include "broker/sync/turn.h"
#include "proto/body.h"
#include "proto/matchrule.h"

typedef struct MatchEntry MatchEntry;
typedef struct MatchGroup MatchGroup;
typedef struct MatchInterface MatchInterface;
typedef struct MatchShape MatchShape;
typedef struct Name Name;

enum {
        MATCHES_SHAPES_MAX = 8, /* of one interface */
        /* Members of one group: with something left to check, before others become loose; */
        MATCHES_CROWD = 4,
        /* before those with a well-known sender form groups below it; the same for loose ones */
        MATCHES_CROWD_NAMED = 1,
        MATCHES_CROWD_LOOSE = 64,
        MATCHES_DEPTH_MAX =
                512, /* elements of a path_namespace or arg0namespace: 1024 bytes hold no more */
        MATCHES_ARGS_UNREAD = 255,
        MATCHES_KEY_WORDS = 3 + 2 * MATCHES_DEPTH_MAX / 64, /* of 64 keys: matches_loose.c */
};

/* Which keys loose rules are found by. `n`: inside the turn; the rest is for readers. */
typedef struct MatchesLoose {
        uint32_t n[MATCHES_KEY_WORDS * 64];    /* rules by key */
        Tally bits[MATCHES_KEY_WORDS];         /* the keys that are in use */
        Tally filters[MATCHES_KEY_WORDS * 64]; /* of each key: which bits its hashes may have */
        Tally words;                           /* the words that are not 0 */
        Cell path_groups[64];                  /* MatchGroup found by argNpath, by N */
} MatchesLoose;

typedef struct Matches {
        Table groups;        /* MatchGroup by shape and values, or by key and value */
        Table interfaces;    /* MatchInterface by text */
        Table entries;       /* MatchEntry by endpoint and canonical text */
        MatchInterface *any; /* the shapes of rules without interface */
        MatchesLoose loose;
        List eavesdroppers; /* MatchLink; inside the turn */
        List monitors;      /* Endpoint.monitor_node; inside the turn */
        uint64_t n_entries;
        Qsbr *qsbr; /* borrowed */
} Matches;

/* What is looked up; filled by matches_query(), completed lazily. */
typedef struct MatchQuery {
        const Header *header;
        const uint8_t *body;
        const Endpoint *sender;    /* NULL: the bus itself */
        const Endpoint *recipient; /* of a unicast, for eavesdroppers; NULL: unknown or none */
        Text sender_name;          /* unique, or the bus's */
        uint8_t n_args;            /* MATCHES_ARGS_UNREAD: not parsed yet */
        uint16_t n_path_hashes;    /* depths computed so far */
        uint16_t n_name_hashes;
        uint64_t path_hash; /* 0: not computed yet */
        uint64_t interface_hash;
        uint64_t member_hash;
        uint64_t sender_hash;
        BodyArg args[BODY_ARGS_MAX];
        uint64_t path_hashes[MATCHES_DEPTH_MAX + 1]; /* of the path's first n elements */
        uint64_t name_hashes[MATCHES_DEPTH_MAX + 1]; /* of arg0's first n elements */
} MatchQuery;

int matches_init(Matches *matches, Pool *pool, Qsbr *qsbr); /* 0 or -errno */
void matches_deinit(Matches *matches);

/* A compact copy of a parsed rule, from the general heap (under no lock); the caller's until
 * matches_add(). NULL: out of memory. */
MatchEntry *matches_new_entry(const MatchRule *rule, Endpoint *endpoint);

/* The same for a monitor: matches_monitor_wants() consults it, whatever it says about
 * eavesdropping, and nothing else does. */
MatchEntry *matches_new_monitor_entry(const MatchRule *rule, Endpoint *endpoint);
void matches_free_entry(MatchEntry *entry);

/* Inside the turn: the endpoint's entry that equals the rule, or NULL. */
MatchEntry *matches_find_entry(const Matches *matches, const Endpoint *endpoint,
                               const MatchRule *rule);

/* Outside all locks, after additions: makes the tables larger if they are crowded. */
void matches_grow(Matches *matches, Turn *turn);

/* Whom a rule names. */
typedef struct MatchesNamed {
        Name *name;       /* what `sender` is, if it is a well-known name; the caller pins it */
        Endpoint *sender; /* the endpoint whose unique name `sender` is, if it lives */
        Endpoint *destination; /* the same for `destination` */
} MatchesNamed;

/* Inside the turn. Takes the entry over, which was made from `rule`. -ENOMEM: nothing changed. */
int matches_add(Matches *matches, Pool *pool, MatchEntry *entry, const MatchRule *rule,
                const MatchesNamed *named);

/* Inside the turn: one more of an entry that is in the index. */
void matches_repeat(MatchEntry *entry);

/* Inside the turn: one less. The last one takes it out and retires it; returns whether it did. */
bool matches_remove(Matches *matches, MatchEntry *entry);

Name *matches_entry_name(const MatchEntry *entry);

/* Inside the turn: whether the look-up finds it by its well-known sender: that name is to be among
 * the watched ones of its owner's snapshot. */
bool matches_entry_watches(const MatchEntry *entry);

bool matches_entry_eavesdrops(const MatchEntry *entry);
bool matches_entry_monitors(const MatchEntry *entry);
Endpoint *matches_entry_endpoint(const MatchEntry *entry);
uint32_t matches_entry_count(const MatchEntry *entry);

/* Inside the turn: the first and the last of the endpoint's entries, or NULL (the newest first,
 * then a monitor's); a rule that names it, or NULL. */
MatchEntry *matches_first_entry(const Endpoint *endpoint);
MatchEntry *matches_last_entry(const Endpoint *endpoint);
MatchEntry *matches_first_naming(const Endpoint *endpoint);

/* A rule, and how often its endpoint has added it. */
typedef struct MatchesListed {
        const MatchEntry *entry;
        uint32_t n;
} MatchesListed;

/*
 * All rules, in no order, into an array from the general heap, to be freed with alloc_free(): 0 or
 * -ENOMEM. Inside a read-side section, to whose end they are valid; no lock held. A rule that comes
 * or goes meanwhile may be among them or not.
 */
int matches_list(const Matches *matches, Turn *turn, MatchesListed **ret_items, size_t *ret_n);

/* The rule's canonical text; `out` holds MATCHRULE_CANONICAL_MAX bytes. Returns its size. */
size_t matches_entry_write(const MatchEntry *entry, char *out);

void matches_query(MatchQuery *query, const Header *header, const uint8_t *body,
                   const Endpoint *sender, const Endpoint *recipient);

/*
 * Finds the receivers of a broadcast: calls routerthread's stamp table, fills thread->targets with
 * each receiver once. Without lock (inexact during changes) or inside the turn (exact).
 */
void matches_find(const Matches *matches, MatchQuery *query, RouterThread *thread);

/* Inside the turn: adds the eavesdroppers of a message to thread->targets (begun by the caller with
 * matches_begin()), each receiver once. */
void matches_begin(RouterThread *thread);
void matches_find_eavesdroppers(const Matches *matches, MatchQuery *query, RouterThread *thread);

/* Inside the turn: whether one of a monitor's rules is satisfied. */
bool matches_monitor_wants(const Endpoint *monitor, MatchQuery *query);

/* Marks an endpoint as found already, so that it is not found again in this look-up. */
void matches_exclude(RouterThread *thread, const Endpoint *endpoint);

/* Bytes of memory that the index holds for one entry, for tests and statistics. */
size_t matches_entry_size(const MatchEntry *entry);

#endif
