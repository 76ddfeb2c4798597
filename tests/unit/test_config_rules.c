/* SPDX-License-Identifier: Apache-2.0 */
/* What <policy>, <allow> and <deny> become, and the folders of services; files in memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "broker/base/assert.h"
#include "config_fixture.h"

static ConfigFixture fixture; /* of the test under way */

static void load_policies(const char *policies)
{
        char text[4096];

        snprintf(text, sizeof(text), "<busconfig>%s%s</busconfig>", CONFIG_FIXTURE_LISTEN,
                 policies);
        config_free(fixture.config);
        config_fixture_load_text(text, &fixture);
}

static int tear_down(void **state)
{
        (void)state;
        fixture.config = config_free(fixture.config);
        return 0;
}

static void assert_text(const char *actual, const char *expected)
{
        if (!expected)
                assert_null(actual);
        else
                assert_string_equal(actual, expected);
}

static void assert_rule(const PolicyRule *actual, const PolicyRule *expected)
{
        assert_int_equal(actual->context, expected->context);
        assert_int_equal(actual->context_id, expected->context_id);
        assert_int_equal(actual->kind, expected->kind);
        assert_int_equal(actual->allow, expected->allow);
        assert_int_equal(actual->log, expected->log);
        assert_int_equal(actual->eavesdrop, expected->eavesdrop);
        assert_int_equal(actual->requested_reply, expected->requested_reply);
        assert_int_equal(actual->name_is_prefix, expected->name_is_prefix);
        assert_int_equal(actual->type, expected->type);
        assert_int_equal(actual->broadcast, expected->broadcast);
        assert_int_equal(actual->min_fds, expected->min_fds);
        assert_int_equal(actual->max_fds, expected->max_fds);
        assert_int_equal(actual->id, expected->id);
        assert_text(actual->interface, expected->interface);
        assert_text(actual->member, expected->member);
        assert_text(actual->path, expected->path);
        assert_text(actual->error, expected->error);
        assert_text(actual->name, expected->name);
}

/* Loads one rule in the default context, and compares. */
static void check_rule(const char *rule, const PolicyRule *expected)
{
        char text[512];

        snprintf(text, sizeof(text), "<policy context='default'>%s</policy>", rule);
        load_policies(text);
        config_fixture_assert_accepted(&fixture, rule);
        assert_int_equal(fixture.config->policy_rules.n, 1);
        assert_rule(&fixture.config->policy_rules.items[0], expected);
        assert_string_equal(fixture.others, "");
}

/* What is not given is what it is by default; a denial is about unrequested replies. */
#define ALLOW .allow = true, .requested_reply = true, .max_fds = POLICY_FDS_MAX
#define DENY .allow = false, .requested_reply = false, .max_fds = POLICY_FDS_MAX

static void test_rule_send_attributes_are_kept(void **state)
{
        char a[] = "a.b", m[] = "M", p[] = "/p", e[] = "a.E", d[] = "d.e";

        (void)state;
        check_rule("<allow send_interface='*' send_member='*' send_path='*' send_destination='*' "
                   "send_type='*'/>",
                   &(PolicyRule){ALLOW, .kind = POLICY_RULE_SEND});
        check_rule("<deny send_error='*' send_destination='d.e'/>",
                   &(PolicyRule){DENY, .kind = POLICY_RULE_SEND, .name = d});
        check_rule("<deny send_interface='a.b' send_member='M' send_path='/p' "
                   "send_destination='d.e' send_type='method_call' log='true' min_fds='1' "
                   "max_fds='0x10'/>",
                   &(PolicyRule){.kind = POLICY_RULE_SEND,
                                 .interface = a,
                                 .member = m,
                                 .path = p,
                                 .name = d,
                                 .type = 1,
                                 .log = true,
                                 .min_fds = 1,
                                 .max_fds = 16});
        check_rule("<deny send_error='a.E' send_destination_prefix='d.e' send_type='error' "
                   "send_requested_reply='true' eavesdrop='true' log='no'/>",
                   &(PolicyRule){.kind = POLICY_RULE_SEND,
                                 .max_fds = POLICY_FDS_MAX,
                                 .error = e,
                                 .name = d,
                                 .name_is_prefix = true,
                                 .type = 3,
                                 .requested_reply = true,
                                 .eavesdrop = true});
        check_rule("<allow send_broadcast='true' send_type='signal' eavesdrop='false'/>",
                   &(PolicyRule){ALLOW, .kind = POLICY_RULE_SEND, .broadcast = POLICY_BROADCAST_YES,
                                 .type = 4});
        check_rule("<allow send_broadcast='false' send_type='method_return' "
                   "send_requested_reply='false'/>",
                   &(PolicyRule){.kind = POLICY_RULE_SEND,
                                 .allow = true,
                                 .max_fds = POLICY_FDS_MAX,
                                 .broadcast = POLICY_BROADCAST_NO,
                                 .type = 2});
}

