/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/sync/refcount.h"
#include "tests/unit/death.h"

static void test_refcount_drop_of_the_last_reference_says_so(void **state)
{
        RefCount count;

        (void)state;
        refcount_init(&count, 1);
        assert_true(refcount_is_single(&count));
        refcount_add(&count, 3);
        assert_false(refcount_is_single(&count));
        assert_false(refcount_drop(&count, 1));
        assert_false(refcount_drop(&count, 2));
        assert_true(refcount_is_single(&count));
        assert_true(refcount_drop(&count, 1));
}

static void test_refcount_drop_of_several_at_once_can_be_the_last(void **state)
{
        RefCount count;

        (void)state;
        refcount_init(&count, 5);
        assert_true(refcount_drop(&count, 5));
}

static void revive(void)
{
        RefCount count;

        refcount_init(&count, 0);
        refcount_add(&count, 1);
}

static void drop_too_many(void)
{
        RefCount count;

        refcount_init(&count, 1);
        refcount_drop(&count, 2);
}

static void overflow(void)
{
        RefCount count;

        refcount_init(&count, UINT32_MAX - 1);
        refcount_add(&count, 1);
}

static void test_refcount_misuse_is_our_bug(void **state)
{
        (void)state;
        assert_true(death_by_assertion(revive));
        assert_true(death_by_assertion(drop_too_many));
        assert_true(death_by_assertion(overflow));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refcount_drop_of_the_last_reference_says_so),
                cmocka_unit_test(test_refcount_drop_of_several_at_once_can_be_the_last),
                cmocka_unit_test(test_refcount_misuse_is_our_bug),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
