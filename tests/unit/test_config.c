/* SPDX-License-Identifier: Apache-2.0 */
/* What the text of a configuration means; files in memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "auth/sasl.h"
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
        assert_null(fixture.config->user);
        assert_null(fixture.config->pidfile);
        assert_null(fixture.config->servicehelper);
        assert_false(fixture.config->fork || fixture.config->keep_umask || fixture.config->syslog ||
                     fixture.config->allow_anonymous);
        assert_int_equal(fixture.config->n_service_dirs, 0);
        assert_int_equal(fixture.config->n_associations, 0);
        assert_int_equal(fixture.config->apparmor, CONFIG_APPARMOR_ENABLED);
        assert_string_equal(fixture.others, "");
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
                  "<limit name='auth_timeout'>010</limit><limit name='reply_timeout'>7</limit>"
                  "<user>a</user><user>messagebus</user><pidfile> p</pidfile>"
                  "<servicehelper>/h</servicehelper><fork/><keep_umask/><syslog/>"
                  "<allow_anonymous/><apparmor mode='disabled'/>"
                  "<selinux><associate own='a' context='1'/><associate own='b' context='2'/>"
                  "<associate own='a' context='3'/></selinux></busconfig>");
        config_fixture_assert_accepted(&fixture, "values");
        config = fixture.config;
        assert_string_equal(config->type, " own ");
        assert_string_equal(config->user, "messagebus");
        assert_string_equal(config->pidfile, " p");
        assert_string_equal(config->servicehelper, "/h");
        assert_true(config->fork && config->keep_umask && config->syslog &&
                    config->allow_anonymous);
        assert_int_equal(config->n_listen, 2);
        assert_string_equal(config->listen[0], "unix:path=/<a>");
        assert_string_equal(config->listen[1], "tcp:port=1");
        assert_int_equal(config->mechanisms, SASL_MECHANISM_EXTERNAL | SASL_MECHANISM_ANONYMOUS);
        assert_int_equal(config->apparmor, CONFIG_APPARMOR_DISABLED);
        assert_int_equal(config->n_associations, 2);
        assert_string_equal(config->associations[0].own, "a");
        assert_string_equal(config->associations[0].context, "3");
        assert_string_equal(config->associations[1].context, "2");
        assert_int_equal(config->limits.max_message_size_bytes, 256);
        assert_int_equal(config->limits.auth_timeout_ms, 8);
        assert_int_equal(config->limits.reply_timeout_ms, 7);
}

static void test_config_errors_name_line_and_column(void **state)
{
        static const struct {
                const char *text;
                const char *error;
        } cases[] = {
                {"<busconfig>\n  <bees/>\n</busconfig>", "conf:2:3: unknown element <bees>\n"},
                {"<busconfig>\n\n <limit\n name='bees'>3\n</limit>\n</busconfig>",
                 "conf:3:2: there is no limit called \"bees\"\n"},
                {"<busconfig>\n <policy context='default'>\n  <deny/></policy>\n</busconfig>",
                 "conf:3:3: <deny>: an attribute must say what it is about, such as "
                 "send_destination, receive_type, own or user\n"},
                {"<busconfig>\n  a\n b\n</busconfig>",
                 "conf:2:1: no text belongs here; remove it, or make it a comment: <!-- ... -->\n"},
                {"<busconfig>\n <type>a</foo>", "conf:2:11: not well-formed XML: mismatched tag\n"},
                {"<busconfig>\n<include>a</include>\n</busconfig>",
                 "conf:2:1: a: no such file; add the file, or ignore_missing=\"yes\" to the "
                 "<include>\n"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                load_text(cases[i].text);
                assert_string_equal(fixture.errors, cases[i].error);
        }
}

/* Each element stands for itself; what is left out is not judged. */
static void test_config_all_errors_are_found_at_once(void **state)
{
        static const char *const texts[] = {
                "conf",
                "<busconfig><bees><type/></bees>\n"
                "<type><auth>EXTERNAL</auth></type>\n"
                "<limit name='x'>3</limit>\n"
                "<policy hat='top'><allow/></policy>\n"
                "<include>part</include>\n"
                "<allow own='*'/>\n"
                "<limit name='auth_timeout' a='1' b='2'>3</limit>\n"
                "<include ignore_missing='a' if_selinux_enabled='b'>c</include>\n"
                "<type>",
                "part",
                "<busconfig><user/><listen>a:</listen></busconfig>",
                NULL,
        };

        (void)state;
        load_texts(texts);
        assert_string_equal(
                fixture.errors,
                "conf:1:12: unknown element <bees>\n"
                "conf:2:7: <auth> is not allowed inside <type>; it belongs into <busconfig>\n"
                "conf:3:1: there is no limit called \"x\"\n"
                "conf:4:1: <policy> has no attribute \"hat\"\n"
                "conf:4:19: <allow>: an attribute must say what it is about, such as "
                "send_destination, receive_type, own or user\n"
                "part:1:12: <user> must have content\n"
                "conf:6:1: <allow> is not allowed inside <busconfig>; it belongs into <policy>\n"
                "conf:7:1: <limit> has no attribute \"a\"\n"
                "conf:7:1: <limit> has no attribute \"b\"\n"
                "conf:8:1: ignore_missing=\"a\" must be \"yes\" or \"no\"\n"
                "conf:8:1: if_selinux_enabled=\"b\" must be \"yes\" or \"no\"\n"
                "conf:9:7: not well-formed XML: no element found\n");
}

