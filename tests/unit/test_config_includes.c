/* SPDX-License-Identifier: Apache-2.0 */
/* What includes do; files in memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "auth/sasl.h"
#include "config_fixture.h"

#define BUS(text) "<busconfig>" CONFIG_FIXTURE_REST text "</busconfig>"

static ConfigFixture fixture; /* of the test under way */

static void load_texts(const char *const *texts)
{
        config_free(fixture.config);
        config_fixture_load_texts(texts, &fixture);
}

static int tear_down(void **state)
{
        (void)state;
        fixture.config = config_free(fixture.config);
        return 0;
}

/* The last value wins, in the order of the text with each file in the place of its include. */
static void test_config_includes_count_where_they_stand(void **state)
{
        static const char *const texts[] = {
                "/etc/main.conf",
                "<busconfig><type>a</type><listen>a:</listen>"
                "<limit name='auth_timeout'>1</limit><limit name='pending_fd_timeout'>1</limit>"
                "<include>sub/part.conf</include>"
                "<limit name='pending_fd_timeout'>3</limit><listen>c:</listen></busconfig>",
                "/etc/sub/part.conf",
                "<busconfig><type>b</type><listen>b:</listen><auth>EXTERNAL</auth>"
                "<include>../policy.conf</include><include>/abs.conf</include>"
                "<limit name='pending_fd_timeout'>2</limit></busconfig>",
                "/etc/sub/../policy.conf",
                "<busconfig>" CONFIG_FIXTURE_POLICY "</busconfig>",
                "/abs.conf",
                "<busconfig><limit name='auth_timeout'>7</limit></busconfig>",
                NULL,
        };

        (void)state;
        load_texts(texts);
        config_fixture_assert_accepted(&fixture, "includes");
        assert_string_equal(fixture.config->type, "b");
        assert_int_equal(fixture.config->n_listen, 3);
        assert_string_equal(fixture.config->listen[0], "a:");
        assert_string_equal(fixture.config->listen[1], "b:");
        assert_string_equal(fixture.config->listen[2], "c:");
        assert_int_equal(fixture.config->mechanisms, SASL_MECHANISM_EXTERNAL);
        assert_int_equal(fixture.config->limits.auth_timeout_ms, 7);
        assert_int_equal(fixture.config->limits.pending_fd_timeout_ms, 3);
}

/* What an included file says counts as if it stood there, except that <syslog> is forgotten. */
static void test_config_included_values_are_merged(void **state)
{
        static const char *const texts[] = {
                "conf",
                BUS("<user>a</user><pidfile>/a</pidfile><include>b</include>"
                    "<servicedir>/z</servicedir>"),
                "b",
                "<busconfig><user>b</user><servicehelper>/h</servicehelper><fork/><keep_umask/>"
                "<syslog/><allow_anonymous/><apparmor mode='required'/>"
                "<selinux><associate own='a' context='b'/></selinux><servicedir>/y</servicedir>"
                "</busconfig>",
                NULL,
        };
        const Config *config;

        (void)state;
        load_texts(texts);
        config_fixture_assert_accepted(&fixture, "merge");
        config = fixture.config;
        assert_string_equal(config->user, "b");
        assert_string_equal(config->pidfile, "/a");
        assert_string_equal(config->servicehelper, "/h");
        assert_true(config->fork && config->keep_umask && config->allow_anonymous);
        assert_false(config->syslog);
        assert_int_equal(config->apparmor, CONFIG_APPARMOR_REQUIRED);
        assert_int_equal(config->n_associations, 1);
        assert_int_equal(config->n_service_dirs, 2);
        assert_string_equal(config->service_dirs[0].path, "/y");
        assert_string_equal(config->service_dirs[1].path, "/z");
}

