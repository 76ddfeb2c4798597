/* SPDX-License-Identifier: Apache-2.0 */
/* The variables for services: sets of them are applied as a whole or not at all. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/driver/environment.h"

static int add(EnvironmentSet *set, const char *key, const char *value)
{
        return environment_set_add(set, text_from(key), text_from(value));
}

static void add_many(EnvironmentSet *set, const char *prefix, unsigned n)
{
        char key[32];

        for (unsigned i = 0; i < n; i++) {
                snprintf(key, sizeof(key), "%s%u", prefix, i);
                assert_int_equal(add(set, key, "v"), 0);
        }
}

static void assert_value(Environment *environment, const char *key, const char *expected)
{
        char *value = environment_get(environment, text_from(key));

        if (expected && value)
                assert_string_equal(value, expected);
        else
                assert_true(!expected && !value);
        alloc_free(value);
}

static void test_environment_set_replaces_and_adds(void **state)
{
        Environment environment;
        EnvironmentSet set;

        (void)state;
        environment_init(&environment);
        environment_set_init(&set);
        assert_int_equal(add(&set, "A", "1") + add(&set, "AB", "2") + add(&set, "A", "3"), 0);
        assert_value(&environment, "A", NULL);
        assert_int_equal(environment_apply(&environment, &set), 0);
        assert_value(&environment, "A", "3");
        assert_int_equal(add(&set, "A", "") + add(&set, "C", "x=y"), 0);
        assert_int_equal(environment_apply(&environment, &set), 0);
        assert_value(&environment, "A", "");
        assert_value(&environment, "AB", "2");
        assert_value(&environment, "C", "x=y");
        assert_int_equal(environment.set.n_variables, 3);
        assert_int_equal(environment.set.n_bytes, sizeof("A=") + sizeof("AB=2") + sizeof("C=x=y"));
        environment_set_deinit(&set);
        environment_deinit(&environment);
}

static void test_environment_beyond_the_limit_changes_nothing(void **state)
{
        Environment environment;
        EnvironmentSet set;

        (void)state;
        environment_init(&environment);
        environment_set_init(&set);
        assert_int_equal(add(&set, "A", "1"), 0);
        assert_int_equal(environment_apply(&environment, &set), 0);
        assert_int_equal(add(&set, "A", "2"), 0);
        add_many(&set, "N", ENVIRONMENT_VARIABLES_MAX - 1);
        assert_int_equal(add(&set, "M", "v"), -E2BIG);
        assert_int_equal(environment_apply(&environment, &set), 0); /* just fits */
        assert_value(&environment, "A", "2");
        assert_int_equal(add(&set, "A", "3") + add(&set, "M", "v"), 0);
        assert_int_equal(environment_apply(&environment, &set), -E2BIG);
        assert_value(&environment, "A", "2");
        assert_value(&environment, "M", NULL);
        environment_set_deinit(&set);
        environment_deinit(&environment);
}

/* What is replaced does not count against the bytes. */
static void test_environment_bytes_are_those_of_the_result(void **state)
{
        static char large[ENVIRONMENT_BYTES_MAX / 2];
        Environment environment;
        EnvironmentSet set;

        (void)state;
        memset(large, 'x', sizeof(large) - 1);
        environment_init(&environment);
        environment_set_init(&set);
        assert_int_equal(add(&set, "A", large), 0);
        assert_int_equal(add(&set, "B", large), -E2BIG);
        assert_int_equal(add(&set, "A", large), 0);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(environment_apply(&environment, &set), 0);
                assert_int_equal(add(&set, "A", large), 0);
        }
        environment_set_deinit(&set);
        assert_int_equal(add(&set, "A", "small") + add(&set, "B", large), 0);
        assert_int_equal(environment_apply(&environment, &set), 0);
        assert_int_equal(add(&set, "C", "v") + add(&set, "D", large), 0);
        assert_int_equal(environment_apply(&environment, &set), -E2BIG);
        assert_value(&environment, "A", "small");
        assert_value(&environment, "C", NULL);
        environment_set_deinit(&set);
        environment_deinit(&environment);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_environment_set_replaces_and_adds),
                cmocka_unit_test(test_environment_beyond_the_limit_changes_nothing),
                cmocka_unit_test(test_environment_bytes_are_those_of_the_result),
        };

        return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
