/* SPDX-License-Identifier: Apache-2.0 */

/* SELinux and AppArmor between connections, and between them and the bus. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/mediation.h"
#include "tests/wire/monitoring.h"

#define BUS FAKE_LSM_BUS_CONTEXT
#define SELINUX "selinux on\npeers user_t\n"
#define APPARMOR "apparmor on\napparmor own bus (enforce)\npeers unconfined\n"

#define REFUSAL(module)                                                                            \
        "An " module " policy prevents this sender from sending this message to this recipient"

static void format(char *ret_text, size_t size, const char *pattern, ...)
        __attribute__((format(printf, 3, 4)));
static void format(char *ret_text, size_t size, const char *pattern, ...)
{
        va_list arguments;

        va_start(arguments, pattern);
        vsnprintf(ret_text, size, pattern, arguments);
        va_end(arguments);
}

static void forget_asked(void)
{
        char asked[FAKE_LSM_TEXT_MAX];

        fake_lsm_file_take_asked(asked);
}

static void expect_asked(const char *text)
{
        char asked[FAKE_LSM_TEXT_MAX];

        fake_lsm_file_take_asked(asked);
        assert_string_equal(asked, text);
}

static uint32_t call(RawClient *caller, const RawClient *callee)
{
        const RawHeader header = scene_method(callee->unique_name, "M", NULL);

        return scene_send(caller, &header);
}

static void expect_passes(RawClient *caller, RawClient *callee)
{
        (void)call(caller, callee);
        (void)expect_call(callee, caller->unique_name, "M");
}

/* What the callee sends is the reply to a call that it has just received; the call's serial. */
static uint32_t call_and_reply(RawClient *caller, RawClient *callee, uint32_t *ret_reply)
{
        const uint32_t serial = call(caller, callee);
        const RawHeader reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);

        *ret_reply = scene_send(callee, &reply);
        return serial;
}

static void test_mediation_selinux_refusal_is_told_and_remembered(void **state)
{
        Scene *scene = *state;
        RawClient *a, *b;
        char text[256];

        mediation_change(scene, SELINUX "deny send_msg a_t b_t\n");
        a = mediation_join(scene, "a_t");
        b = mediation_join(scene, "b_t");
        format(text, sizeof(text),
               REFUSAL("SELinux") ", 0 matched rules; type=\"method_call\", sender=\"%s\" (",
               a->unique_name);
        forget_asked();
        for (int i = 0; i < 3; i++)
                mediation_expect_denied(a, call(a, b), text);
        expect_asked("selinux a_t b_t 52 8\n");
        expect_nothing(b);
        forget_asked();
        for (int i = 0; i < 3; i++)
                expect_passes(b, a);
        expect_asked("selinux b_t a_t 52 8\n");
}

/* The caller goes on waiting, as with a reply that the policy refuses. */
static void test_mediation_selinux_replies_are_asked_about(void **state)
{
        Scene *scene = *state;
        RawClient *a, *b;
        uint32_t reply;

        mediation_change(scene, SELINUX "deny send_msg b_t a_t\n");
        a = mediation_join(scene, "a_t");
        b = mediation_join(scene, "b_t");
        (void)call_and_reply(a, b, &reply);
        mediation_expect_denied(b, reply, REFUSAL("SELinux"));
        expect_nothing(a);
}

static void test_mediation_selinux_broadcast_goes_to_whom_it_may(void **state)
{
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        Scene *scene = *state;
        RawClient *a, *b, *c;

        mediation_change(scene, SELINUX "deny send_msg a_t b_t\n");
        a = mediation_join(scene, "a_t");
        b = mediation_join(scene, "b_t");
        c = mediation_join(scene, "c_t");
        scene_match(b, "interface='t.I'");
        scene_match(c, "interface='t.I'");
        (void)scene_send(a, &signal);
        (void)expect_signal(c, a->unique_name, "S");
        expect_nothing(b);
        (void)scene_send(c, &signal);
        (void)expect_signal(b, c->unique_name, "S");
}

static void test_mediation_selinux_bus_has_its_own_context(void **state)
{
        Scene *scene = *state;
        RawClient *mute;

        mediation_change(scene, SELINUX "deny send_msg mute_t " BUS "\n");
        mute = mediation_open(scene, "mute_t");
        mediation_expect_denied(mute, scene_call(mute, "Hello", NULL), REFUSAL("SELinux"));
        (void)mediation_join(scene, "a_t");
}

static void test_mediation_selinux_names_have_contexts(void **state)
{
        Scene *scene = *state;
        RawClient *a;
        char text[128];

        mediation_change(scene, SELINUX "deny acquire_svc a_t guarded_t\n");
        a = mediation_join(scene, "a_t");
        format(text, sizeof(text),
               "Connection \"%s\" is not allowed to own the service \"t.Guarded\" due to SELinux "
               "policy",
               a->unique_name);
        mediation_expect_denied(a, scene_call(a, "RequestName", "su", "t.Guarded", 0), text);
        scene_own(a, "t.Guarded.Not");
        scene_own(mediation_join(scene, "b_t"), "t.Guarded");
}

