/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/sync/counter.h"
#include "broker/sync/switch.h"
#include "broker/sync/tally.h"
#include "tests/unit/death.h"

static void test_counter_returns_the_value_after_the_change(void **state)
{
        Counter counter = {0};

        (void)state;
        assert_int_equal(counter_add(&counter, 5), 5);
        assert_int_equal(counter_add(&counter, 0), 5);
        assert_int_equal(counter_subtract(&counter, 2), 3);
        assert_int_equal(counter_read(&counter), 3);
        assert_int_equal(counter_next(&counter), 4);
        assert_int_equal(counter_subtract(&counter, 4), 0);
        assert_int_equal(counter_next(&counter), 1);
}

static void test_tally_adds_and_sets(void **state)
{
        Tally tally = {0};

        (void)state;
        tally_add(&tally, 7);
        tally_add(&tally, 1);
        assert_int_equal(tally_read(&tally), 8);
        tally_set(&tally, 3);
        assert_int_equal(tally_read(&tally), 3);
}

static void test_switch_clear_is_true_for_one_caller_each_time_it_is_set(void **state)
{
        Switch sw = {0};

        (void)state;
        assert_false(switch_is_on(&sw));
        assert_false(switch_clear(&sw));
        for (int i = 0; i < 3; i++) {
                switch_set(&sw);
                switch_set(&sw);
                assert_true(switch_is_on(&sw));
                assert_true(switch_clear(&sw));
                assert_false(switch_is_on(&sw));
                assert_false(switch_clear(&sw));
        }
}

static void subtract_too_much(void)
{
        Counter counter = {0};

        counter_add(&counter, 1);
        counter_subtract(&counter, 2);
}

static void test_counter_below_zero_is_our_bug(void **state)
{
        (void)state;
        assert_true(death_by_assertion(subtract_too_much));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_counter_returns_the_value_after_the_change),
                cmocka_unit_test(test_tally_adds_and_sets),
                cmocka_unit_test(test_switch_clear_is_true_for_one_caller_each_time_it_is_set),
                cmocka_unit_test(test_counter_below_zero_is_our_bug),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
