/* SPDX-License-Identifier: Apache-2.0 */
/* What the text of a configuration means; files in memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "auth/sasl.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "config_cases.h"
#include "config_fixture.h"

#define BUS(text) "<busconfig>" CONFIG_FIXTURE_REST text "</busconfig>"

static ConfigFixture fixture; /* of the test under way */

static void load_text(const char *text)
{
        config_free(fixture.config);
        config_fixture_load_text(text, &fixture);
}

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

static void test_config_cases_have_our_verdict(void **state)
{
        (void)state;
        for (size_t i = 0; i < config_cases_count; i++) {
                load_text(config_cases[i].text);
                if (config_cases[i].reason)
                        config_fixture_assert_refused(&fixture, config_cases[i].text,
                                                      config_cases[i].reason);
                else
                        config_fixture_assert_accepted(&fixture, config_cases[i].text);
        }
}

/* The built-in values of dbus-daemon 1.14 (bus_config_parser_new). */
static void test_config_defaults_are_the_reference_s(void **state)
{
        const Limits *limits;

        (void)state;
        load_text(BUS(""));
        config_fixture_assert_accepted(&fixture, "defaults");
        assert_null(fixture.config->type);
        assert_int_equal(fixture.config->n_listen, 1);
        assert_int_equal(fixture.config->mechanisms, 0);
        assert_false(fixture.config->admits_every_user);
        assert_string_equal(fixture.log, "");
        limits = &fixture.config->limits;
        assert_int_equal(limits->max_incoming_bytes, 133169152);
        assert_int_equal(limits->max_outgoing_bytes, 133169152);
        assert_int_equal(limits->max_incoming_unix_fds, 64);
        assert_int_equal(limits->max_outgoing_unix_fds, 64);
        assert_int_equal(limits->max_message_size_bytes, 33554432);
        assert_int_equal(limits->max_message_unix_fds, 16);
        assert_int_equal(limits->service_start_timeout_ms, 25000);
        assert_int_equal(limits->auth_timeout_ms, 30000);
        assert_int_equal(limits->pending_fd_timeout_ms, 150000);
        assert_true(limits->reply_timeout_ms == LIMITS_NEVER);
        assert_int_equal(limits->max_completed_connections, 2048);
        assert_int_equal(limits->max_incomplete_connections, 64);
        assert_int_equal(limits->max_connections_per_user, 256);
        assert_int_equal(limits->max_pending_service_starts, 512);
        assert_int_equal(limits->max_names_per_connection, 512);
        assert_int_equal(limits->max_match_rules_per_connection, 512);
        assert_int_equal(limits->max_replies_per_connection, 128);
        assert_int_equal(limits->max_containers, 512);
        assert_int_equal(limits->max_containers_per_user, 16);
        assert_int_equal(limits->max_container_metadata_bytes, 4096);
        assert_int_equal(limits->max_connections_per_container, 8);
}

static void test_config_values_are_kept(void **state)
{
        const Config *config;

        (void)state;
        load_text("<busconfig><type>system</type><type> own </type>"
                  "<listen>unix:path=/&lt;a&gt;</listen><listen>tcp:port=1</listen>"
                  "<auth>EXTERNAL</auth><auth>ANONYMOUS</auth>"
                  "<limit name='max_message_size'>0x100</limit>"
                  "<limit name='auth_timeout'>010</limit>" CONFIG_FIXTURE_POLICY
                  "<policy context='default'><allow user='*'/></policy></busconfig>");
        config_fixture_assert_accepted(&fixture, "values");
        config = fixture.config;
        assert_string_equal(config->type, " own ");
        assert_int_equal(config->n_listen, 2);
        assert_string_equal(config->listen[0], "unix:path=/<a>");
        assert_string_equal(config->listen[1], "tcp:port=1");
        assert_int_equal(config->mechanisms, SASL_MECHANISM_EXTERNAL | SASL_MECHANISM_ANONYMOUS);
        assert_true(config->admits_every_user);
        assert_int_equal(config->limits.max_message_size_bytes, 256);
        assert_int_equal(config->limits.auth_timeout_ms, 8);
}

