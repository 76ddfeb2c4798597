/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/base/assert.h"
#include "broker/sync/stack.h"

static StackNode nodes[4];

static void test_stack_push_reports_whether_it_was_empty(void **state)
{
        Stack stack;

        (void)state;
        stack_init(&stack);
        assert_true(stack_is_empty(&stack));
        assert_true(stack_push(&stack, &nodes[0]));
        assert_false(stack_is_empty(&stack));
        assert_false(stack_push(&stack, &nodes[1]));
        assert_ptr_equal(stack_take(&stack), &nodes[1]);
        assert_true(stack_is_empty(&stack));
        assert_true(stack_push(&stack, &nodes[1]));
}

static void test_stack_take_gives_everything_newest_first_and_leaves_nothing(void **state)
{
        Stack stack;
        StackNode *node;

        (void)state;
        stack_init(&stack);
        assert_null(stack_take(&stack));
        for (int i = 0; i < 4; i++)
                stack_push(&stack, &nodes[i]);
        node = stack_take(&stack);
        for (int i = 3; i >= 0; i--, node = node->next)
                assert_ptr_equal(node, &nodes[i]);
        assert_null(node);
        assert_null(stack_take(&stack));
}

static void test_stack_push_chain_is_taken_with_its_first_on_top(void **state)
{
        Stack stack;

        (void)state;
        stack_init(&stack);
        stack_push(&stack, &nodes[3]);
        nodes[0].next = &nodes[1];
        nodes[1].next = &nodes[2];
        assert_false(stack_push_chain(&stack, &nodes[0], &nodes[2]));
        assert_ptr_equal(stack_take(&stack), &nodes[0]);
        assert_ptr_equal(nodes[1].next, &nodes[2]);
        assert_ptr_equal(nodes[2].next, &nodes[3]);
        assert_null(nodes[3].next);
        nodes[2].next = NULL;
        assert_true(stack_push_chain(&stack, &nodes[0], &nodes[2]));
}

static void test_stack_reverse_gives_oldest_first(void **state)
{
        Stack stack;
        StackNode *node;

        (void)state;
        assert_null(stack_reverse(NULL));
        stack_init(&stack);
        for (int i = 0; i < 4; i++)
                stack_push(&stack, &nodes[i]);
        node = stack_reverse(stack_take(&stack));
        for (int i = 0; i < 4; i++, node = node->next)
                assert_ptr_equal(node, &nodes[i]);
        assert_null(node);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stack_push_reports_whether_it_was_empty),
                cmocka_unit_test(test_stack_take_gives_everything_newest_first_and_leaves_nothing),
                cmocka_unit_test(test_stack_push_chain_is_taken_with_its_first_on_top),
                cmocka_unit_test(test_stack_reverse_gives_oldest_first),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
