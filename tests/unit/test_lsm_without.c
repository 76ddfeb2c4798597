/* SPDX-License-Identifier: Apache-2.0 */
/* broker/lsm.c as it is built where the modules' libraries are not there. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "broker/lsm.h"

static void test_lsm_without_libraries_nothing_mediates(void **state)
{
        Config config = {.apparmor = CONFIG_APPARMOR_ENABLED};
        ConfigReport report = {0};
        Mediators mediators = {.n = 1};
        int fds[LSM_WATCHES_MAX];

        (void)state;
        lsm_check(&config, "conf", &report);
        assert_int_equal(report.n, 0);
        lsm_start();
        assert_null(lsm_selinux_root());
        assert_null(lsm_selinux_label());
        assert_false(lsm_is_mediating_selinux());
        assert_false(lsm_is_mediating_apparmor());
        assert_int_equal(lsm_mediators(&config, &mediators), 0);
        assert_int_equal(mediators.n, 0);
        assert_int_equal(lsm_watches(fds), 0);
        assert_false(lsm_was_changed(0));
        lsm_stop();
}

static void test_lsm_without_libraries_apparmor_cannot_be_required(void **state)
{
        Config config = {.apparmor = CONFIG_APPARMOR_REQUIRED};
        ConfigReport report = {0};

        (void)state;
        lsm_check(&config, "conf", &report);
        assert_int_equal(report.n_errors, 1);
        assert_string_equal(config_report_first_error(&report),
                            "conf: <apparmor mode=\"required\"/>, but ringbus was built without "
                            "libapparmor; mend that, or write mode=\"enabled\"");
        config_report_deinit(&report);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lsm_without_libraries_nothing_mediates),
                cmocka_unit_test(test_lsm_without_libraries_apparmor_cannot_be_required),
        };

        return cmocka_run_group_tests_name("lsm_without", tests, NULL, NULL);
}
