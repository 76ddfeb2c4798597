/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference's own configuration files, of the package dbus-tests: what is valid is accepted,
 * what is invalid refused, and files that say the same give the same.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>

#include "broker/base/assert.h"
#include "config_describe.h"
#include "config_fixture.h"

/* Those of the ordinary and of the debugging build differ a little. */
static const char *const folders[] = {
        "/usr/lib/dbus-1.0/installed-tests/dbus/data",
        "/usr/lib/dbus-1.0/debug-build/libexec/installed-tests/dbus/data",
};

static ConfigFixture fixture;

static int tear_down(void **state)
{
        (void)state;
        fixture.config = config_free(fixture.config);
        return 0;
}

static void load(const char *path)
{
        config_free(fixture.config);
        config_fixture_load(path, &fixture);
}

/* Calls `check` for each entry of a folder whose name ends so; how many there were. */
static unsigned for_each(const char *path, const char *suffix, void (*check)(const char *path))
{
        DIR *folder = opendir(path);
        struct dirent *entry;
        unsigned n = 0;

        if (!folder)
                fail_msg("%s is missing; install the package dbus-tests", path);
        while ((entry = readdir(folder))) {
                size_t size = strlen(entry->d_name);
                size_t n_suffix = strlen(suffix);
                char whole[1024];

                if (entry->d_name[0] == '.' || size < n_suffix ||
                    strcmp(entry->d_name + size - n_suffix, suffix) != 0)
                        continue;
                snprintf(whole, sizeof(whole), "%s/%s", path, entry->d_name);
                check(whole);
                n++;
        }
        closedir(folder);
        return n;
}

static unsigned for_each_conf(const char *data, const char *name, void (*check)(const char *path))
{
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", data, name);
        return for_each(path, ".conf", check);
}

static void check_invalid(const char *path)
{
        load(path);
        config_fixture_assert_refused(&fixture, path, ".conf");
        /* The error names the file, or the one that it includes. */
        assert_memory_equal(fixture.errors, "/usr/lib/dbus-1.0/", 18);
}

static void check_valid(const char *path)
{
        load(path);
        config_fixture_assert_accepted(&fixture, path);
}

static void test_config_data_invalid_refused(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                assert_true(for_each_conf(folders[i], "invalid-config-files", check_invalid) >= 30);
}

static void test_config_data_valid_accepted(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                assert_true(for_each_conf(folders[i], "valid-config-files", check_valid) >= 27);
                assert_true(for_each_conf(folders[i], "valid-config-files-system", check_valid) >=
                            5);
        }
}

static char *first; /* what the first file of the folder says */
static unsigned n_compared;

static void compare(const char *path)
{
        char *text;

        load(path);
        config_fixture_assert_accepted(&fixture, path);
        text = config_describe(fixture.config);
        if (first)
                assert_string_equal(text, first);
        else
                first = strdup(text);
        free(text);
        n_compared++;
}

static void compare_folder(const char *path)
{
        first = NULL;
        for_each(path, ".conf", compare);
        free(first);
}

static void test_config_data_equivalent_are_equal(void **state)
{
        (void)state;
        n_compared = 0;
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                char path[512];

                snprintf(path, sizeof(path), "%s/equiv-config-files", folders[i]);
                assert_true(for_each(path, "", compare_folder) >= 2);
        }
        assert_true(n_compared >= 8);
}

/* That the comparison above sees a difference. */
static void test_config_data_different_are_not_equal(void **state)
{
        char path[512];
        char *second;

        (void)state;
        snprintf(path, sizeof(path), "%s/equiv-config-files/basic/basic-1.conf", folders[0]);
        load(path);
        config_fixture_assert_accepted(&fixture, path);
        first = config_describe(fixture.config);
        snprintf(path, sizeof(path), "%s/equiv-config-files/entities/entities-1.conf", folders[0]);
        load(path);
        config_fixture_assert_accepted(&fixture, path);
        second = config_describe(fixture.config);
        assert_string_not_equal(second, first);
        free(first);
        free(second);
}

/* Debian's own two, and all that packages have added to them. */
static void test_config_data_of_the_system_accepted(void **state)
{
        (void)state;
        check_valid("/usr/share/dbus-1/session.conf");
        check_valid("/usr/share/dbus-1/system.conf");
        assert_string_equal(fixture.config->type, "system");
        assert_string_equal(fixture.config->user, "messagebus");
        assert_string_equal(fixture.config->pidfile, "/run/dbus/pid");
        assert_string_equal(fixture.config->servicehelper,
                            "/usr/lib/dbus-1.0/dbus-daemon-launch-helper");
        assert_true(fixture.config->fork && fixture.config->syslog);
        assert_string_equal(fixture.config->listen[0], "unix:path=/run/dbus/system_bus_socket");
        assert_true(fixture.config->policy_rules.n >= 20);
        assert_null(strstr(fixture.others, "skipped"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_config_data_invalid_refused),
                cmocka_unit_test(test_config_data_valid_accepted),
                cmocka_unit_test(test_config_data_equivalent_are_equal),
                cmocka_unit_test(test_config_data_different_are_not_equal),
                cmocka_unit_test(test_config_data_of_the_system_accepted),
        };

        return cmocka_run_group_tests_name("config_data", tests, NULL, tear_down);
}
