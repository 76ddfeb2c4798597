/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_STACK_H
#define RINGBUS_SYNC_STACK_H

/*
 * Stack: an intrusive lock-free stack that many threads push to and one thread takes whole.
 *
 * Invariant: `top` is the newest of a chain of nodes linked by `next`, or NULL. A pushed node
 * belongs to the stack until it is taken. No ABA: nobody pops a single node, the taker replaces the
 * whole chain by NULL, and a push that loses a race only retries with the newer top.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct StackNode StackNode;
struct StackNode {
        StackNode *next; /* plain: written before the push publishes it */
};

typedef struct Stack {
        _Atomic(StackNode *) top;
} Stack;

static inline void stack_init(Stack *stack)
{
        /* Pairs with: nothing; not shared yet. */
        atomic_store_explicit(&stack->top, NULL, memory_order_relaxed);
}

/* Any thread: a chain, `first` to `last` by `next`, as if pushed from its end to its beginning. */
static inline bool stack_push_chain(Stack *stack, StackNode *first, StackNode *last)
{
        /* Pairs with: nothing; only a guess for the CAS. */
        StackNode *top = atomic_load_explicit(&stack->top, memory_order_relaxed);

        do {
                last->next = top;
                /* Pairs with: stack_take()'s acquire: the nodes' contents come with it. */
        } while (!atomic_compare_exchange_weak_explicit(
                &stack->top, &top, first, memory_order_release, memory_order_relaxed));
        return top == NULL;
}

/* Any thread. Returns true when the stack was empty before: the taker may need a wake-up. */
static inline bool stack_push(Stack *stack, StackNode *node)
{
        return stack_push_chain(stack, node, node);
}

/* The owner: takes everything, newest first, linked by `next`; NULL when empty. */
static inline StackNode *stack_take(Stack *stack)
{
        /* Pairs with: nothing; a cheap look that keeps the line shared while idle. */
        if (!atomic_load_explicit(&stack->top, memory_order_relaxed))
                return NULL;
        /* Pairs with: stack_push()'s release. */
        return atomic_exchange_explicit(&stack->top, NULL, memory_order_acquire);
}

/* Reverses a taken chain: oldest first. */
static inline StackNode *stack_reverse(StackNode *newest)
{
        StackNode *oldest = NULL;

        while (newest) {
                StackNode *next = newest->next;

                newest->next = oldest;
                oldest = newest;
                newest = next;
        }
        return oldest;
}

/* Whether nothing is there; a hint unless ordered by other means (see wake.h). */
static inline bool stack_is_empty(Stack *stack)
{
        /* Pairs with: wake.h: the sequentially consistent exchange of the sleeping flag orders this
         * look behind it, and stack_push() before the pusher's look at the flag. */
        return atomic_load_explicit(&stack->top, memory_order_seq_cst) == NULL;
}

#endif
