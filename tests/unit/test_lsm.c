/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of libselinux, of which this is a fake: no kernel with SELinux is needed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "broker/lsm.h"

static int enabled; /* as is_selinux_enabled(3): 1, 0 or -1 */
static char folder[] = "/tmp/test-lsm-XXXXXX";

int __wrap_is_selinux_enabled(void);
int __wrap_is_selinux_enabled(void)
{
        return enabled;
}

const char *__wrap_selinux_policy_root(void);
const char *__wrap_selinux_policy_root(void)
{
        return folder;
}

static void test_lsm_selinux_root_is_that_of_the_library(void **state)
{
        (void)state;
        enabled = 1;
        assert_string_equal(lsm_selinux_root(), folder);
        enabled = 0;
        assert_null(lsm_selinux_root());
        enabled = -1;
        assert_null(lsm_selinux_root());
}

static void write_file(const char *name, const char *text, char *ret_path, size_t size)
{
        FILE *file;

        snprintf(ret_path, size, "%s/%s", folder, name);
        file = fopen(ret_path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* The last line of Debian's session.conf and system.conf. */
static void test_lsm_include_is_read_if_selinux_is_enabled(void **state)
{
        char main_path[64];
        char contexts[64];

        (void)state;
        write_file("main",
                   "<busconfig><listen>a:</listen><include if_selinux_enabled='yes' "
                   "selinux_root_relative='yes'>contexts</include></busconfig>",
                   main_path, sizeof(main_path));
        write_file("contexts",
                   "<busconfig><selinux><associate own='a.b' context='c'/></selinux></busconfig>",
                   contexts, sizeof(contexts));
        for (enabled = 0; enabled <= 1; enabled++) {
                ConfigReport report = {0};
                Config *config = NULL;

                assert_int_equal(config_load(main_path, &config, &report), 0);
                assert_int_equal(config->n_associations, enabled);
                if (enabled)
                        assert_string_equal(config->associations[0].own, "a.b");
                assert_int_equal(report.n, 0);
                config_free(config);
        }
        assert_int_equal(unlink(main_path) + unlink(contexts), 0);
}

static void test_lsm_what_is_asked_for_in_vain_is_reported(void **state)
{
        Config config = {.apparmor = CONFIG_APPARMOR_ENABLED};
        ConfigReport report = {0};

        (void)state;
        enabled = 0;
        lsm_check(&config, "conf", &report);
        assert_int_equal(report.n, 0);
        enabled = 1;
        lsm_check(&config, "conf", &report);
        assert_int_equal(report.n, 1);
        assert_int_equal(report.items[0].severity, CONFIG_WARNING);
        assert_non_null(strstr(report.items[0].text, "conf: SELinux is enabled, but nothing"));
        config.apparmor = CONFIG_APPARMOR_REQUIRED;
        lsm_check(&config, "conf", &report);
        assert_int_equal(report.n_errors, 1);
        config_report_deinit(&report);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lsm_selinux_root_is_that_of_the_library),
                cmocka_unit_test(test_lsm_include_is_read_if_selinux_is_enabled),
                cmocka_unit_test(test_lsm_what_is_asked_for_in_vain_is_reported),
        };
        int n_failed;

        if (!mkdtemp(folder))
                return 1;
        n_failed = cmocka_run_group_tests_name("lsm", tests, NULL, NULL);
        return rmdir(folder) == 0 ? n_failed : 1;
}
