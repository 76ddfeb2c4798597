/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See trace_guard.h.
 *
 * Owner: each thread has a state of its own; `provoke_*` is set before main() and immutable.
 *
 * RINGBUS_GUARD_PROVOKE=WINDOW:FUNCTION, with "parse" or "flush" for WINDOW, makes the guarded
 * daemon do what it must not, so that a test sees the guard work.
 */
#include "tests/guard/trace_guard.h"

#include <execinfo.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/trace.h"

enum { STACK_MAX = 48 };

typedef struct Guard {
        TraceWindow window;
        bool provoking;
        int n_locks;          /* held: the registry, the turn */
        const char *function; /* the first finding that was kept back, or NULL */
        void *stack[STACK_MAX];
        int n_stack;
} Guard;

static _Thread_local Guard guard;
static const char *provoke_function;
static TraceWindow provoke_window;

/* Before main(): backtrace() loads a library the first time, which is no business of a window. */
__attribute__((constructor)) static void prepare(void)
{
        const char *wish = getenv("RINGBUS_GUARD_PROVOKE");
        void *stack[1];

        backtrace(stack, 1);
        if (!wish)
                return;
        provoke_window = strncmp(wish, "flush:", 6) == 0 ? TRACE_FLUSH : TRACE_PARSE;
        provoke_function = wish + 6;
}

static void say(const char *text)
{
        if (write(STDERR_FILENO, text, strlen(text)) < 0)
                abort();
}

/* Nothing here may call what is guarded. */
_Noreturn static void refuse(const char *where)
{
        guard.window = TRACE_CLOSED;
        say("ringbus-guarded: ");
        say(guard.function);
        say("() while ");
        say(where);
        say("\n");
        backtrace_symbols_fd(guard.stack, guard.n_stack, STDERR_FILENO);
        abort();
}

static void find(const char *function)
{
        guard.function = function;
        guard.n_stack = backtrace(guard.stack, STACK_MAX);
}

void trace_guard_count_lock(int change)
{
        guard.n_locks += change;
}

void trace_guard_locked(const char *function)
{
        if (guard.n_locks == 0)
                return;
        find(function);
        refuse("holding a lock of the routing");
}

void trace_guard_call(const char *function)
{
        switch (guard.window) {
        case TRACE_CLOSED:
        case TRACE_EXEMPT:
                return;
        case TRACE_PARSE:
                if (!guard.function)
                        find(function);
                return;
        case TRACE_ORDINARY:
                find(function);
                refuse("routing an ordinary unicast");
        case TRACE_FLUSH:
                find(function);
                refuse("flushing an ordinary unicast");
        }
}

static void provoke(TraceWindow window)
{
        if (!provoke_function || provoke_window != window || guard.provoking)
                return;
        guard.provoking = true;
        guard_calls_provoke(provoke_function);
        guard.provoking = false;
}

void trace_window(TraceWindow window)
{
        switch (window) {
        case TRACE_PARSE:
                if (guard.window != TRACE_PARSE)
                        guard.function = NULL;
                break;
        case TRACE_ORDINARY:
                if (guard.window == TRACE_EXEMPT)
                        return;
                if (guard.function)
                        refuse("routing an ordinary unicast");
                break;
        case TRACE_CLOSED:
        case TRACE_EXEMPT:
        case TRACE_FLUSH:
                guard.function = NULL;
                break;
        }
        guard.window = window;
        provoke(window);
}

void trace_hop(const char *file, const char *function)
{
        (void)file;
        (void)function;
}