static void test_rule_receive_attributes_are_kept(void **state)
{
        char a[] = "a.b", m[] = "M", p[] = "/p", e[] = "a.E", d[] = "d.e";

        (void)state;
        check_rule("<allow eavesdrop='true'/>",
                   &(PolicyRule){ALLOW, .kind = POLICY_RULE_RECEIVE, .eavesdrop = true});
        check_rule(
                "<allow eavesdrop='true' min_fds='2'/>",
                &(PolicyRule){ALLOW, .kind = POLICY_RULE_RECEIVE, .eavesdrop = true, .min_fds = 2});
        check_rule("<deny receive_interface='a.b' receive_member='M' receive_path='/p' "
                   "receive_sender='d.e' receive_type='signal' max_fds='0' log='true'/>",
                   &(PolicyRule){.kind = POLICY_RULE_RECEIVE,
                                 .interface = a,
                                 .member = m,
                                 .path = p,
                                 .name = d,
                                 .type = 4});
        check_rule("<allow receive_error='a.E' receive_requested_reply='false' "
                   "receive_sender='*'/>",
                   &(PolicyRule){.kind = POLICY_RULE_RECEIVE,
                                 .allow = true,
                                 .max_fds = POLICY_FDS_MAX,
                                 .error = e});
        check_rule("<deny receive_type='error' receive_requested_reply='true'/>",
                   &(PolicyRule){.kind = POLICY_RULE_RECEIVE,
                                 .requested_reply = true,
                                 .max_fds = POLICY_FDS_MAX,
                                 .type = 3});
}

/* "*" is no wildcard in a prefix: the reference takes it for a name. */
static void test_rule_own_and_connect_attributes_are_kept(void **state)
{
        char name[] = "a.b", star[] = "*";

        (void)state;
        check_rule("<deny own='*'/>", &(PolicyRule){DENY, .kind = POLICY_RULE_OWN});
        check_rule("<allow own='a.b' log='true'/>",
                   &(PolicyRule){ALLOW, .kind = POLICY_RULE_OWN, .name = name});
        check_rule("<allow own_prefix='a.b'/>",
                   &(PolicyRule){ALLOW, .kind = POLICY_RULE_OWN, .name = name,
                                 .name_is_prefix = true});
        check_rule("<allow own_prefix='*'/>", &(PolicyRule){ALLOW, .kind = POLICY_RULE_OWN,
                                                            .name = star, .name_is_prefix = true});
        check_rule("<allow user='*'/>",
                   &(PolicyRule){ALLOW, .kind = POLICY_RULE_USER, .id = POLICY_ID_ANY});
        check_rule("<deny group='*'/>",
                   &(PolicyRule){DENY, .kind = POLICY_RULE_GROUP, .id = POLICY_ID_ANY});
        check_rule("<allow user='alice'/>",
                   &(PolicyRule){ALLOW, .kind = POLICY_RULE_USER, .id = 1000});
        check_rule("<deny user='4294967294'/>",
                   &(PolicyRule){DENY, .kind = POLICY_RULE_USER, .id = 4294967294U});
        check_rule("<allow group='audio'/>",
                   &(PolicyRule){ALLOW, .kind = POLICY_RULE_GROUP, .id = 29});
}

