/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_CHECK_H
#define RINGBUS_TESTS_ORDER_RANDOM_CHECK_H

/*
 * The checks: clauses a to f and h to l of the ordering contract, from the logs alone.
 * (g, Hello, is only checked as far as broadcasts show it.)
 */

#include "tests/order/random_history.h"
#include "tests/order/random_monitor.h"

/* All of them, over a history that random_history_init() has read. */
void random_check(RandomHistory *history);

/* j: what the round's monitor saw, `n` messages; not part of random_check(). */
void random_check_monitor(RandomHistory *history, const RandomSeen *log, size_t n);

/* a, b: each sender's messages in order, causes before effects; nothing damaged. k: the fds. */
void random_check_order(RandomHistory *history);

/* j: one answer for each call. Fills in `answer`. */
void random_check_answers(RandomHistory *history);

/* a, i, k: nothing lost, nothing twice, and all of it before a round trip that came later. */
void random_check_losses(RandomHistory *history);

/* l: what the policy denies, and when. Needs answers and receivers. */
void random_check_policy(RandomHistory *history);

/* d, e: what match rules deliver, what not, and from when to when. */
void random_check_rules(RandomHistory *history);

/* h: ownership as told to the owners, and messages addressed to names. */
void random_check_names(RandomHistory *history);

/* f: what queries say; h: refusals. */
void random_check_queries(RandomHistory *history);

/* i: the last changes of a connection that ended. */
void random_check_ends(RandomHistory *history);

#endif
