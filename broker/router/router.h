/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_ROUTER_H
#define RINGBUS_ROUTER_ROUTER_H

/*
 * The router: what all workers share; what each thread that routes has for itself is a
 * RouterThread. Look-ups take no lock; the only locks are the registry and the turn, taken in this
 * order (rule R4), for pushes.
 */

#include "auth/mediator.h"
#include "auth/policy.h"
#include "broker/router/endpoint.h"
#include "broker/router/matches.h"
#include "broker/router/names.h"
#include "broker/router/routerthread.h"
#include "broker/sync/turn.h"

typedef struct RouterLimits { /* the reference's <limit> names */
        uint64_t max_message_size;
        uint64_t max_message_unix_fds;
        uint64_t max_incoming_bytes;
        uint64_t max_incoming_unix_fds;
        uint64_t max_outgoing_bytes;
        uint64_t max_outgoing_unix_fds;
        uint64_t max_completed_connections;
        uint64_t max_connections_per_user;
        uint64_t max_names_per_connection;
        uint64_t max_match_rules_per_connection;
        uint64_t max_replies_per_connection;
        uint64_t auth_timeout_ms;
        uint64_t pending_fd_timeout_ms;
        uint64_t reply_timeout_ms; /* 0: never */
        /* Not the reference's: of receivers that do not read; 0: never. */
        uint64_t stall_forgive_ms;
        uint64_t stall_close_ms;
} RouterLimits;

/* Everything that a reload replaces in one step; loaded once per message. Immutable. */
typedef struct RouterRoot {
        Retired retired;
        Policy *policy;      /* owned */
        Mediators mediators; /* the same; asked before the policy */
        RouterLimits limits;
} RouterRoot;

typedef struct RouterHooks {
        /* Hands duties to worker `home`: a chain of duty_node, each with a reference. Called with
         * no lock held; wakes the worker if it sleeps. */
        void (*post_duties)(void *context, unsigned home, StackNode *chain);
        /* Has worker `home` call replies_collect() for a callee (with a reference, by its
         * collect_node): callers add records faster than it answers. Or look whether it is a
         * monitor that is over its limit (Endpoint.overflown). */
        void (*post_collect)(void *context, Endpoint *callee);
        void *context;
} RouterHooks;

struct Router {
        Turn turn;
        Names names;     /* with the registry lock */
        Matches matches; /* changed inside the turn */
        Tally n_rules;   /* with repetitions, as the peaks; written inside the turn, read without */
        Tally peak_rules;
        Tally peak_rules_per_connection;
        Cell root;           /* RouterRoot */
        Counter serial;      /* of the bus's own messages */
        Counter n_capturing; /* monitors and eavesdropping rules: if any, all take the turn */
        Counter n_fds_ahead; /* of all receivers: PeerOutput.n_fds_ahead */
        Pool pool;           /* under the turn, or before threads */
        Qsbr *qsbr;          /* borrowed */
        RouterHooks hooks;
};

/* 0 or -errno. `root` is from the general heap and now the router's. */
int router_init(Router *router, Qsbr *qsbr, RouterRoot *root, const RouterHooks *hooks);

/* Control: from now on messages are judged by `root`, which is now the router's; the old one is
 * retired. When it is reclaimed, no message is judged by it any more. */
void router_replace_root(Router *router, RouterRoot *root);

/* No thread routes any more, and the retired objects have been reclaimed. */
void router_deinit(Router *router);

/* Whether messages are judged at all. */
static inline bool router_judges(const RouterRoot *root)
{
        return !root->policy->allows_all_messages || root->mediators.n > 0;
}

static inline const RouterRoot *router_root(const Router *router)
{
        return cell_get(&router->root);
}

/*
 * One root for all that a message, or another operation, is judged by. The thread that routes calls
 * it before each message and behind whatever ends a read-side section: thread->root is not to be
 * used across either.
 */
static inline void router_load_root(RouterThread *thread)
{
        thread->root = router_root(thread->router);
}

/* How many places a message is to have at hand for one receiver, and for whoever watches: further
 * ones come in large pieces. */
static inline unsigned router_places(const Router *router)
{
        enum { WATCHERS_MAX = 7 };
        const uint64_t n = counter_read(&router->n_capturing);

        return 1 + (n < WATCHERS_MAX ? (unsigned)n : WATCHERS_MAX);
}

/* The serial of a message of the bus's own; never 0. Any thread. */
uint32_t router_next_serial(Router *router);

#endif
