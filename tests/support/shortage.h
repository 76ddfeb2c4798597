/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_SHORTAGE_H
#define RINGBUS_TESTS_SUPPORT_SHORTAGE_H

/*
 * Out of memory on purpose: linked with ringbus_short_of_memory() (tests/support/CMakeLists.txt),
 * a program says after how many allocations the general heap (broker/base/alloc.h) gives nothing.
 *
 * Owner: the main thread, as are all allocations of such a program.
 */

#include <stdbool.h>

enum { SHORTAGE_NEVER = -1 };

/* From now on `n` allocations succeed and all that follow fail; SHORTAGE_NEVER: none fails. */
void shortage_begin(long n);

/* How many there were since. */
long shortage_count(void);

/* Blocks that were allocated and not freed yet. */
long shortage_n_live(void);

/* Counts one; whether it fails. For other allocating functions that a test wraps. */
bool shortage_strikes(void);

#endif