static void test_config_errors_name_line_and_column(void **state)
{
        static const struct {
                const char *text;
                const char *error;
        } cases[] = {
                {"<busconfig>\n  <bees/>\n</busconfig>", "conf:2:3: unknown element <bees>"},
                {"<busconfig>\n\n <limit\n name='bees'>3\n</limit>\n</busconfig>",
                 "conf:3:2: there is no limit called \"bees\""},
                {"<busconfig>\n <limit name='reply_timeout'>3</limit>\n</busconfig>",
                 "conf:2:2: <limit name=\"reply_timeout\"> is not supported yet; remove it"},
                {"<busconfig>\n <policy context='default'>\n  <deny own='*'/>\n",
                 "conf:3:3: <deny> is not supported yet; remove it"},
                {"<busconfig>\n  a\n</busconfig>", "conf:2:1: no text belongs here"},
                {"<busconfig>\n <user>a</foo>", "conf:2:2: <user> is not supported yet; remove it"},
                {"<busconfig>\n <type>a</foo>", "conf:2:11: not well-formed XML: mismatched tag"},
                {"<busconfig>\n<include>a</include>\n</busconfig>",
                 "conf:2:1: a: no such file; add the file, or ignore_missing=\"yes\" to the "
                 "<include>"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                load_text(cases[i].text);
                assert_string_equal(fixture.error.text, cases[i].error);
                assert_int_equal(fixture.result, i == ARRAY_SIZE(cases) - 1 ? -ENOENT : -EINVAL);
        }
}

static void test_config_parts_without_effect_reported_once_each(void **state)
{
        (void)state;
        load_text("<busconfig>\n<keep_umask/><keep_umask/>\n<standard_session_servicedirs/>\n"
                  "<limit name='service_start_timeout'>9</limit>\n"
                  "<limit name='service_start_timeout'>8</limit>\n"
                  "<limit name='max_pending_service_starts'>8</limit>\n"
                  "<limit name='max_message_size'>9</limit>\n"
                  "<include if_selinux_enabled='yes'>a</include>\n"
                  "<include if_selinux_enabled='yes'>b</include>\n"
                  "<auth>EXTERNAL</auth><auth>ANONYMOUS</auth><auth>ANONYMOUS</"
                  "auth>\n" CONFIG_FIXTURE_REST "</busconfig>");
        config_fixture_assert_accepted(&fixture, "notes");
        assert_string_equal(
                fixture.log,
                "ringbus: conf:2:1: <keep_umask> has no effect yet\n"
                "ringbus: conf:3:1: <standard_session_servicedirs> has no effect yet\n"
                "ringbus: conf:4:1: <limit name=\"service_start_timeout\"> has no effect yet\n"
                "ringbus: conf:6:1: <limit name=\"max_pending_service_starts\"> has no effect yet\n"
                "ringbus: conf:8:1: <include if_selinux_enabled=\"yes\"> has no effect yet\n"
                "ringbus: conf:10:22: <auth>ANONYMOUS</auth> has no effect yet\n");
}

/* Which sets of allow rules add up to everything. */
static void test_config_policies_add_up(void **state)
{
#define RIGHTS "<allow own='*'/><allow receive_type='*' eavesdrop='true'/>"
        static const struct {
                const char *rules;
                const char *missing; /* NULL: all is allowed */
        } cases[] = {
                {RIGHTS "<allow send_type='*' eavesdrop='true'/>", NULL},
                {RIGHTS "<allow send_interface='*' send_requested_reply='false'/>", NULL},
                {RIGHTS "<allow send_destination='*'/>", "<allow send_destination"},
                {RIGHTS "<allow send_destination='*' eavesdrop='false'/>", "<allow send_"},
                {RIGHTS "<allow send_type='method_call'/><allow send_type='signal'/>"
                        "<allow send_type='error' eavesdrop='true'/>"
                        "<allow send_type='method_return' send_requested_reply='false'/>",
                 NULL},
                {RIGHTS "<allow send_type='method_call'/><allow send_type='signal'/>"
                        "<allow send_type='error' eavesdrop='true'/>",
                 "<allow send_"},
                {RIGHTS "<allow send_type='*' eavesdrop='true'/><allow send_type='signal'/>", NULL},
                /* The last rule about every message makes earlier ones forgotten. */
                {RIGHTS "<allow send_type='*' eavesdrop='true'/><allow send_type='*'/>",
                 "<allow send_"},
                {RIGHTS "<allow send_type='*' eavesdrop='true'/><allow send_type='*' max_fds='1'/>",
                 "<allow send_"},
                {RIGHTS "<allow send_destination='*' eavesdrop='true'/><allow receive_sender='*'/>",
                 "<allow eavesdrop=\"true\"/>"},
                {"<allow own='*'/><allow send_type='*' eavesdrop='true'/>",
                 "<allow eavesdrop=\"true\"/>"},
                {"<allow send_type='*' eavesdrop='true'/><allow eavesdrop='true'/>",
                 "<allow own=\"*\"/>"},
                {"<allow send_type='*' eavesdrop='true'/><allow eavesdrop='true'/>"
                 "<allow own='a.b'/><allow own_prefix='a'/>",
                 "<allow own=\"*\"/>"},
                {"<allow send_type='*' eavesdrop='true'/><allow eavesdrop='true'/>"
                 "<allow own_prefix='*'/>",
                 NULL},
        };
#undef RIGHTS

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[1024];

                snprintf(text, sizeof(text),
                         "<busconfig>%s<policy context='default'>%s</policy></busconfig>",
                         CONFIG_FIXTURE_LISTEN, cases[i].rules);
                load_text(text);
                if (cases[i].missing)
                        config_fixture_assert_refused(&fixture, text, cases[i].missing);
                else
                        config_fixture_assert_accepted(&fixture, text);
        }
}

