/* SPDX-License-Identifier: Apache-2.0 */

/* glibc's fortified longjmp() aborts if it is to leave the stack. */
#undef _FORTIFY_SOURCE

#include "tests/race/fiber.h"

#include <string.h>

#include "broker/base/assert.h"

/* Who is being made, and by whom: makecontext(3) passes on only numbers. */
static Fiber *made, *maker;

/* The lowest frame of each stack. It never ends: whatever the fiber begins, it begins from here. */
static void run_bodies(void)
{
        Fiber *volatile me = made;

        if (_setjmp(me->base) == 0)
                fiber_leave(maker);
        me->body();
        ASSERT_NOT_REACHED();
}

static void make(Fiber *fiber, void *stack, size_t stack_size)
{
        Fiber outside;

        made = fiber;
        maker = &outside;
        ASSERT(getcontext(&fiber->context) == 0);
        fiber->context.uc_stack.ss_sp = stack;
        fiber->context.uc_stack.ss_size = stack_size;
        fiber->context.uc_link = NULL;
        makecontext(&fiber->context, run_bodies, 0);
        if (_setjmp(outside.resume) == 0)
                setcontext(&fiber->context);
}

void fiber_begin(Fiber *fiber, void *stack, size_t stack_size, void (*body)(void))
{
        if (!fiber->body)
                make(fiber, stack, stack_size);
        fiber->body = body;
        memcpy(fiber->resume, fiber->base, sizeof(fiber->base));
}

void fiber_change(Fiber *from, Fiber *to)
{
        if (_setjmp(from->resume) == 0)
                fiber_leave(to);
}

void fiber_leave(Fiber *to)
{
        _longjmp(to->resume, 1);
}
