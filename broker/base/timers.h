/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_TIMERS_H
#define RINGBUS_BASE_TIMERS_H

/*
 * Timers: a binary heap of deadlines for one thread, whose earliest is its wait's timeout.
 * Owner: one thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Timer Timer;
struct Timer {
        uint64_t deadline_ns; /* CLOCK_MONOTONIC */
        size_t position;      /* in the heap + 1; 0: not armed */
        void (*fire)(Timer *timer, void *context);
};

typedef struct Timers {
        Timer **heap;
        size_t n;
        size_t capacity;
} Timers;

void timers_init(Timers *timers);
void timers_deinit(Timers *timers); /* armed timers are forgotten */

/* Arms, or moves, a timer. 0 or -ENOMEM (then it is not armed). */
int timers_arm(Timers *timers, Timer *timer, uint64_t deadline_ns);
void timers_disarm(Timers *timers, Timer *timer); /* not armed: nothing */

static inline bool timers_is_armed(const Timer *timer)
{
        return timer->position != 0;
}

/* Nanoseconds until the earliest deadline, 0 if it has passed, UINT64_MAX if there is none. */
uint64_t timers_timeout(const Timers *timers, uint64_t now_ns);

/* Fires (and disarms) every timer whose deadline has passed. */
void timers_fire(Timers *timers, uint64_t now_ns, void *context);

#endif
