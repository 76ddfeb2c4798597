/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_COUNTER_H
#define RINGBUS_SYNC_COUNTER_H

/*
 * Counters. `Counter` is shared: many threads add and subtract (queue lengths, quotas). `Tally` has
 * one writer and many readers (statistics): no locked instruction. `Switch` is an on/off word with
 * sequentially consistent exchanges, for pause and resume.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/base/assert.h"

typedef struct Counter {
        _Atomic(uint64_t) value;
} Counter;

typedef struct Tally {
        _Atomic(uint64_t) value;
} Tally;

typedef struct Switch {
        _Atomic(uint32_t) on;
} Switch;

/* Returns the value after the addition. */
static inline uint64_t counter_add(Counter *counter, uint64_t n)
{
        /* Pairs with: nothing; the count orders nothing else. */
        return atomic_fetch_add_explicit(&counter->value, n, memory_order_relaxed) + n;
}

/* Returns the value after the subtraction. Sequentially consistent, because whoever subtracts then
 * looks at a Switch (pause and resume, see switch_set()). */
static inline uint64_t counter_subtract(Counter *counter, uint64_t n)
{
        /* Pairs with: the pauser, who sets the switch before it looks at the counter. */
        uint64_t old = atomic_fetch_sub_explicit(&counter->value, n, memory_order_seq_cst);

        ASSERT(old >= n);
        return old - n;
}

static inline uint64_t counter_read(const Counter *counter)
{
        /* Pairs with: switch_set(): a pauser must not read a value older than its own pause. */
        return atomic_load_explicit(&counter->value, memory_order_seq_cst);
}

/* The next number of a shared sequence, from 1 on. */
static inline uint64_t counter_next(Counter *counter)
{
        return counter_add(counter, 1);
}

/* One writer. */
static inline void tally_add(Tally *tally, uint64_t n)
{
        /* Pairs with: nothing; one writer, readers want only a recent value. */
        uint64_t old = atomic_load_explicit(&tally->value, memory_order_relaxed);

        /* Pairs with: nothing; as above. */
        atomic_store_explicit(&tally->value, old + n, memory_order_relaxed);
}

/* One writer. */
static inline void tally_set(Tally *tally, uint64_t value)
{
        /* Pairs with: nothing; a statistic. */
        atomic_store_explicit(&tally->value, value, memory_order_relaxed);
}

static inline uint64_t tally_read(const Tally *tally)
{
        /* Pairs with: nothing; a statistic. */
        return atomic_load_explicit(&tally->value, memory_order_relaxed);
}

/* Turns it on; everything the caller did before is ordered before, its next look behind. */
static inline void switch_set(Switch *sw)
{
        /* Pairs with: switch_clear() and counter_subtract(): store buffering is excluded. */
        atomic_exchange_explicit(&sw->on, 1, memory_order_seq_cst);
}

/* Turns it off; true for the one caller that found it on. */
static inline bool switch_clear(Switch *sw)
{
        /* Pairs with: switch_set(). A look first: the exchange is only for those that may win. */
        if (!atomic_load_explicit(&sw->on, memory_order_seq_cst))
                return false;
        /* Pairs with: switch_set(). */
        return atomic_exchange_explicit(&sw->on, 0, memory_order_seq_cst) == 1;
}

static inline bool switch_is_on(const Switch *sw)
{
        /* Pairs with: switch_set(); a flag that orders nothing else. */
        return atomic_load_explicit(&sw->on, memory_order_acquire) != 0;
}

#endif