static void test_config_errors_are_bounded(void **state)
{
        char text[4096] = "<busconfig>";

        (void)state;
        for (unsigned i = 0; i < 60; i++)
                strcat(text, "\n<bees/>");
        strcat(text, "</busconfig>");
        load_text(text);
        assert_int_equal(fixture.n_errors, 50);
        assert_non_null(strstr(fixture.errors, "conf:51:1: unknown element <bees>\n"));
        assert_null(strstr(fixture.errors, "conf:52:1:"));
}

static void test_config_errors_suggest_what_is_near(void **state)
{
        static const struct {
                const char *text;
                const char *suggestion; /* "": none */
        } cases[] = {
                {"<listn>a</listn>", "unknown element <listn>; did you mean \"listen\"?"},
                {"<Policy/>", "unknown element <Policy>; did you mean \"policy\"?"},
                {"<limit name='max_message_sise'>3</limit>", "\"max_message_size\"?"},
                {"<limit name='max_names_per_conection'>3</limit>",
                 "did you mean \"max_names_per_connection\"?"},
                {"<limit namee='a'>3</limit>", "no attribute \"namee\"; did you mean \"name\"?"},
                {"<policy contxt='default'/>", "did you mean \"context\"?"},
                {"<policy context='default'><allow send_dest='a'/></policy>", ""},
                {"<policy context='default'><allow send_destinaton='a'/></policy>",
                 "<allow> has no attribute \"send_destinaton\"; did you mean "
                 "\"send_destination\"?"},
                {"<x/>", ""},
                {"<an_element_whose_name_is_longer_than_any_other_name_there_is/>", ""},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[512];

                snprintf(text, sizeof(text), BUS("%s"), cases[i].text);
                load_text(text);
                config_fixture_assert_refused(&fixture, text, cases[i].suggestion);
                if (!cases[i].suggestion[0])
                        assert_null(strstr(fixture.errors, "did you mean"));
        }
}

/* What is shown to people, and how much of it. */
static void test_config_report_is_shown_in_lines(void **state)
{
        static const char expected[] = "notice: a\nwarning: b\nc\n";
        ConfigReport report = {0};
        ConfigReport more = {0};
        char shown[8192];
        FILE *file = fmemopen(shown, sizeof(shown), "w");

        (void)state;
        config_report_add(&report, CONFIG_NOTICE, "a");
        config_report_add(&report, CONFIG_WARNING, "b");
        config_report_add(&report, CONFIG_ERROR, "c");
        config_report_print(&report, file);
        fflush(file);
        assert_string_equal(shown, expected);
        assert_string_equal(config_report_first_error(&report), "c");
        for (unsigned i = 0; i < 60; i++)
                config_report_add(&more, CONFIG_ERROR, "%u", i);
        config_report_merge(&report, &more, false);
        assert_int_equal(report.n_errors, 61);
        assert_int_equal(report.n, 2 + CONFIG_REPORT_MAX);
        assert_int_equal(more.n + more.n_errors, 0);
        rewind(file);
        config_report_print(&report, file);
        fclose(file);
        assert_non_null(strstr(shown, "\n48\n11 more\n"));
        for (unsigned i = 0; i < 60; i++)
                config_report_add(&more, CONFIG_ERROR, "%u", i);
        config_report_merge(&report, &more, true);
        assert_int_equal(report.n_errors, 61);
        assert_int_equal(report.n_others, 62);
        config_report_deinit(&report);
}

static void test_config_parts_without_effect_reported_once_each(void **state)
{
        (void)state;
        load_text("<busconfig>\n<standard_session_servicedirs/>\n"
                  "<limit name='service_start_timeout'>9</limit>\n"
                  "<limit name='max_pending_service_starts'>8</limit>\n"
                  "<servicedir>a</servicedir><servicehelper>a</servicehelper>\n"
                  "<limit name='max_containers'>9</limit>\n"
                  "<limit name='max_containers_per_user'>9</limit>\n"
                  "<limit name='max_message_size'>9</limit>\n"
                  "<include if_selinux_enabled='yes'>a</include>\n"
                  "<auth>EXTERNAL</auth><auth>ANONYMOUS</auth><auth>ANONYMOUS</auth>\n"
                  "<allow_anonymous/><auth>DBUS_COOKIE_SHA1</auth>" CONFIG_FIXTURE_REST
                  "</busconfig>");
        config_fixture_assert_accepted(&fixture, "notes");
        assert_string_equal(fixture.others,
                            "conf:2:1: <standard_session_servicedirs> has no effect yet: services "
                            "are not started on demand\n"
                            "conf:6:1: <limit name=\"max_containers\"> has no effect: there are "
                            "no containers\n");
}

/* 0 is at once, as in the reference; whoever asks for no time limit has to say so. */
static void test_config_timeouts_of_0_are_at_once(void **state)
{
        (void)state;
        assert_int_equal(limits_timeout_ms(0), 1);
        assert_int_equal(limits_timeout_ms(25), 25);
        assert_int_equal(limits_timeout_ms(LIMITS_NEVER), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_config_timeouts_of_0_are_at_once),
                cmocka_unit_test(test_config_cases_have_our_verdict),
                cmocka_unit_test(test_config_defaults_are_the_reference_s),
                cmocka_unit_test(test_config_values_are_kept),
                cmocka_unit_test(test_config_errors_name_line_and_column),
                cmocka_unit_test(test_config_all_errors_are_found_at_once),
                cmocka_unit_test(test_config_errors_are_bounded),
                cmocka_unit_test(test_config_errors_suggest_what_is_near),
                cmocka_unit_test(test_config_report_is_shown_in_lines),
                cmocka_unit_test(test_config_parts_without_effect_reported_once_each),
        };

        return cmocka_run_group_tests_name("config", tests, NULL, tear_down);
}
