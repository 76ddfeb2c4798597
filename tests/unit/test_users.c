/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups, and paths: small things that the start needs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/path.h"
#include "broker/runas.h"
#include "broker/users.h"

static void test_users_numbers_that_can_be_ids_parsed(void **state)
{
        static const char *const wrong[] = {"",           "-1", "+1",
                                            " 1",         "1 ", "0x1",
                                            "4294967295", "1a", "99999999999999999999999999"};
        uint32_t id = 7;

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                assert_false(users_parse_id(wrong[i], &id));
        assert_int_equal(id, 7);
        assert_true(users_parse_id("0", &id));
        assert_int_equal(id, 0);
        assert_true(users_parse_id("4294967294", &id));
        assert_int_equal(id, 4294967294U);
        assert_true(users_parse_id("0010", &id));
        assert_int_equal(id, 10);
}

/* root and nobody have these numbers in Debian (base-passwd). */
static void test_users_found_with_their_primary_group(void **state)
{
        uid_t uid = 1;
        gid_t gid = 1;

        (void)state;
        assert_int_equal(users_find("root", &uid, &gid), 0);
        assert_int_equal(uid, 0);
        assert_int_equal(gid, 0);
        assert_int_equal(users_find("nobody", &uid, &gid), 0);
        assert_int_equal(uid, 65534);
        assert_int_equal(gid, 65534);
        assert_int_equal(users_find_uid(0, &gid), 0);
        assert_int_equal(gid, 0);
        assert_int_equal(users_find_group("nogroup", &gid), 0);
        assert_int_equal(gid, 65534);
}

static void test_users_unknown_leave_results_alone(void **state)
{
        uid_t uid = 7;
        gid_t gid = 8;

        (void)state;
        assert_int_equal(users_find("nobody-knows-me", &uid, &gid), -ENOENT);
        assert_int_equal(users_find("", &uid, &gid), -ENOENT);
        assert_int_equal(users_find_uid(4294967294U, &gid), -ENOENT);
        assert_int_equal(users_find_group("nobody-knows-me", &gid), -ENOENT);
        assert_int_equal(uid, 7);
        assert_int_equal(gid, 8);
}

static void test_runas_ourselves_needs_nothing(void **state)
{
        char text[16];
        RunAs user = {0};

        (void)state;
        assert_int_equal(runas_find(NULL, &user), 0);
        assert_false(user.is_other);
        assert_int_equal(runas_apply(&user), 0);
        snprintf(text, sizeof(text), "%u", (unsigned)getuid());
        assert_int_equal(runas_find(text, &user), 0);
        assert_false(user.is_other);
        assert_int_equal(runas_apply(&user), 0);
        assert_int_equal(runas_find(getuid() == 0 ? "nobody" : "root", &user), 0);
        assert_true(user.is_other);
        assert_int_equal(runas_find("nobody-knows-me", &user), -ENOENT);
}

static void assert_absolute(const char *path, const char *expected)
{
        char *absolute = path_absolute(path);

        assert_string_equal(absolute, expected);
        alloc_free(absolute);
}

static void test_path_absolute_starts_at_the_folder(void **state)
{
        (void)state;
        assert_int_equal(chdir("/usr"), 0);
        assert_absolute("/a/b", "/a/b");
        assert_absolute("a/b", "/usr/a/b");
        assert_absolute("../a", "/usr/../a");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_users_numbers_that_can_be_ids_parsed),
                cmocka_unit_test(test_users_found_with_their_primary_group),
                cmocka_unit_test(test_users_unknown_leave_results_alone),
                cmocka_unit_test(test_runas_ourselves_needs_nothing),
                cmocka_unit_test(test_path_absolute_starts_at_the_folder),
        };

        return cmocka_run_group_tests_name("users", tests, NULL, NULL);
}
