/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_TARGET_WATCH_H
#define RINGBUS_BENCH_LOAD_SCENARIO_TARGET_WATCH_H

/* A connection that watches whether a service leaves the bus. */

#include <stdatomic.h>

#include "bench/load/scenario/run.h"

typedef struct TargetWatch {
        RunClient client;
        const char *name;                // borrowed
        atomic_bool is_lost;             /* any thread: it has left */
        void (*say_lost)(RunPart *part); /* on the watch's part */
} TargetWatch;

/* Zeroed memory. In a stage, which waits until it watches. `name` must last. */
void target_watch_start(TargetWatch *watch, RunPart *part, const char *name,
                        void (*say_lost)(RunPart *part));

static inline bool target_watch_is_lost(const TargetWatch *watch)
{
        return atomic_load_explicit(&watch->is_lost, memory_order_relaxed);
}

#endif
