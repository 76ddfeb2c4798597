/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_WEAK_H
#define RINGBUS_TESTS_RACE_WEAK_H

/*
 * The weak-memory explorer: runs a few threads of the real code of broker/sync through everything
 * that the C11 memory model lets them see, not only through every interleaving. The threads are
 * coroutines of one kernel thread; what each load reads and who goes on is the explorer's choice,
 * and all choices are made, one after the other, by depth-first search with re-execution.
 *
 * The model (weak_memory.c) is a view machine. Each atomic location keeps all values that were
 * stored to it, in modification order. A load may read any value that is not older than what its
 * thread is bound to have seen: by coherence, by an acquire that read from a release (release
 * sequences go on through read-modify-writes only, as in C++20), by a mutex, or by an earlier
 * sequentially consistent operation on the same location if it is one itself. A read-modify-write
 * reads the newest value. So store buffering, stale reads and reads out of order are there. Plain
 * accesses are instrumented by the compiler (-fsanitize=thread with weak_plain.c as its run time)
 * and two that no happens-before orders are a failure: a data race.
 *
 * What is not there: loads that read a value stored later in time (load buffering and values out of
 * thin air), so the order of execution is one of those that program order and reads-from allow; and
 * the sequentially consistent order is the order of execution. A plain atomic store goes to the end
 * of the modification order; that this loses nothing is checked: a store by a thread that need not
 * have seen the newest value is a failure. Fences do not exist in broker/sync.
 *
 * Partial-order reduction: sleep sets, in which a load that sleeps wakes for new values only. So no
 * two executions differ only in the order of operations that do not see each other. What a scenario
 * checks must therefore not depend on that order: results of operations and plain memory, which is
 * checked for races, but no global clocks.
 */

#include <stdbool.h>
#include <stdint.h>

enum { WEAK_THREADS_MAX = 4 };

typedef struct WeakScenario {
        const char *name;
        unsigned n_threads;
        void (*threads[WEAK_THREADS_MAX])(void);
        void (*begin)(void);   /* before each execution: sets everything up anew, unobserved */
        void (*end)(void);     /* after each: checks with ASSERT; NULL: nothing */
        unsigned failures_max; /* weak compare-and-swaps that fail for no reason */
        bool is_large;         /* not for explore_weakened.c, which runs each many times */
        /* Results. */
        uint64_t n_executions; /* that ran to their end */
        uint64_t n_cut;        /* that the reduction cut off: equal to another */
        uint64_t n_steps;
} WeakScenario;

/* What an operation has beyond being atomic. */
enum { WEAK_ACQUIRE = 1, WEAK_RELEASE = 2, WEAK_SC = 4 };

/* All operations of one kind in one function, and what any of them has. */
typedef struct WeakSite {
        const char *function;
        const char *operation; /* load, store, exchange, add, subtract, cas, cas-failure */
        unsigned properties;
} WeakSite;

enum { WEAK_SITES_MAX = 128 };

/* The atomic operations that have been executed since the process started; a function that is
 * compiled into several files comes once for each. */
extern WeakSite weak_sites[WEAK_SITES_MAX];
extern unsigned weak_n_sites;

/* An operation that is to lack `properties` (sequential consistency falls with either of the other
 * two); function NULL: all orders as written. */
extern WeakSite weak_weakened;

/* Without sleep sets: many times more executions, of which most are equal to another. */
extern bool weak_unreduced;

/* Runs all executions, or all up to the first that fails: then returns false, and weak_failure()
 * says why. If `loud` the failing execution's steps are printed. */
bool weak_run(WeakScenario *scenario, bool loud);
const char *weak_failure(void);

/* In a thread: which one. */
unsigned weak_thread(void);

/* A word of the kernel's, such as an eventfd's count, which gives no order to anything: raise sets
 * it; wait blocks until it is set and clears it; clear clears it. */
typedef struct WeakSignal {
        uint64_t word;
} WeakSignal;

void weak_signal_raise(WeakSignal *signal);
void weak_signal_wait(WeakSignal *signal);
void weak_signal_clear(WeakSignal *signal);

#endif
