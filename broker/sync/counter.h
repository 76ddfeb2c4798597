/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_COUNTER_H
#define RINGBUS_SYNC_COUNTER_H

/*
 * Counter: a shared count: many threads add and subtract (queue lengths, quotas, sequences).
 */

#include <stdatomic.h>
#include <stdint.h>

#include "broker/base/assert.h"

typedef struct Counter {
        _Atomic(uint64_t) value;
} Counter;

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

#endif
