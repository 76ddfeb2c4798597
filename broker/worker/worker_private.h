/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_WORKER_WORKER_PRIVATE_H
#define RINGBUS_WORKER_WORKER_PRIVATE_H

/* What the worker's files share. */

#include <pthread.h>
#include <semaphore.h>

#include "broker/worker/spin.h"
#include "broker/worker/worker.h"

/* Owner: the worker's thread, but for what is marked as shared. */
struct Worker {
        WorkerOptions options; /* immutable */
        pthread_t thread;
        sem_t ready;
        int start_error;
        Wake wake;      /* shared, as all down to pool_free_bytes */
        Stack arrivals; /* WorkerArrival */
        Stack duties;   /* Endpoint.duty_node */
        Stack collects; /* Endpoint.collect_node */
        Stack resumes;  /* Peer.post_node */
        Stack answers;  /* DriverReload */
        Switch stopping;
        Tally n_peers;
        Counter n_posted;     /* arrivals */
        Tally n_admitted;     /* arrivals taken from the inbox */
        Tally io_counters[4]; /* copies of the Io's, for other threads */
        Tally pool_bytes;
        Tally pool_free_bytes;
        Shard shard;
        Spin spin;
        bool closing_all;
        bool more;           /* io_next() has something */
        IoReceived received; /* scratch: it is large */
};

/* The loop; returns when worker_stop() was called and everything has been given up. */
void worker_loop(Worker *worker);

/* Takes hand-overs, duties and resumed inputs from other threads. */
void worker_drain_inbox(Worker *worker);

#endif
