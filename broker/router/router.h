/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_ROUTER_H
#define RINGBUS_ROUTER_ROUTER_H

/*
 * The router: what all workers share (Router) and what each thread that routes has for itself
 * (RouterThread). Look-ups take no lock; the only locks are the registry and the turn, taken in
 * this order (rule R4), for pushes.
 */

#include "auth/policy.h"
#include "broker/router/endpoint.h"
#include "broker/router/matches.h"
#include "broker/router/names.h"
#include "broker/sync/turn.h"

enum {
        ROUTER_WORKERS_MAX = 64,
        ROUTER_SLOTS_MAX = 1 << 20, /* connections */
        ROUTER_DUTIES_MAX = 16,     /* more receivers than this: each one's own worker flushes */
};

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
} RouterLimits;

/* Everything that a reload replaces in one step; loaded once per message. Immutable. */
typedef struct RouterRoot {
        Retired retired;
        Policy policy;
        RouterLimits limits;
} RouterRoot;

typedef struct RouterHooks {
        /* Hands duties to worker `home`: a chain of duty_node, each with a reference. Called with
         * no lock held; wakes the worker if it sleeps. */
        void (*post_duties)(void *context, unsigned home, StackNode *chain);
        void *context;
} RouterHooks;

typedef struct Router {
        Turn turn;
        Names names; /* with the registry lock */
        Matches matches; /* changed inside the turn */
        Cell root;       /* RouterRoot */
        Counter serial;  /* of the bus's own messages */
        Counter n_capturing; /* monitors and eavesdropping rules: if any, all take the turn */
        Pool pool;           /* under the turn, or before threads */
        Qsbr *qsbr;          /* borrowed */
        RouterHooks hooks;
} Router;

/* 0 or -errno. `root` is from the general heap and now the router's. */
int router_init(Router *router, Qsbr *qsbr, RouterRoot *root, const RouterHooks *hooks);

/* No thread routes any more, and the retired objects have been reclaimed. */
void router_deinit(Router *router);

static inline const RouterRoot *router_root(const Router *router)
{
        return cell_get(&router->root);
}

/* The serial of a message of the bus's own; never 0. Any thread. */
uint32_t router_next_serial(Router *router);

/* Owner: one thread that pushes. */
struct RouterThread {
        Router *router;
        Pool pool;
        unsigned index; /* of the worker; ROUTER_WORKERS_MAX for a thread without a ring */
        StackNode *duties_first; /* endpoints to flush, oldest first, each with a reference */
        StackNode *duties_last;
        StackNode *handed[ROUTER_WORKERS_MAX]; /* collected for other workers' flushing */
        unsigned n_step_duties;                /* of the step under way */
        bool has_handed;
        bool short_of_buffers; /* set by the worker: messages are to own their bytes */
        /* Look-up scratch: virtual memory for ROUTER_SLOTS_MAX, touched as far as needed. */
        uint32_t *stamps; /* by endpoint slot: the stamp of the look-up that found it */
        uint32_t stamp;
        Endpoint **targets;
        unsigned n_targets;
        /* Statistics. */
        Tally n_routed; /* messages routed */
        Tally n_deliveries;
        Tally n_dropped; /* signals to receivers that are over their limit */
};

int routerthread_init(RouterThread *thread, Router *router, unsigned index);
void routerthread_deinit(RouterThread *thread);

/* Notes a duty (with a reference, now the list's) for this thread. */
void routerthread_add_duty(RouterThread *thread, Endpoint *endpoint);

/* A duty that a push has just brought (with a reference): this thread's, or collected for the
 * receiver's own worker when this thread has no ring or the step has very many receivers. */
void routerthread_place_duty(RouterThread *thread, Endpoint *endpoint);

/* The oldest duty, with its reference; NULL when there is none. */
Endpoint *routerthread_take_duty(RouterThread *thread);

/* Passes collected duties to their workers. No lock is held. */
void routerthread_hand_over(RouterThread *thread);

#endif
