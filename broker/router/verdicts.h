/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_VERDICTS_H
#define RINGBUS_ROUTER_VERDICTS_H

/*
 * Verdicts: what the policy said last time about a message of this shape between these two. Fixed
 * size, allocated when its thread starts; what is found is exact, for the key is all that the
 * verdict depends on, compared in full. Ids of connections and serials of name snapshots are never
 * used twice, so nothing of it can come to mean something else.
 *
 * Owner: one thread that routes.
 */

#include "auth/policy.h"

typedef struct VerdictKey {
        uint64_t sender;          /* id; ENDPOINT_NO_ID: the bus */
        uint64_t recipient;       /* the same */
        uint64_t sender_names;    /* serial of the snapshot; 0: none, or no rule asks */
        uint64_t recipient_names; /* the same */
        PolicyShape shape;
} VerdictKey;

typedef enum Verdict {
        VERDICT_UNKNOWN,
        VERDICT_ALLOWED,
        VERDICT_LOGGED, /* allowed, by a rule that says log="true" */
        VERDICT_NO_SEND,
        VERDICT_NO_RECEIVE,
        VERDICT_MEDIATED, /* a security module says no; never in the cache */
} Verdict;

typedef struct VerdictEntry VerdictEntry;

typedef struct Verdicts {
        VerdictEntry *entries;
        uint64_t generation; /* of the policy that said so */
} Verdicts;

int verdicts_init(Verdicts *verdicts); /* 0 or -ENOMEM */
void verdicts_deinit(Verdicts *verdicts);

/* VERDICT_UNKNOWN: not there. A policy of another generation empties the cache. */
Verdict verdicts_find(Verdicts *verdicts, uint64_t generation, const VerdictKey *key);

/* Of the generation that was looked for last. Something else is forgotten for it. */
void verdicts_add(Verdicts *verdicts, const VerdictKey *key, Verdict verdict);

#endif
