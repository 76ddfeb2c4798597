/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_REGRESS_H
#define RINGBUS_BENCH_LOAD_COMPARE_REGRESS_H

/*
 * A comparison against an earlier one. What got worse is the headline figure of a cell whose median
 * lies outside the earlier runs' range, by more than 10 % of the earlier median; or a cell that
 * failed, and did not before.
 */

#include <jansson.h>
#include <stdio.h>

/* Lists what got worse, what got better, and what only one of them has. Returns how many got
 * worse. */
unsigned regress_print(const json_t *before, const json_t *now, FILE *file);

#endif