static void test_rule_sections_in_file_order(void **state)
{
        static const PolicyRule expected[] = {
                {ALLOW, .kind = POLICY_RULE_OWN, .context = POLICY_CONTEXT_MANDATORY},
                {DENY, .kind = POLICY_RULE_OWN, .context = POLICY_CONTEXT_DEFAULT},
                {ALLOW, .kind = POLICY_RULE_OWN, .context = POLICY_CONTEXT_USER, .context_id = 104},
                {DENY, .kind = POLICY_RULE_OWN, .context = POLICY_CONTEXT_USER, .context_id = 77},
                {ALLOW, .kind = POLICY_RULE_OWN, .context = POLICY_CONTEXT_GROUP, .context_id = 2},
                {DENY, .kind = POLICY_RULE_OWN, .context = POLICY_CONTEXT_CONSOLE},
                {ALLOW, .kind = POLICY_RULE_OWN, .context = POLICY_CONTEXT_DEFAULT},
        };

        (void)state;
        load_policies("<policy context='mandatory'><allow own='*'/></policy>"
                      "<policy context='default'><deny own='*'/></policy>"
                      "<policy user='messagebus'><allow own='*'/></policy>"
                      "<policy user='77'><deny own='*'/></policy>"
                      "<policy group='bin'><allow own='*'/></policy>"
                      "<policy at_console='true'><allow own='*'/></policy>"
                      "<policy at_console='false'><deny own='*'/></policy>"
                      "<policy context='default'><allow own='*'/></policy>");
        config_fixture_assert_accepted(&fixture, "sections");
        assert_int_equal(fixture.config->policy_rules.n, ARRAY_SIZE(expected));
        for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
                assert_rule(&fixture.config->policy_rules.items[i], &expected[i]);
}

static void test_rule_unknown_users_are_warned_of_and_ignored(void **state)
{
        (void)state;
        load_policies("<policy user='bob'><allow own='*'/><allow user='*'/></policy>\n"
                      "<policy group='-1'><allow own='*'/></policy>\n"
                      "<policy context='default'><allow user='4294967295'/>\n"
                      "<deny group='alice'/></policy>"
                      "<policy at_console='false'><allow user='alice'/></policy>");
        config_fixture_assert_accepted(&fixture, "unknown");
        assert_int_equal(fixture.config->policy_rules.n, 0);
        assert_string_equal(
                fixture.others,
                "warning: conf:1:42: nobody knows the user \"bob\": this rule or section is "
                "ignored\n"
                "warning: conf:2:1: nobody knows the group \"-1\": this rule or section is "
                "ignored\n"
                "warning: conf:3:27: nobody knows the user \"4294967295\": this rule or section "
                "is ignored\n"
                "warning: conf:4:1: nobody knows the group \"alice\": this rule or section is "
                "ignored\n"
                "warning: conf:4:58: <allow>: user and group have no effect in <policy "
                "at_console>; put them into <policy context=\"default\">\n");
}

/* Who cannot be asked for may exist: leaving a denial out would let him in. */
static void test_rule_users_that_cannot_be_looked_up_refused(void **state)
{
        (void)state;
        load_policies("<policy user='slow'/>");
        config_fixture_assert_refused(&fixture, "user",
                                      "cannot look up the user \"slow\": Input/output error; try "
                                      "again, or use its number");
        load_policies("<policy context='default'><deny group='slow'/></policy>");
        config_fixture_assert_refused(&fixture, "group", "cannot look up the group \"slow\"");
}

static void test_rule_errors_of_one_element_are_all_named(void **state)
{
        (void)state;
        load_policies("<policy context='default' group='x' hat='top'>\n"
                      "<allow species='stoat' own='*' hat='top'/></policy>");
        assert_string_equal(fixture.errors, "conf:1:42: <policy> has no attribute \"hat\"\n"
                                            "conf:2:1: <allow> has no attribute \"species\"\n"
                                            "conf:2:1: <allow> has no attribute \"hat\"\n");
}

