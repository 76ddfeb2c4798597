/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_GUARD_TRACE_GUARD_H
#define RINGBUS_TESTS_GUARD_TRACE_GUARD_H

/*
 * The guard: what a worker must not do on an ordinary unicast's way, and what no thread may do
 * while it holds the registry or the turn (rule R4). trace_guard.c knows where a thread is (the
 * windows of broker/base/trace.h, the locks it holds), guard_calls.c stands in front of the
 * functions.
 */

/* Any thread, in front of `function`, which takes a lock, uses the general heap, reads a clock or
 * logs: returns if that is allowed here and now; otherwise says so with a stack and aborts, at once
 * or as soon as the message proves to be an ordinary unicast. `addr2line -fie BINARY OFFSET...`
 * turns the offsets of the stack into names. */
void trace_guard_call(const char *function);

/* Any thread, in front of `function`, which asks the general heap or wakes a thread: aborts as
 * above if a lock is held. */
void trace_guard_locked(const char *function);

/* Any thread: it holds so many locks more, or less. */
void trace_guard_count_lock(int change);

/* Calls the named function of those that are guarded (for the test of the guard itself); unknown
 * names abort. */
void guard_calls_provoke(const char *function);

#endif