/* Its bytes, without a nul byte behind them. */
static void expect_context(RawClient *client, const char *name, const char *context)
{
        const uint32_t serial =
                scene_call(client, "GetConnectionSELinuxSecurityContext", "s", name);
        const RawMessage *reply = expect_return(client, serial);

        assert_string_equal(reply->signature, "ay");
        assert_int_equal(reply->body_size, 4 + strlen(context));
        assert_memory_equal(reply->body + 4, context, strlen(context));
}

static bool has_feature(RawClient *client, const char *name)
{
        const RawHeader get = {.type = RAWMESSAGE_CALL,
                               .path = SCENE_DRIVER_PATH,
                               .interface = "org.freedesktop.DBus.Properties",
                               .member = "Get",
                               .destination = SCENE_DRIVER,
                               .signature = "ss"};
        const RawMessage *reply =
                expect_return(client, scene_send(client, &get, SCENE_DRIVER, "Features"));

        return memmem(reply->body, reply->body_size, name, strlen(name) + 1) != NULL;
}

static void test_mediation_selinux_is_a_feature_and_contexts_are_told(void **state)
{
        Scene *scene = *state;
        RawClient *a;

        mediation_change(scene, SELINUX);
        a = mediation_join(scene, "a_t:s0-s0:c0.c1023");
        expect_context(a, a->unique_name, "a_t:s0-s0:c0.c1023");
        expect_context(a, scene_join(scene)->unique_name, "user_t");
        expect_context(a, SCENE_DRIVER, BUS);
        assert_true(has_feature(a, "SELinux"));
        assert_false(has_feature(a, "AppArmor"));
}

/* Among connections that stay: what was remembered is not in force any more. */
static void test_mediation_selinux_change_is_in_force_by_itself(void **state)
{
        Scene *scene = *state;
        RawClient *a, *b;

        mediation_change(scene, SELINUX);
        a = mediation_join(scene, "a_t");
        b = mediation_join(scene, "b_t");
        for (int i = 0; i < 3; i++) {
                mediation_change(scene, SELINUX);
                expect_passes(a, b);
                mediation_change(scene, SELINUX "deny send_msg a_t b_t\n");
                mediation_expect_denied(a, call(a, b), REFUSAL("SELinux"));
                mediation_change(scene, SELINUX "deny send_msg a_t b_t\nselinux permissive\n");
                expect_passes(a, b);
        }
}

/* A configuration that cannot be read does not keep what was allowed allowed. */
static void test_mediation_selinux_change_is_in_force_beside_a_broken_configuration(void **state)
{
        Scene *scene = *state;
        RawClient *a, *b;

        mediation_change(scene, SELINUX);
        a = mediation_join(scene, "a_t");
        b = mediation_join(scene, "b_t");
        expect_passes(a, b);
        assert_int_equal(bus_write_config(&scene->bus, "<nonsense/>"), 0);
        fake_lsm_file_write(SELINUX "deny send_msg a_t b_t\n");
        for (int i = 0; !bus_log_contains(&scene->bus, "stays as it is"); i++) {
                assert_true(i < 3000);
                poll(NULL, 0, 20);
        }
        mediation_expect_denied(a, call(a, b), REFUSAL("SELinux"));
        assert_int_equal(bus_write_config(&scene->bus, NULL), 0);
}

static void test_mediation_apparmor_both_ends_are_asked(void **state)
{
        Scene *scene = *state;
        RawClient *a, *b, *free_one;
        char text[512];

        mediation_change(scene, APPARMOR "deny send a b\ndeny receive a b\n");
        a = mediation_join(scene, "a (enforce)");
        b = mediation_join(scene, "b (enforce)");
        free_one = mediation_join(scene, "unconfined");
        forget_asked();
        for (int i = 0; i < 2; i++) {
                mediation_expect_denied(a, call(a, b),
                                        REFUSAL("AppArmor") "; type=\"method_call\"");
                mediation_expect_denied(b, call(b, a),
                                        REFUSAL("AppArmor") "; type=\"method_call\"");
                expect_passes(a, free_one);
        }
        format(text, sizeof(text),
               "apparmor 2 \"a| session|%s|b|/t|t.I|M\"\n"
               "apparmor 2 \"b| session|%s|a|/t|t.I|M\"\n"
               "apparmor 4 \"a| session|%s|b|/t|t.I|M\"\n"
               "apparmor 2 \"a| session|%s|unconfined|/t|t.I|M\"\n",
               b->unique_name, a->unique_name, b->unique_name, free_one->unique_name);
        expect_asked(text);
        expect_passes(free_one, mediation_join(scene, "unconfined"));
}

static void test_mediation_apparmor_profile_that_complains_refuses_nothing(void **state)
{
        Scene *scene = *state;
        RawClient *a, *b;

        mediation_change(scene, APPARMOR "deny send a b\ndeny receive b a\ndeny bind a t.Name\n");
        a = mediation_join(scene, "a (complain)");
        b = mediation_join(scene, "b (complain)");
        expect_passes(a, b);
        scene_own(a, "t.Name");
}

