/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_MICRO_MATCHING_WORLD_H
#define RINGBUS_BENCH_MICRO_MATCHING_WORLD_H

/*
 * A router without workers or sockets, for one thread: subscribers that have rules and a sender
 * that has names. Their mailboxes are closed, so nothing is ever delivered.
 */

#include "broker/router/router.h"

enum { MATCHING_SUBSCRIBERS = 10 };

typedef struct MatchingPeer {
        Endpoint endpoint;
        Retired retired;
        struct MatchingWorld *world;
} MatchingPeer;

/* Owner: the one thread. */
typedef struct MatchingWorld {
        Wake wake;
        Qsbr qsbr;
        Router router;
        RouterThread thread;
        MatchingPeer *sender;
        MatchingPeer *subscribers[MATCHING_SUBSCRIBERS];
} MatchingWorld;

/* Out of memory ends the program, here and below. */
MatchingWorld *matching_world_new(void);
MatchingWorld *matching_world_free(MatchingWorld *world); /* returns NULL */

/* The sender becomes primary owner of a name that nobody owns. */
void matching_world_own(MatchingWorld *world, const char *name);

/* One of the subscribers gets a rule, by the same code as for AddMatch. */
void matching_world_add(MatchingWorld *world, unsigned subscriber, const char *rule);

/* All subscribers leave, with their rules. */
void matching_world_clear(MatchingWorld *world);

#endif
