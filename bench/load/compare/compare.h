/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_COMPARE_H
#define RINGBUS_BENCH_LOAD_COMPARE_COMPARE_H

/*
 * `ringbus-load compare`: a suite of cells on several brokers in turn, A B C A B C, each run with a
 * fresh broker; medians with their range and ratios; a report; regressions against an earlier one.
 * `arguments[0]` is the subcommand. Exit status: 0; 1 if a run failed, the comparison was
 * interrupted or something got worse; 2 for wrong usage.
 */
int compare_main(int n_arguments, char **arguments);

#endif
