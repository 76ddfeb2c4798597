/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_EXPLORER_H
#define RINGBUS_TESTS_RACE_EXPLORER_H

/*
 * Explorer: runs a few threads through every interleaving of their atomic operations, one after the
 * other, by depth-first search. The threads are coroutines of one kernel thread, so an interleaving
 * is decided by nothing but the explorer's choices, and a failing one is printed and can be run
 * again.
 *
 * What it shows: the protocol, under sequential consistency. What it does not show: orders that are
 * too weak; that is the part of weak.h, and of ThreadSanitizer in the other race tests.
 *
 * A thread that waits for a condition is not chosen until it holds; if nobody can be chosen and not
 * all have ended, somebody waits for ever: that is a failure.
 */

#include <stdbool.h>
#include <stdint.h>

enum { EXPLORER_THREADS_MAX = 4, EXPLORER_NO_BOUND = -1 };

typedef struct Explorer {
        unsigned n_threads;
        void (*threads[EXPLORER_THREADS_MAX])(void);
        void (*begin)(void); /* before each interleaving: sets everything up anew */
        void (*end)(void);   /* after each: checks with ASSERT */
        int preemptions_max; /* switches away from a thread that could go on; EXPLORER_NO_BOUND */
        int failures_max;    /* weak compare-and-swaps that fail for no reason */
        /* Results. */
        uint64_t n_interleavings;
        uint64_t n_points;
} Explorer;

/* Ends the process, after printing the choices that led there, when a check fails. */
void explorer_run(Explorer *explorer);

/* In a thread: waits until `is_ready`, which must not change anything. */
void explorer_wait(bool (*is_ready)(void));

/* In a thread: which one. */
unsigned explorer_thread(void);

#endif
