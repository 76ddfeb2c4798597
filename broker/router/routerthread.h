/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_ROUTERTHREAD_H
#define RINGBUS_ROUTER_ROUTERTHREAD_H

/* RouterThread: what a thread that pushes needs for itself: memory, duties, look-up scratch. */

#include "broker/router/answers.h"
#include "broker/router/endpoint.h"
#include "broker/router/refusals.h"
#include "broker/router/verdicts.h"
#include "broker/sync/pool.h"
#include "broker/sync/tally.h"

typedef struct Router Router;
typedef struct RouterRoot RouterRoot;

enum {
        ROUTER_WORKERS_MAX = 64,
        ROUTER_SLOTS_MAX = 1 << 20, /* connections */
        ROUTER_DUTIES_MAX = 16,     /* more receivers than this: each one's own worker flushes */
};

/* Owner: one thread that pushes. */
struct RouterThread {
        Router *router;
        const RouterRoot *root; /* of what is at hand: router_load_root() */
        uint64_t now_ns;        /* read once a turn; 0 in a thread that has none */
        Pool pool;
        unsigned index;          /* of the worker; ROUTER_WORKERS_MAX for a thread without a ring */
        StackNode *duties_first; /* endpoints to flush, oldest first, each with a reference */
        StackNode *duties_last;
        StackNode *handed[ROUTER_WORKERS_MAX]; /* collected for other workers' flushing */
        unsigned n_step_duties;                /* of the step under way */
        StackNode *collects; /* callees whose home is to collect, by collect_node */
        bool has_handed;
        List delivered;        /* activation_discard()'s */
        bool short_of_buffers; /* set by the worker: messages are to own their bytes */
        /* Look-up scratch: virtual memory for ROUTER_SLOTS_MAX, touched as far as needed. */
        uint32_t *stamps; /* by endpoint slot: the stamp of the look-up that found it */
        uint32_t stamp;
        Endpoint **targets;
        Endpoint **sorted; /* where routerthread_sort_targets() puts them */
        unsigned n_targets;
        unsigned n_denied_targets; /* in `sorted`: taken out by judge_targets() */
        /* Statistics. */
        Tally n_routed; /* messages routed */
        Tally n_deliveries;
        Tally n_dropped; /* signals to receivers that are over their limit */
        Tally n_denied;  /* by policy: messages, each for one receiver, and names */
        Tally n_verdict_hits;
        Tally n_verdict_misses;
        Tally n_answer_hits; /* of security modules */
        Tally n_answer_misses;
        /* Policy. */
        Verdicts verdicts;
        Answers answers;
        Refusals refusals;
};

int routerthread_init(RouterThread *thread, Router *router, unsigned index);
void routerthread_deinit(RouterThread *thread);

/* Notes a duty (with a reference, now the list's) for this thread. */
void routerthread_add_duty(RouterThread *thread, Endpoint *endpoint);

/* A duty that a push has just brought (with a reference): this thread's, or collected for the
 * receiver's own worker when this thread has no ring or the step has very many receivers. */
void routerthread_place_duty(RouterThread *thread, Endpoint *endpoint);

/* Orders the targets by the workers that flush them, which then write to cache lines of their own:
 * the places of one message in many mailboxes lie side by side. Keeps the order among those of one
 * worker. */
void routerthread_sort_targets(RouterThread *thread);

/* All duties, oldest first, linked by Endpoint.duty_node, with their references. */
StackNode *routerthread_take_duties(RouterThread *thread);

/* Notes that the callee's home is to call replies_collect(); takes a reference. */
void routerthread_add_collect(RouterThread *thread, Endpoint *callee);

/* Passes collected duties and requests to their workers. No lock is held. */
void routerthread_hand_over(RouterThread *thread);

#endif