/* Mandatory rules count after default ones, wherever they stand. */
static void test_config_mandatory_policy_overrides(void **state)
{
        (void)state;
        load_text(
                "<busconfig>" CONFIG_FIXTURE_LISTEN
                "<policy context='mandatory'><allow send_type='*'/></policy>" CONFIG_FIXTURE_POLICY
                "</busconfig>");
        config_fixture_assert_refused(&fixture, "mandatory", "<allow send_destination");
        load_text("<busconfig>" CONFIG_FIXTURE_LISTEN
                  "<policy context='mandatory'><allow send_type='*' "
                  "eavesdrop='true'/></policy>" CONFIG_FIXTURE_POLICY "</busconfig>");
        config_fixture_assert_accepted(&fixture, "mandatory");
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
        assert_int_equal(fixture.n_lines, 3);
        assert_non_null(strstr(fixture.log, "warning: d/bad.conf:1:33: unknown element <bees>; "
                                            "d/bad.conf is skipped\n"));
        assert_non_null(strstr(fixture.log, "d/includes-bad.conf is skipped\n"));
        assert_non_null(strstr(fixture.log, "d/circular.conf is skipped\n"));
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
                cmocka_unit_test(test_config_cases_have_our_verdict),
                cmocka_unit_test(test_config_defaults_are_the_reference_s),
                cmocka_unit_test(test_config_values_are_kept),
                cmocka_unit_test(test_config_errors_name_line_and_column),
                cmocka_unit_test(test_config_parts_without_effect_reported_once_each),
                cmocka_unit_test(test_config_policies_add_up),
                cmocka_unit_test(test_config_mandatory_policy_overrides),
                cmocka_unit_test(test_config_includes_count_where_they_stand),
                cmocka_unit_test(test_config_includedir_skips_bad_files),
                cmocka_unit_test(test_config_circles_refused),
                cmocka_unit_test(test_config_file_included_twice_accepted),
                cmocka_unit_test(test_config_include_depth_bounded),
        };

        return cmocka_run_group_tests_name("config", tests, NULL, tear_down);
}
