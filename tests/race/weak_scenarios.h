/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_WEAK_SCENARIOS_H
#define RINGBUS_TESTS_RACE_WEAK_SCENARIOS_H

/* The scenarios of the weak-memory explorer, each with everything that docs/LOCKFREE.md promises
 * of its structure: explore_weak.c runs them, explore_weakened.c runs them with weaker orders. */

#include "tests/race/weak.h"

enum { WEAK_SCENARIOS_MAX = 8 };

typedef struct WeakSuite {
        WeakScenario *scenarios[WEAK_SCENARIOS_MAX]; /* ends with NULL */
} WeakSuite;

extern const WeakSuite weak_suite_mailbox, weak_suite_names, weak_suite_lists, weak_suite_sleep;
extern const WeakSuite weak_suite_table;

/* For explore_weak --deep: minutes. */
extern const WeakSuite weak_suite_mailbox_deep, weak_suite_names_deep;

#endif
