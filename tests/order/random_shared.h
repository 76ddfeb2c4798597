/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_SHARED_H
#define RINGBUS_TESTS_ORDER_RANDOM_SHARED_H

/*
 * What the processes of one round share: the options, and a page of counters by which they agree
 * on the phases of the round and learn whom to talk to.
 *
 * Nothing here is evidence: the checks read the logs alone. The counters are a way round the bus
 * from client to client, on purpose (see `barriers`).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum {
        RANDOM_CLIENTS_MAX = 64, /* with the observers */
        RANDOM_OBSERVERS = 2,    /* the last clients: they are sent every broadcast */
        RANDOM_NAMES = 6,        /* well-known names that everybody fights for */
        RANDOM_WORKERS_MAX = 8,
        RANDOM_FDS_MAX = 3, /* in one message */
};

typedef struct RandomOptions {
        const char *daemon;
        const char *io;   /* NULL: the daemon's own choice */
        const char *logs; /* the directory below which a round's logs are written */
        unsigned workers[RANDOM_WORKERS_MAX]; /* rounds take turns; 0: the daemon's own choice */
        unsigned n_workers;
        unsigned seconds;
        unsigned default_seconds; /* if nothing else says */
        unsigned round_seconds;
        unsigned first_round;
        unsigned n_clients; /* without the observers */
        unsigned n_processes;
        uint64_t seed;
        bool keep_logs;
        bool lenient; /* the reference: an abrupt end may lose what was written last */
} RandomOptions;

/* The phases of a round, in order. */
typedef enum RandomPhase {
        RANDOM_PHASE_OBSERVE, /* the observers join, one after the other */
        RANDOM_PHASE_RUN,
        RANDOM_PHASE_SETTLE, /* no more steps; wait for all answers, then for a round trip */
        RANDOM_PHASE_FINISH, /* one last round trip: now everything has come */
        RANDOM_PHASE_EXIT,
        RANDOM_PHASE_ABORT, /* something did not come in time: write the logs and leave */
} RandomPhase;

typedef enum RandomProgress {
        RANDOM_PROGRESS_NONE,
        RANDOM_PROGRESS_READY,
        RANDOM_PROGRESS_SETTLED,
        RANDOM_PROGRESS_FINISHED,
} RandomProgress;

typedef struct RandomShared {
        atomic_uint phase;
        atomic_uint progress[RANDOM_CLIENTS_MAX];
        atomic_uint monitor;                    /* RandomProgress; NONE: it is waited for */
        atomic_uint policy;                     /* its state: random_policy.h */
        atomic_uint unique[RANDOM_CLIENTS_MAX]; /* N of :1.N, now; 0: none yet */
        atomic_ullong
                barriers[RANDOM_CLIENTS_MAX]; /* unique << 32 | serial: processed by the bus */
        atomic_ulong n_broadcasts;            /* sent */
        atomic_ulong n_observed[RANDOM_OBSERVERS];
        atomic_ulong n_sent;
        atomic_ulong n_received;
        atomic_ulong n_joined;
} RandomShared;

/*
 * All of it sequentially consistent: it must not be the test that is out of order.
 * A uint counts as long where that is simpler for callers.
 */
static inline unsigned random_shared_get(atomic_uint *value)
{
        return atomic_load_explicit(value, memory_order_seq_cst);
}

static inline void random_shared_set(atomic_uint *value, unsigned to)
{
        atomic_store_explicit(value, to, memory_order_seq_cst);
}

static inline uint64_t random_shared_get_barrier(atomic_ullong *value)
{
        return atomic_load_explicit(value, memory_order_seq_cst);
}

static inline void random_shared_set_barrier(atomic_ullong *value, uint64_t to)
{
        atomic_store_explicit(value, to, memory_order_seq_cst);
}

static inline unsigned long random_shared_count(atomic_ulong *value)
{
        return atomic_load_explicit(value, memory_order_seq_cst);
}

static inline void random_shared_add(atomic_ulong *value, unsigned long n)
{
        (void)atomic_fetch_add_explicit(value, n, memory_order_seq_cst);
}

static inline void random_shared_subtract(atomic_ulong *value, unsigned long n)
{
        (void)atomic_fetch_sub_explicit(value, n, memory_order_seq_cst);
}

static inline int64_t random_shared_now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif
