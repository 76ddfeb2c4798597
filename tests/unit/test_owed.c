/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/base/assert.h"
#include "broker/sync/owed.h"

static StackNode nodes[4];

static void test_owed_state_is_consumed_by_exactly_one(void **state)
{
        OwedState owed;

        (void)state;
        owed_state_init(&owed);
        assert_false(owed_state_is_consumed(&owed));
        assert_true(owed_state_consume(&owed));
        assert_true(owed_state_is_consumed(&owed));
        assert_false(owed_state_consume(&owed));
}

static void test_owed_list_take_gives_what_was_added_and_stays_open(void **state)
{
        OwedList list;

        (void)state;
        owed_list_init(&list);
        assert_null(owed_list_take(&list));
        assert_true(owed_list_add(&list, &nodes[0]));
        assert_true(owed_list_add(&list, &nodes[1]));
        assert_ptr_equal(owed_list_take(&list), &nodes[1]);
        assert_ptr_equal(nodes[1].next, &nodes[0]);
        assert_null(nodes[0].next);
        assert_null(owed_list_take(&list));
        assert_true(owed_list_add(&list, &nodes[2]));
}

static void test_owed_list_seal_gives_the_rest_and_refuses_from_then_on(void **state)
{
        OwedList list;

        (void)state;
        owed_list_init(&list);
        assert_true(owed_list_add(&list, &nodes[0]));
        assert_true(owed_list_add(&list, &nodes[1]));
        assert_ptr_equal(owed_list_seal(&list), &nodes[1]);
        assert_ptr_equal(nodes[1].next, &nodes[0]);
        nodes[2].next = &nodes[3];
        assert_false(owed_list_add(&list, &nodes[2]));
        assert_ptr_equal(nodes[2].next, &nodes[3]); /* nothing was touched */
        assert_false(owed_list_add(&list, &nodes[2]));
}

static void test_owed_list_seal_of_an_empty_list_refuses_too(void **state)
{
        OwedList list;

        (void)state;
        owed_list_init(&list);
        assert_null(owed_list_seal(&list));
        assert_false(owed_list_add(&list, &nodes[0]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_owed_state_is_consumed_by_exactly_one),
                cmocka_unit_test(test_owed_list_take_gives_what_was_added_and_stays_open),
                cmocka_unit_test(test_owed_list_seal_gives_the_rest_and_refuses_from_then_on),
                cmocka_unit_test(test_owed_list_seal_of_an_empty_list_refuses_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
