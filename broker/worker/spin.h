/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_WORKER_SPIN_H
#define RINGBUS_WORKER_SPIN_H

/*
 * Spin: how long to look for work before sleeping. Pays when a core is free and the next message is
 * near; ruins everybody when not. So `auto` measures itself: it goes on only while spins find work,
 * backs off to zero when they do not or when the scheduler took the core away, and tries again now
 * and then.
 *
 * Owner: one worker.
 */

#include <stdbool.h>
#include <stdint.h>

typedef enum SpinMode { SPIN_AUTO, SPIN_OFF, SPIN_FIXED } SpinMode;

typedef struct Spin {
        SpinMode mode;
        uint64_t budget_ns; /* of the next spin */
        uint64_t fixed_ns;
        uint64_t retry_at_ns; /* budget 0: try again then */
        uint64_t backoff_ns;  /* how long to stay away after a failure */
        long n_preempted;     /* involuntary switches seen so far */
} Spin;

/* Tells the core that this is a busy wait. */
static inline void spin_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
}

void spin_init(Spin *spin, SpinMode mode, uint64_t fixed_ns);

/* How long to spin now, in ns; 0: not at all. */
uint64_t spin_budget(Spin *spin, uint64_t now_ns);

/* A spin of that budget ended at now_ns; `paid`: it found work. */
void spin_report(Spin *spin, uint64_t now_ns, bool paid);

#endif
