/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_RACE_H
#define RINGBUS_TESTS_RACE_RACE_H

/*
 * Race tests: threads that go at one structure until the time is over, in rounds. Bodies check
 * invariants with ASSERT (cmocka's asserts belong to the main thread). What a body keeps in plain
 * memory on purpose is what the structure has to order: ThreadSanitizer checks that it does.
 *
 * RINGBUS_RACE_MS: how long each race runs; default 1000. In so little time a busy machine may not
 * let the threads meet at all: a test that wants them to have met runs its race up to RACE_TRIES
 * times.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
        RACE_THREADS_MAX = 16,
        RACE_TRIES = 30, /* until a race on a busy machine has met the cases that it is about */
};

typedef struct Race {
        unsigned n_threads;
        void (*body)(struct Race *race, unsigned index);
        void *context;
        /* Its own. */
        pthread_barrier_t barrier;
        uint64_t end_ns; /* set when all threads have begun */
        bool over;       /* written by one thread between two barriers */
} Race;

/* Runs body(0) ... body(n_threads - 1), each on a thread of its own; returns when all have. If that
 * takes four minutes longer than it should the process ends: somebody waits for ever. */
void race_run(unsigned n_threads, void (*body)(Race *race, unsigned index), void *context);

/* All threads of a race meet; nobody goes on before all are there. */
void race_meet(Race *race);

/* All threads meet; the same answer for all: whether there is to be another round. */
bool race_goes_on(Race *race);

/* Whether the time is over, for a thread that does not work in rounds. */
bool race_is_over(const Race *race);

/* A random number below `n`; each thread has a seed of its own. */
unsigned race_random(uint64_t *seed, unsigned n);

/* Now and then lets another thread run, also in the middle of things on a machine with one core. */
void race_stumble(uint64_t *seed);

#endif
