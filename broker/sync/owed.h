/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_OWED_H
#define RINGBUS_SYNC_OWED_H

/*
 * Replies owed, the concurrent half: a record's state word, and the list on which callers' workers
 * put records for the callee's worker.
 *
 * OwedState: who consumes a record - the reply, a timeout, the callee's or the caller's leaving, a
 * refusal - is decided by one compare-and-swap: exactly one answer per call.
 *
 * OwedList: as Stack, but it can be sealed: after that nothing can be added, so that a callee that
 * leaves answers every record that was ever added, and the caller's worker every one that was not.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/sync/stack.h"

typedef struct OwedState {
        _Atomic(uint32_t) consumed;
} OwedState;

static inline void owed_state_init(OwedState *state)
{
        /* Pairs with: nothing; not shared yet. */
        atomic_store_explicit(&state->consumed, 0, memory_order_relaxed);
}

/* Any thread: true for exactly one caller. */
static inline bool owed_state_consume(OwedState *state)
{
        uint32_t expected = 0;

        /* Pairs with: itself and owed_state_is_consumed(). */
        return atomic_compare_exchange_strong_explicit(&state->consumed, &expected, 1,
                                                       memory_order_acq_rel, memory_order_acquire);
}

static inline bool owed_state_is_consumed(const OwedState *state)
{
        /* Pairs with: owed_state_consume(). */
        return atomic_load_explicit(&state->consumed, memory_order_acquire) != 0;
}

typedef struct OwedList {
        _Atomic(StackNode *) top; /* newest; OWED_LIST_SEALED at the end */
} OwedList;

#define OWED_LIST_SEALED ((StackNode *)1)

static inline void owed_list_init(OwedList *list)
{
        /* Pairs with: nothing; not shared yet. */
        atomic_store_explicit(&list->top, NULL, memory_order_relaxed);
}

/* Any thread. False: sealed, nothing was added. */
static inline bool owed_list_add(OwedList *list, StackNode *node)
{
        /* Pairs with: nothing; only a guess for the CAS. */
        StackNode *top = atomic_load_explicit(&list->top, memory_order_relaxed);

        do {
                if (top == OWED_LIST_SEALED)
                        return false;
                node->next = top;
                /* Pairs with: owed_list_take() and owed_list_seal(). */
        } while (!atomic_compare_exchange_weak_explicit(
                &list->top, &top, node, memory_order_release, memory_order_relaxed));
        return true;
}

/* The callee's worker: everything added, newest first; nothing once it is sealed. */
static inline StackNode *owed_list_take(OwedList *list)
{
        /* Pairs with: owed_list_add(). Only this worker seals, so a list that is not sealed now
         * cannot be at the exchange; and a look keeps the line shared while idle. */
        StackNode *top = atomic_load_explicit(&list->top, memory_order_acquire);

        if (!top || top == OWED_LIST_SEALED)
                return NULL;
        /* Pairs with: owed_list_add(). */
        return atomic_exchange_explicit(&list->top, NULL, memory_order_acquire);
}

/* The callee's worker, once: what is left, newest first. */
static inline StackNode *owed_list_seal(OwedList *list)
{
        /* Pairs with: owed_list_add()'s release: the records come with it. Nobody acquires ours:
         * whoever fails to add need only know that. */
        return atomic_exchange_explicit(&list->top, OWED_LIST_SEALED, memory_order_acq_rel);
}

#endif
