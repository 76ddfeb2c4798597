/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory while a configuration is read, at each allocation in turn: the whole is refused,
 * nothing is half read, and nothing is left behind (which a sanitizer build sees).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <expat.h>

#include "broker/base/assert.h"
#include "broker/config.h"
#include "tests/support/config_memory.h"
#include "tests/support/shortage.h"

XML_Parser __real_XML_ParserCreate(const XML_Char *encoding);
XML_Parser __wrap_XML_ParserCreate(const XML_Char *encoding);
XML_Parser __wrap_XML_ParserCreate(const XML_Char *encoding)
{
        return shortage_strikes() ? NULL : __real_XML_ParserCreate(encoding);
}

/* Every element, a file, a folder with a bad file, warnings. */
static const ConfigMemoryFile good[] = {
        {TEXT("conf"),
         TEXT("<busconfig><type>a</type><type>b</type><user>u</user><pidfile>p</pidfile>"
              "<listen>a:</listen><listen>b:</listen><servicehelper>h</servicehelper>"
              "<servicedir>s</servicedir><standard_session_servicedirs/>"
              "<standard_system_servicedirs/><allow_anonymous/><auth>ANONYMOUS</auth>"
              "<limit name='reply_timeout'>3</limit><apparmor/>"
              "<selinux><associate own='a' context='b'/><associate own='a' context='c'/>"
              "<associate own='b' context='c'/></selinux>"
              "<policy context='default'><allow user='*'/><deny user='alice'/><deny user='bob'/>"
              "<allow send_interface='a' send_member='b' send_path='c' send_destination='d'/>"
              "<allow send_error='a'/><allow receive_interface='a' receive_member='b' "
              "receive_path='c' receive_sender='d'/><allow receive_error='e'/><allow own='a'/>"
              "</policy><policy user='bob'/><include>part</include><includedir>d</includedir>"
              "<include ignore_missing='yes'>none</include></busconfig>")},
        {TEXT("part"), TEXT("<busconfig><listen>c:</listen><user>v</user><policy user='root'>"
                            "<allow own='a'/></policy><selinux><associate own='z' context='b'/>"
                            "</selinux><servicedir>t</servicedir></busconfig>")},
        {TEXT("d/bad.conf"), TEXT("<busconfig><bees/></busconfig>")},
        {TEXT("d/good.conf"), TEXT("<busconfig><fork/></busconfig>")},
};

static const ConfigMemoryFile bad[] = {
        {TEXT("conf"), TEXT("<busconfig><bees/><include>none</include><limit name='x'>3</limit>"
                            "<type></busconfig>")},
};

static int load(const ConfigMemoryFile *files, size_t n, Config **ret_config, ConfigReport *report)
{
        static const char *const environment[] = {"XDG_RUNTIME_DIR", "/run/u", "HOME", "/home/u",
                                                  NULL};
        ConfigMemory memory = {.files = files, .n = n, .environment = environment};
        ConfigSource source = config_memory_source(&memory);

        return config_load_from(&source, "conf", ret_config, report);
}

/* Fails at each allocation in turn until none is left. */
static void fail_everywhere(const ConfigMemoryFile *files, size_t n, int expected, long n_min)
{
        int r = -ENOMEM;
        long n_allocations = 0;

        for (; r == -ENOMEM; n_allocations++) {
                ConfigReport report = {0};
                Config *config = NULL;

                shortage_begin(n_allocations);
                r = load(files, n, &config, &report);
                shortage_begin(SHORTAGE_NEVER);
                assert_true((r == 0) == (config != NULL));
                assert_int_equal(report.out_of_memory, r == -ENOMEM);
                config_free(config);
                config_report_deinit(&report);
                assert_true(n_allocations < 10000);
        }
        assert_int_equal(r, expected);
        assert_true(n_allocations > n_min);
}

static void test_config_memory_good_configuration_is_refused_whole(void **state)
{
        (void)state;
        fail_everywhere(good, ARRAY_SIZE(good), 0, 100);
}

static void test_config_memory_errors_do_not_hide_it(void **state)
{
        (void)state;
        fail_everywhere(bad, ARRAY_SIZE(bad), -EINVAL, 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_config_memory_good_configuration_is_refused_whole),
                cmocka_unit_test(test_config_memory_errors_do_not_hide_it),
        };

        return cmocka_run_group_tests_name("config_memory", tests, NULL, NULL);
}
