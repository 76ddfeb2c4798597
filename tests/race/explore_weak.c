/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/race/weak_scenarios.h"

/* Every scenario with the orders as they are written: no execution that C11 allows fails. */
static void run_suite(const WeakSuite *suite)
{
        for (WeakScenario *const *at = suite->scenarios; *at; at++) {
                WeakScenario *scenario = *at;

                if (!weak_run(scenario, true))
                        fail_msg("%s: %s", scenario->name, weak_failure());
                print_message("%-42s %9llu executions, %llu cut off, %llu steps\n", scenario->name,
                              (unsigned long long)scenario->n_executions,
                              (unsigned long long)scenario->n_cut,
                              (unsigned long long)scenario->n_steps);
                assert_true(scenario->n_executions > 1);
        }
}

static void test_weak_mailbox_holds_in_every_execution(void **state)
{
        (void)state;
        run_suite(&weak_suite_mailbox);
}

static void test_weak_names_hold_in_every_execution(void **state)
{
        (void)state;
        run_suite(&weak_suite_names);
}

static void test_weak_lists_hold_in_every_execution(void **state)
{
        (void)state;
        run_suite(&weak_suite_lists);
}

static void test_weak_sleep_hold_in_every_execution(void **state)
{
        (void)state;
        run_suite(&weak_suite_sleep);
}

static void test_weak_table_holds_in_every_execution(void **state)
{
        (void)state;
        run_suite(&weak_suite_table);
}

static void test_weak_deep_scenarios_hold_in_every_execution(void **state)
{
        (void)state;
        run_suite(&weak_suite_names_deep);
        run_suite(&weak_suite_mailbox_deep);
}

/* explore_weak [--deep] */
int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_weak_mailbox_holds_in_every_execution),
                cmocka_unit_test(test_weak_names_hold_in_every_execution),
                cmocka_unit_test(test_weak_lists_hold_in_every_execution),
                cmocka_unit_test(test_weak_sleep_hold_in_every_execution),
                cmocka_unit_test(test_weak_table_holds_in_every_execution),
        };
        const struct CMUnitTest deep_tests[] = {
                cmocka_unit_test(test_weak_deep_scenarios_hold_in_every_execution),
        };

        if (argc == 2 && strcmp(argv[1], "--deep") == 0)
                return cmocka_run_group_tests(deep_tests, NULL, NULL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
