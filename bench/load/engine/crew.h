/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_CREW_H
#define RINGBUS_BENCH_LOAD_ENGINE_CREW_H

/*
 * The threads that generate load, each with a loop of its own.
 *
 * Owner: the thread that started them. `members` is fixed from crew_start() to crew_stop().
 */

#include <pthread.h>

#include "bench/load/engine/loop.h"

enum { CREW_MAX = 64 };

typedef struct CrewMember {
        Loop loop;
        pthread_t thread;
        unsigned index;
        LoopTask end;
        void (*run)(struct CrewMember *member, void *context); /* NULL: loop_run() only */
        void *context;
} CrewMember;

typedef struct Crew {
        CrewMember *members;
        unsigned n_members; /* running */
} Crew;

/*
 * Starts `n_threads` (1 to CREW_MAX). Each calls `run` (if not NULL), which returns to have the
 * thread end; otherwise it runs its loop until crew_stop(). Signals are blocked in these threads.
 * 0 or a negative errno; then none runs.
 */
int crew_start(Crew *crew, unsigned n_threads, void (*run)(CrewMember *, void *), void *context);

/* Ends each loop, waits for the threads, frees. Idempotent. */
void crew_stop(Crew *crew);

/* CPU time of a member so far. Any thread, while the crew runs. */
uint64_t crew_cpu_ns(const CrewMember *member);

#endif
