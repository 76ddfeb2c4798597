/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_CREDIT_H
#define RINGBUS_BENCH_LOAD_SCENARIO_CREDIT_H

/*
 * How a sender without replies knows what has arrived: the receivers are in this same process, so
 * they tell it, behind the bus's back. For each part there is a count of what arrived there; the
 * sender reads them and is woken when one has grown.
 *
 * Owner: the sender's thread; credit_publish() is for the part that the count belongs to.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/load/engine/loop.h"

typedef struct Credit Credit;
struct Credit {
        Loop *loop;                   /* the sender's */
        void (*wake)(Credit *credit); /* on its thread */
        atomic_ullong *counts;
        atomic_bool is_waiting; /* whoever takes this away wakes the sender */
        bool is_armed;          /* the sender's: is_waiting was set, and no wake has come since */
        LoopTask task;
};

/* Zeroed memory, before anybody uses it. Out of memory ends the program. */
void credit_init(Credit *credit, unsigned n_parts, Loop *loop, void (*wake)(Credit *));
void credit_deinit(Credit *credit); /* idempotent, also on zeroed memory */

/*
 * What has arrived at `part`, in all. `loop` is the caller's: if it is the sender's, the sender is
 * woken within the call, else by a task.
 */
void credit_publish(Credit *credit, unsigned part, uint64_t n, Loop *loop);

/* The sender wants to be woken by whatever is published from now on: before it reads the counts. */
void credit_arm(Credit *credit);
uint64_t credit_get(const Credit *credit, unsigned part);

#endif
