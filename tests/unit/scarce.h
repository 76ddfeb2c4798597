/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_SCARCE_H
#define RINGBUS_TESTS_UNIT_SCARCE_H

/*
 * Memory that runs out. A program with scarce.c in it, linked with SCARCE_WRAP of auth.cmake, has
 * the heap of broker/base/alloc.h behind a counter.
 *
 * Owner: the one thread of the test.
 */

/* From now on so many allocations succeed, and none after them; -1: all. */
void scarce_allow(long n);

/* Blocks that were allocated and not freed yet. */
long scarce_n_live(void);

#endif
