/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_MICRO_WORLD_H
#define RINGBUS_BENCH_MICRO_WORLD_H

/*
 * A router without workers or sockets, for one thread, with peers that have names and rules. Their
 * mailboxes are closed, so nothing is ever delivered. Out of memory ends the program.
 */

#include "broker/router/router.h"

typedef struct WorldPeer {
        Endpoint endpoint;
        Retired retired;
        struct World *world;
} WorldPeer;

/* Owner: the one thread. */
typedef struct World {
        Wake wake;
        Qsbr qsbr;
        Router router;
        RouterThread thread;
        WorldPeer **peers;
        size_t n_peers, capacity;
} World;

World *world_new(void);
World *world_free(World *world); /* with all its peers; returns NULL */

/* A peer that has said Hello; the world's. */
WorldPeer *world_join(World *world);

/* The peer becomes primary owner of a name that nobody owns. */
void world_own(World *world, WorldPeer *peer, const char *name);

/* The peer gets a rule, by the same code as for AddMatch. */
void world_add_rule(World *world, WorldPeer *peer, const char *rule);

#endif