static void test_mediation_apparmor_requested_replies_are_not_asked_about(void **state)
{
        Scene *scene = *state;
        RawClient *a, *b;
        uint32_t serial, reply;

        mediation_change(scene, APPARMOR "deny send b a\n");
        a = mediation_join(scene, "a (enforce)");
        b = mediation_join(scene, "b (enforce)");
        serial = call_and_reply(a, b, &reply);
        expect_empty(a, serial);
        mediation_expect_denied(b, call(b, a), REFUSAL("AppArmor"));
}

static void test_mediation_apparmor_names_and_eavesdropping(void **state)
{
        Scene *scene = *state;
        RawClient *a;
        char text[128];

        mediation_change(scene, APPARMOR "deny bind a t.Name\ndeny eavesdrop a\n");
        a = mediation_join(scene, "a (enforce)");
        format(text, sizeof(text),
               "Connection \"%s\" is not allowed to own the service \"t.Name\" due to AppArmor "
               "policy",
               a->unique_name);
        mediation_expect_denied(a, scene_call(a, "RequestName", "su", "t.Name", 0), text);
        scene_own(a, "t.Name2");
        format(text, sizeof(text),
               "Connection \"%s\" is not allowed to eavesdrop due to AppArmor policy",
               a->unique_name);
        mediation_expect_denied(a, scene_call(a, "AddMatch", "s", "eavesdrop='true'"), text);
        mediation_expect_denied(a, monitoring_call(a, SCENE_DRIVER_PATH, NULL, 0, 0, 0), text);
        scene_match(a, "type='signal'");
        scene_match(mediation_join(scene, "b (enforce)"), "eavesdrop='true'");
}

static void test_mediation_apparmor_bus_has_its_own_label(void **state)
{
        Scene *scene = *state;
        RawClient *a;

        mediation_change(scene, APPARMOR "deny receive bus a\n");
        a = mediation_open(scene, "a (enforce)");
        mediation_expect_denied(a, scene_call(a, "Hello", NULL), REFUSAL("AppArmor"));
        assert_true(has_feature(mediation_join(scene, "b (enforce)"), "AppArmor"));
}

/* Neither who has no label, nor a question that the kernel could not take. */
static void test_mediation_apparmor_what_cannot_be_asked_may_not(void **state)
{
        static char path[70000];
        Scene *scene = *state;
        RawClient *a, *b, *unknown;
        RawHeader header;

        mediation_change(scene, APPARMOR);
        a = mediation_join(scene, "a (enforce)");
        b = mediation_join(scene, "b (enforce)");
        header = scene_method(b->unique_name, "M", NULL);
        memset(path, 'p', sizeof(path) - 1);
        path[0] = '/';
        header.path = path;
        mediation_expect_denied(a, scene_send(a, &header), REFUSAL("AppArmor"));
        expect_passes(a, b);
        mediation_change(scene, "apparmor on\napparmor own bus (enforce)\n");
        unknown = scene_open(scene, 0);
        mediation_expect_denied(unknown, scene_call(unknown, "Hello", NULL), REFUSAL("AppArmor"));
        mediation_change(scene, APPARMOR "fail aa_query_label 5\n");
        mediation_expect_denied(a, call(a, b), REFUSAL("AppArmor"));
        mediation_change(scene, APPARMOR);
        expect_passes(a, b);
}

static int start_selinux(void **state)
{
        return mediation_start(state, SELINUX,
                               "<selinux><associate own=\"t.Guarded\" "
                               "context=\"people:guarded_t\"/></selinux>");
}

static int start_apparmor(void **state)
{
        return mediation_start(state, APPARMOR, "<apparmor mode=\"required\"/>");
}

#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)

int main(void)
{
        const struct CMUnitTest selinux[] = {
                TEST(test_mediation_selinux_refusal_is_told_and_remembered),
                TEST(test_mediation_selinux_replies_are_asked_about),
                TEST(test_mediation_selinux_broadcast_goes_to_whom_it_may),
                TEST(test_mediation_selinux_bus_has_its_own_context),
                TEST(test_mediation_selinux_names_have_contexts),
                TEST(test_mediation_selinux_is_a_feature_and_contexts_are_told),
                TEST(test_mediation_selinux_change_is_in_force_by_itself),
                TEST(test_mediation_selinux_change_is_in_force_beside_a_broken_configuration),
        };
        const struct CMUnitTest apparmor[] = {
                TEST(test_mediation_apparmor_both_ends_are_asked),
                TEST(test_mediation_apparmor_profile_that_complains_refuses_nothing),
                TEST(test_mediation_apparmor_requested_replies_are_not_asked_about),
                TEST(test_mediation_apparmor_names_and_eavesdropping),
                TEST(test_mediation_apparmor_bus_has_its_own_label),
                TEST(test_mediation_apparmor_what_cannot_be_asked_may_not),
        };
        int status;

        if (mediation_init() < 0)
                return 1;
        status = scene_run("wire/mediation-selinux", selinux, start_selinux);
        status |= scene_run("wire/mediation-apparmor", apparmor, start_apparmor);
        return mediation_deinit() < 0 ? 1 : status;
}
