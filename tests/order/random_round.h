/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_ROUND_H
#define RINGBUS_TESTS_ORDER_RANDOM_ROUND_H

/*
 * One round: clients in several processes for some seconds, then the checks over their logs. So a
 * run of any length needs memory and disk for one round only.
 */

#include "tests/order/random_history.h"
#include "tests/order/random_policy.h"
#include "tests/order/random_shared.h"

/* What all rounds together have done. */
typedef struct RandomTotals {
        RandomReport report;
        uint64_t n_sent[5]; /* by message type, as in the logs */
        uint64_t n_received[5];
        uint64_t n_changes;
        uint64_t n_positions;
        uint64_t n_seen;    /* by monitors */
        uint64_t n_ends[5]; /* by RandomEnd */
        int64_t started_us;
        int64_t next_line_us;
        bool is_terminal;
} RandomTotals;

/*
 * Runs round number `round` on the policy's bus for that many seconds. 0, also with
 * violations, or -1 if it could not be run. Removes the logs unless there was a violation.
 */
int random_round_run(const RandomOptions *options, RandomPolicy *policy, unsigned round,
                     unsigned seconds, RandomTotals *totals);

#endif
