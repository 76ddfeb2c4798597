/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_TALLY_H
#define RINGBUS_SYNC_TALLY_H

/*
 * Tally: a statistic with one writer and many readers: no locked instruction.
 */

#include <stdatomic.h>
#include <stdint.h>

typedef struct Tally {
        _Atomic(uint64_t) value;
} Tally;

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

/* One writer: the largest of the values given. */
static inline void tally_raise(Tally *tally, uint64_t value)
{
        /* Pairs with: nothing; one writer, which reads its own store. */
        if (value > atomic_load_explicit(&tally->value, memory_order_relaxed))
                /* Pairs with: nothing; a statistic. */
                atomic_store_explicit(&tally->value, value, memory_order_relaxed);
}

static inline uint64_t tally_read(const Tally *tally)
{
        /* Pairs with: nothing; a statistic. */
        return atomic_load_explicit(&tally->value, memory_order_relaxed);
}

#endif
