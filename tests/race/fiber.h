/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_FIBER_H
#define RINGBUS_TESTS_RACE_FIBER_H

/*
 * Stacks that one thread changes between without entering the kernel, as swapcontext(3) does to
 * keep a signal mask apiece: an explorer changes stacks some hundred million times.
 *
 * Not under sanitizers, to which such a change is an error.
 */

#include <setjmp.h>
#include <stddef.h>
#include <ucontext.h>

/* A stack, or, never begun, the one that begins the others. Zero-initialized. */
typedef struct Fiber {
        jmp_buf resume;
        jmp_buf base;
        void (*body)(void); /* NULL: it has no stack of its own yet */
        ucontext_t context; /* for the first time */
} Fiber;

/*
 * From the next change to it on, the fiber runs `body`, which must not return; what it did before
 * is dropped. The stack belongs to the fiber as long as the process lives. Called outside it.
 */
void fiber_begin(Fiber *fiber, void *stack, size_t stack_size, void (*body)(void));

/* Goes on in `to`; returns when somebody changes back to `from`, the fiber that calls. */
void fiber_change(Fiber *from, Fiber *to);

/* Goes on in `to`; the fiber that calls is done. */
_Noreturn void fiber_leave(Fiber *to);

#endif
