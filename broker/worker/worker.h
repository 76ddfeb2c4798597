/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_WORKER_WORKER_H
#define RINGBUS_WORKER_WORKER_H

/*
 * Worker: a thread that owns a shard of the connections: it receives, routes and flushes. It
 * touches no file, no name service and no child process.
 *
 * Other threads reach it through its inbox (new connections, resumed ones) and its duty stack, and
 * wake it at most once for each sleep.
 */

#include "broker/driver/driver.h"

typedef struct Worker Worker;

typedef enum WorkerSpin { WORKER_SPIN_AUTO, WORKER_SPIN_OFF, WORKER_SPIN_FIXED } WorkerSpin;

/* What a connection brings; whoever posts it gives it away. */
typedef struct WorkerArrival {
        StackNode node;
        PeerOptions options;
        uint8_t *bytes; /* received already; freed by release() */
        size_t n_bytes;
        int *fds; /* received already: the peer's from now on, the array is release()'s */
        unsigned n_fds;
        void (*release)(struct WorkerArrival *arrival); /* frees the arrival itself */
} WorkerArrival;

typedef struct WorkerOptions {
        unsigned index;
        IoBackend backend;
        Router *router; /* borrowed, as all below */
        Driver *driver;
        Worker **workers; /* all of them, by index, complete before the first arrival */
        WorkerSpin spin;
        uint64_t spin_ns;   /* WORKER_SPIN_FIXED */
        unsigned n_buffers; /* 0: the default */
        /* A connection is no longer incomplete (gate_complete()). Any worker. */
        void (*on_complete)(void *context, void *ticket);
        void *context;
} WorkerOptions;

typedef struct WorkerCounters { /* a snapshot */
        uint64_t peers;
        uint64_t routed;       /* messages of this worker's connections */
        uint64_t deliveries;   /* pushes into mailboxes */
        uint64_t flushes;      /* sendmsg requests */
        uint64_t dropped;      /* messages to receivers over their limit */
        uint64_t denied;       /* by policy: messages, each for one receiver, and names */
        uint64_t verdict_hits; /* of the policy's verdicts: found in the cache */
        uint64_t verdict_misses;
        uint64_t answer_hits; /* of what security modules answered: the same */
        uint64_t answer_misses;
        uint64_t closed_invalid;
        uint64_t closed_stalled;
        uint64_t kernel_entries;
        uint64_t sends;
        uint64_t receives;
        uint64_t sleeps;
        uint64_t pool_bytes;
        uint64_t pool_free_bytes;
} WorkerCounters;

/* Starts the thread; returns when it is ready to serve. 0 or -errno. */
int worker_new(const WorkerOptions *options, Worker **ret_worker);

/* Any thread: takes the arrival over. */
void worker_post_arrival(Worker *worker, WorkerArrival *arrival);

/* Any thread: how many connections it has or is about to get; approximate while that changes. */
uint64_t worker_load(Worker *worker);

/* Any thread: duties, a chain of Endpoint.duty_node with a reference each. */
void worker_post_duties(Worker *worker, StackNode *chain);

/* Any thread: the answer to a call that waited for control, or an announcement. */
void worker_post_answer(Worker *worker, DriverReload *answer);

/* Any thread: the callee (with a reference) is to collect the replies it owes. */
void worker_post_collect(Worker *worker, Endpoint *callee);

/* Any thread: the peer's input may go on. */
void worker_post_resume(Worker *worker, Peer *peer);

/* Any thread: closes all connections; the thread goes on until they are gone. */
void worker_stop(Worker *worker);

/* After worker_stop() on all workers: the thread has ended. Its pools stay for those who still hold
 * its memory, until worker_free(). */
void worker_join(Worker *worker);

/* After worker_join() on all workers: what others posted too late for the thread is given up. */
void worker_settle(Worker *worker);

/* After worker_join() on all workers and the last reclaim. Returns NULL. */
Worker *worker_free(Worker *worker);

/* Any thread. */
void worker_read_counters(Worker *worker, WorkerCounters *ret_counters);

#endif
