/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_REFCOUNT_H
#define RINGBUS_SYNC_REFCOUNT_H

/*
 * RefCount: an atomic reference count. Any thread. Whoever takes a reference must already hold one
 * or be inside a read-side section (broker/sync/qsbr.h) in which the object cannot be freed.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/base/assert.h"

typedef struct RefCount {
        _Atomic(uint32_t) value;
} RefCount;

static inline void refcount_init(RefCount *count, uint32_t value)
{
        /* Pairs with: nothing; the object is not shared yet. */
        atomic_store_explicit(&count->value, value, memory_order_relaxed);
}

static inline void refcount_add(RefCount *count, uint32_t n)
{
        /* Pairs with: nothing; the caller's own reference keeps the object alive. */
        uint32_t old = atomic_fetch_add_explicit(&count->value, n, memory_order_relaxed);

        ASSERT(old > 0 && old < UINT32_MAX - n);
}

/* Drops n references; true when these were the last: the caller now owns the object alone. */
static inline bool refcount_drop(RefCount *count, uint32_t n)
{
        /* Pairs with: itself. Release: our last use comes before another thread's free; acquire:
         * the one that frees sees all uses. */
        uint32_t old = atomic_fetch_sub_explicit(&count->value, n, memory_order_acq_rel);

        ASSERT(old >= n);
        return old == n;
}

/* How many there are, for statistics. */
static inline uint32_t refcount_read(const RefCount *count)
{
        /* Pairs with: nothing; the value orders nothing. */
        return atomic_load_explicit(&count->value, memory_order_relaxed);
}

/* Whether the caller's reference is the only one (then nobody else can take one). */
static inline bool refcount_is_single(const RefCount *count)
{
        /* Pairs with: refcount_drop() of the references that are gone. */
        return atomic_load_explicit(&count->value, memory_order_acquire) == 1;
}

#endif
