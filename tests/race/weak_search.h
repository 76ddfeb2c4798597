/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_WEAK_SEARCH_H
#define RINGBUS_TESTS_RACE_WEAK_SEARCH_H

/*
 * The search of the weak-memory explorer: coroutines, choices, sleep sets. weak.c says what an
 * operation does once its thread is chosen.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a thread of a scenario runs: everything else acts on the real memory. */
bool search_is_on(void);
uint64_t search_peek(const void *address, size_t size);

/* A step: returns when the search lets this thread take it. The location it is on. */
unsigned search_step(void *address, size_t size, bool is_sc);

/* A step that is possible only while the newest value is 0, or is not. */
unsigned search_block(void *address, size_t size, bool until_set);

/* The oldest value that the chosen step may read: older ones have been read in other executions. */
unsigned search_oldest(unsigned location, unsigned properties);

/* A number below n. */
unsigned search_choose(unsigned n);

/* Failures of weak compare-and-swaps for no reason: whether one more is allowed; that it was. */
bool search_may_fail(void);
void search_count_failure(void);

/* For the print-out of a failing execution. */
void search_note(const char *function, const char *operation, unsigned location, unsigned index);

/* Ends the execution. */
_Noreturn void search_fail(const char *reason);

/* Whether the address lies in a coroutine's stack, which is its own. */
bool search_is_stack(const void *address);

#endif
