/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the turn costs, measured inside the broker. The build ringbus-timed wraps lock_acquire(),
 * lock_release() and step_begin(): what they do to the turn's lock is counted and timed for each
 * thread, and written to the file that $RINGBUS_TURN_REPORT names when the broker ends.
 *
 * Cheap where it must be: a take that finds the turn free costs one clock more, its release
 * another; only a take that has to wait reads the thread's CPU clock, which tells spinning from
 * sleeping. What reading them costs is calibrated with the rest and reported beside what they read.
 * The clocks make each hold longer by some 50 ns: the counts of waits are a little too high, never
 * too low.
 *
 * Owner: each thread its own slot; read at the end, when the workers are joined.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "broker/router/step.h"

enum { SLOTS = 128, CALIBRATIONS = 1000000, CLOCK_CALIBRATIONS = 20000 };

typedef struct TurnClock {
        _Alignas(64) uint64_t n_takes; /* by steps: each signal is one */
        uint64_t n_waits;              /* takes that found it held */
        uint64_t wait_ns;              /* elapsed */
        uint64_t wait_cpu_ns;          /* of the waiting thread: spins and futex calls */
        uint64_t hold_ns;
        uint64_t hold_max_ns;
        uint64_t n_passes; /* flushers that met an uncommitted message */
        uint64_t pass_cpu_ns;
        uint64_t held_since_ns;
        bool in_step;
} TurnClock;

void __real_lock_acquire(Lock *lock);
void __real_lock_release(Lock *lock);
void __real_step_begin(Step *step, RouterThread *thread);
void __wrap_lock_acquire(Lock *lock);
void __wrap_lock_release(Lock *lock);
void __wrap_step_begin(Step *step, RouterThread *thread);

static TurnClock clocks[SLOTS];
static _Atomic(unsigned) n_clocks;
static _Atomic(const Lock *) turn_lock;
static _Thread_local TurnClock *mine;

static uint64_t now_ns(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static TurnClock *clock_of_thread(void)
{
        if (!mine) {
                unsigned index = atomic_fetch_add(&n_clocks, 1);

                if (index >= SLOTS)
                        abort();
                mine = &clocks[index];
        }
        return mine;
}

void __wrap_step_begin(Step *step, RouterThread *thread) LOCK_UNCHECKED
{
        TurnClock *clock = clock_of_thread();

        atomic_store_explicit(&turn_lock, &thread->router->turn.lock, memory_order_relaxed);
        clock->in_step = true;
        __real_step_begin(step, thread);
        clock->in_step = false;
}

static void acquire_held(Lock *lock, TurnClock *clock) LOCK_UNCHECKED
{
        uint64_t from_ns = now_ns(CLOCK_MONOTONIC), cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);

        __real_lock_acquire(lock);
        cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
        if (!clock->in_step) {
                clock->pass_cpu_ns += cpu_ns;
                return;
        }
        clock->n_waits++;
        clock->wait_cpu_ns += cpu_ns;
        clock->wait_ns += now_ns(CLOCK_MONOTONIC) - from_ns;
}

void __wrap_lock_acquire(Lock *lock) LOCK_UNCHECKED
{
        TurnClock *clock;

        if (lock != atomic_load_explicit(&turn_lock, memory_order_relaxed)) {
                __real_lock_acquire(lock);
                return;
        }
        clock = clock_of_thread();
        if (pthread_mutex_trylock(&lock->mutex) != 0)
                acquire_held(lock, clock);
        if (!clock->in_step) {
                clock->n_passes++;
                return;
        }
        clock->n_takes++;
        clock->held_since_ns = now_ns(CLOCK_MONOTONIC);
}

void __wrap_lock_release(Lock *lock) LOCK_UNCHECKED
{
        TurnClock *clock = mine;

        if (clock && clock->held_since_ns &&
            lock == atomic_load_explicit(&turn_lock, memory_order_relaxed)) {
                uint64_t held_ns = now_ns(CLOCK_MONOTONIC) - clock->held_since_ns;

                clock->held_since_ns = 0;
                clock->hold_ns += held_ns;
                if (held_ns > clock->hold_max_ns)
                        clock->hold_max_ns = held_ns;
        }
        __real_lock_release(lock);
}

/* Taking and releasing a lock that nobody else wants, in picoseconds. */
static uint64_t calibrate_ps(void) LOCK_UNCHECKED
{
        uint64_t from_ns;
        Lock lock;

        lock_init(&lock);
        from_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
        for (unsigned i = 0; i < CALIBRATIONS; i++) {
                __real_lock_acquire(&lock);
                __real_lock_release(&lock);
        }
        from_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - from_ns;
        lock_deinit(&lock);
        return from_ns * 1000 / CALIBRATIONS;
}

/* What a wait of no length would be said to take, in picoseconds. */
static void calibrate_clocks(uint64_t *ret_wait_ps, uint64_t *ret_wait_cpu_ps)
{
        uint64_t from_ns, from_cpu_ns, cpu_ns = 0, ns = 0;

        for (unsigned i = 0; i < CLOCK_CALIBRATIONS; i++) {
                from_ns = now_ns(CLOCK_MONOTONIC);
                from_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
                cpu_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - from_cpu_ns;
                ns += now_ns(CLOCK_MONOTONIC) - from_ns;
        }
        *ret_wait_ps = ns * 1000 / CLOCK_CALIBRATIONS;
        *ret_wait_cpu_ps = cpu_ns * 1000 / CLOCK_CALIBRATIONS;
}

__attribute__((destructor)) static void write_report(void)
{
        const char *path = getenv("RINGBUS_TURN_REPORT");
        uint64_t wait_ps, wait_cpu_ps;
        TurnClock sum = {0};
        FILE *file = path && *path ? fopen(path, "we") : NULL;

        if (!file)
                return;
        for (unsigned i = 0; i < SLOTS; i++) {
                const TurnClock *clock = &clocks[i];

                sum.n_takes += clock->n_takes;
                sum.n_waits += clock->n_waits;
                sum.wait_ns += clock->wait_ns;
                sum.wait_cpu_ns += clock->wait_cpu_ns;
                sum.hold_ns += clock->hold_ns;
                sum.n_passes += clock->n_passes;
                sum.pass_cpu_ns += clock->pass_cpu_ns;
                if (clock->hold_max_ns > sum.hold_max_ns)
                        sum.hold_max_ns = clock->hold_max_ns;
        }
        calibrate_clocks(&wait_ps, &wait_cpu_ps);
        fprintf(file,
                "takes=%llu waits=%llu wait_ns=%llu wait_cpu_ns=%llu hold_ns=%llu "
                "hold_max_ns=%llu passes=%llu pass_cpu_ns=%llu pair_ps=%llu clock_wait_ps=%llu "
                "clock_wait_cpu_ps=%llu\n",
                (unsigned long long)sum.n_takes, (unsigned long long)sum.n_waits,
                (unsigned long long)sum.wait_ns, (unsigned long long)sum.wait_cpu_ns,
                (unsigned long long)sum.hold_ns, (unsigned long long)sum.hold_max_ns,
                (unsigned long long)sum.n_passes, (unsigned long long)sum.pass_cpu_ns,
                (unsigned long long)calibrate_ps(), (unsigned long long)wait_ps,
                (unsigned long long)wait_cpu_ps);
        fclose(file);
}