/* The files of a folder in its order; a bad one is logged, skipped, and leaves no trace. */
static void test_config_includedir_skips_bad_files(void **state)
{
        static const char *const texts[] = {
                "conf",
                BUS("<includedir>d</includedir><listen>z:</listen>"),
                "d/b.conf",
                "<busconfig><listen>b:</listen></busconfig>",
                "d/bad.conf",
                "<busconfig><listen>bad:</listen><bees/></busconfig>",
                "d/includes-bad.conf",
                "<busconfig><listen>bad:</listen><include>bad.conf</include></busconfig>",
                "d/circular.conf",
                "<busconfig><include>../d/circular.conf</include></busconfig>",
                "d/a.conf",
                "<busconfig><listen>a:</listen></busconfig>",
                NULL,
        };

        (void)state;
        load_texts(texts);
        config_fixture_assert_accepted(&fixture, "includedir");
        assert_int_equal(fixture.config->n_listen, 4);
        assert_string_equal(fixture.config->listen[1], "b:");
        assert_string_equal(fixture.config->listen[2], "a:");
        assert_string_equal(fixture.config->listen[3], "z:");
        assert_string_equal(
                fixture.others,
                "warning: d/bad.conf:1:33: unknown element <bees>\n"
                "warning: d/bad.conf: the file is skipped because of its errors\n"
                "warning: d/bad.conf:1:33: unknown element <bees>\n"
                "warning: d/includes-bad.conf: the file is skipped because of its errors\n"
                "warning: d/circular.conf:1:12: d/../d/circular.conf: no such file; add the file, "
                "or ignore_missing=\"yes\" to the <include>\n"
                "warning: d/circular.conf: the file is skipped because of its errors\n");
}

static void test_config_circles_refused(void **state)
{
        static const char *const one[] = {
                "conf", BUS("<include ignore_missing='yes'>conf</include>"), NULL};
        static const char *const two[] = {"conf", BUS("<include>b</include>"), "b",
                                          "<busconfig><include>conf</include></busconfig>", NULL};

        (void)state;
        load_texts(one);
        config_fixture_assert_refused(&fixture, "one", "conf: circular inclusion");
        load_texts(two);
        config_fixture_assert_refused(&fixture, "two", "b:1:12: conf: circular inclusion");
}

/* The same file twice in a row is no circle. */
static void test_config_file_included_twice_accepted(void **state)
{
        static const char *const texts[] = {"conf", BUS("<include>b</include><include>b</include>"),
                                            "b", "<busconfig><listen>b:</listen></busconfig>",
                                            NULL};

        (void)state;
        load_texts(texts);
        config_fixture_assert_accepted(&fixture, "twice");
        assert_int_equal(fixture.config->n_listen, 3);
}

/* A chain of 31 includes is read, one of 32 is too deep. */
static void test_config_include_depth_bounded(void **state)
{
        char names[33][8];
        char bodies[33][64];
        const char *texts[2 * 33 + 1] = {0};

        (void)state;
        for (unsigned length = 32; length <= 33; length++) {
                for (unsigned i = 0; i < length; i++) {
                        bool last = i == length - 1;

                        snprintf(names[i], sizeof(names[i]), "f%u", i);
                        snprintf(bodies[i], sizeof(bodies[i]),
                                 last ? "<busconfig/>"
                                      : "<busconfig><include>f%u</include></busconfig>",
                                 i + 1);
                        texts[2 * i] = names[i];
                        texts[2 * i + 1] = bodies[i];
                }
                texts[2 * length] = NULL;
                load_texts(texts);
                config_fixture_assert_refused(&fixture, "depth",
                                              length == 32 ? "f0: one or more <listen>"
                                                           : "too many includes in includes");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_config_includes_count_where_they_stand),
                cmocka_unit_test(test_config_included_values_are_merged),
                cmocka_unit_test(test_config_includedir_skips_bad_files),
                cmocka_unit_test(test_config_circles_refused),
                cmocka_unit_test(test_config_file_included_twice_accepted),
                cmocka_unit_test(test_config_include_depth_bounded),
        };

        return cmocka_run_group_tests_name("config_includes", tests, NULL, tear_down);
}