typedef struct ExpectedDir {
        const char *path;
        bool strict;
} ExpectedDir;

static void check_dirs(const char *elements, const char *const *environment,
                       const ExpectedDir *expected)
{
        char text[512];
        ConfigMemoryFile file = {.path = TEXT("/etc/bus/conf")};
        ConfigMemory memory = {.files = &file, .n = 1, .environment = environment};
        size_t n = 0;

        snprintf(text, sizeof(text), "<busconfig>%s%s</busconfig>", CONFIG_FIXTURE_LISTEN,
                 elements);
        file.text = text_from(text);
        config_free(fixture.config);
        config_fixture_load_memory(&memory, &fixture);
        config_fixture_assert_accepted(&fixture, elements);
        for (; expected[n].path; n++) {
                assert_true(n < fixture.config->n_service_dirs);
                assert_string_equal(fixture.config->service_dirs[n].path, expected[n].path);
                assert_int_equal(fixture.config->service_dirs[n].strict, expected[n].strict);
                assert_int_equal(fixture.config->service_dirs[n].watched, !expected[n].strict);
        }
        assert_int_equal(fixture.config->n_service_dirs, n);
}

/* dbus-daemon(1), <standard_session_servicedirs/>; what is listed twice keeps its first place. */
static void test_services_standard_folders_follow_the_environment(void **state)
{
        (void)state;
        check_dirs("<standard_session_servicedirs/>", NULL,
                   (ExpectedDir[]){{"/usr/local/share/dbus-1/services", false},
                                   {"/usr/share/dbus-1/services", false},
                                   {0}});
        check_dirs("<standard_session_servicedirs/>",
                   (const char *const[]){"XDG_RUNTIME_DIR", "/run/user/7", "HOME", "/home/a",
                                         "XDG_DATA_DIRS", "/a::/b:", NULL},
                   (ExpectedDir[]){{"/run/user/7/dbus-1/services", true},
                                   {"/home/a/.local/share/dbus-1/services", false},
                                   {"/a/dbus-1/services", false},
                                   {"/b/dbus-1/services", false},
                                   {"/usr/share/dbus-1/services", false},
                                   {0}});
        check_dirs("<servicedir>a</servicedir><servicedir>/usr/share/dbus-1/services</servicedir>"
                   "<servicedir>/etc/bus/a</servicedir><standard_session_servicedirs/>",
                   (const char *const[]){"XDG_RUNTIME_DIR", "", "HOME", "/home/a", "XDG_DATA_HOME",
                                         "/data", "XDG_DATA_DIRS", "", NULL},
                   (ExpectedDir[]){{"/etc/bus/a", false},
                                   {"/usr/share/dbus-1/services", false},
                                   {"/data/dbus-1/services", false},
                                   {"/usr/local/share/dbus-1/services", false},
                                   {0}});
        check_dirs("<standard_system_servicedirs/>", NULL,
                   (ExpectedDir[]){{"/etc/dbus-1/system-services", true},
                                   {"/run/dbus-1/system-services", true},
                                   {"/usr/local/share/dbus-1/system-services", false},
                                   {"/usr/share/dbus-1/system-services", false},
                                   {"/lib/dbus-1/system-services", false},
                                   {0}});
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rule_send_attributes_are_kept),
                cmocka_unit_test(test_rule_receive_attributes_are_kept),
                cmocka_unit_test(test_rule_own_and_connect_attributes_are_kept),
                cmocka_unit_test(test_rule_sections_in_file_order),
                cmocka_unit_test(test_rule_unknown_users_are_warned_of_and_ignored),
                cmocka_unit_test(test_rule_users_that_cannot_be_looked_up_refused),
                cmocka_unit_test(test_rule_errors_of_one_element_are_all_named),
                cmocka_unit_test(test_services_standard_folders_follow_the_environment),
        };

        return cmocka_run_group_tests_name("config_rules", tests, NULL, tear_down);
}
