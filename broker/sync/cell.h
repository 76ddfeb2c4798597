/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_CELL_H
#define RINGBUS_SYNC_CELL_H

/*
 * Cell: one published pointer. What it points to is complete before cell_publish() and immutable
 * (or itself atomic) afterwards; the old value is retired, never freed at once.
 */

#include <stdatomic.h>
#include <stddef.h>

typedef struct Cell {
        _Atomic(void *) pointer;
} Cell;

static inline void cell_init(Cell *cell, void *pointer)
{
        /* Pairs with: nothing; not shared yet. */
        atomic_store_explicit(&cell->pointer, pointer, memory_order_relaxed);
}

/* One writer at a time (a lock of the caller's). */
static inline void cell_publish(Cell *cell, void *pointer)
{
        /* Pairs with: cell_get(). */
        atomic_store_explicit(&cell->pointer, pointer, memory_order_release);
}

static inline void *cell_get(const Cell *cell)
{
        /* Pairs with: cell_publish(): the pointed-to object is seen complete. */
        return atomic_load_explicit(&cell->pointer, memory_order_acquire);
}

/* Replaces the pointer; returns the old one. */
static inline void *cell_exchange(Cell *cell, void *pointer)
{
        /* Pairs with: cell_get() and other exchanges. */
        return atomic_exchange_explicit(&cell->pointer, pointer, memory_order_acq_rel);
}

#endif
