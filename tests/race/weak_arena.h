/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_WEAK_ARENA_H
#define RINGBUS_TESTS_RACE_WEAK_ARENA_H

/*
 * Memory for the code under test in a scenario. Handing it out is no access of the scenario's, so
 * this is compiled as the explorer is, without a watch on plain accesses.
 */

#include <stddef.h>

/* Zeroed, aligned to 64 bytes, the arena's; aborts when it is used up. */
void *weak_arena_take(size_t size);

/* Before each execution: all of it is free again. */
void weak_arena_reset(void);

#endif
