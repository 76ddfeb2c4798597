/* SPDX-License-Identifier: Apache-2.0 */

/* What monitors see of messages that the policy refuses: each, and the error directly behind it. */

#include <string.h>

#include "tests/wire/monitoring.h"

static int start(void **state)
{
        return scene_start_with(state,
                                "<policy context=\"mandatory\">"
                                "<deny send_interface=\"t.NoSend\"/>"
                                "<deny receive_interface=\"t.NoReceive\"/>"
                                "<deny receive_interface=\"t.NoEars\" eavesdrop=\"true\"/>"
                                "<deny send_destination=\"org.freedesktop.DBus\" "
                                "send_interface=\"org.freedesktop.DBus\" send_member=\"GetId\"/>"
                                "<deny receive_type=\"error\" receive_requested_reply=\"true\" "
                                "receive_error=\"" EXPECT_ERROR_PREFIX "MatchRuleNotFound\"/>"
                                "</policy>");
}

static void check_refused(Scene *scene, const char *interface)
{
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene),
                  *monitor = monitoring_join(scene, NULL);
        RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);
        uint32_t serial;

        signal.interface = interface;
        serial = scene_send(sender, &signal);
        expect_error(sender, serial, "AccessDenied", NULL);
        assert_int_equal(
                monitoring_expect(monitor, sender->unique_name, receiver->unique_name, "signal S")
                        ->serial,
                serial);
        assert_int_equal(monitoring_expect(monitor, NULL, sender->unique_name, "error AccessDenied")
                                 ->reply_serial,
                         serial);
}

static void test_policy_refused_unicasts_are_shown(void **state)
{
        check_refused(*state, "t.NoSend");
        assert_int_equal(scene_clear(state), 0);
        check_refused(*state, "t.NoReceive");
}

/* One error for each who does not get it; the sender hears nothing. */
static void test_policy_refused_broadcasts_are_shown(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *a = scene_join(scene), *b = scene_join(scene),
                  *monitor;
        RawHeader signal = scene_signal(NULL, "S", NULL);
        const RawHeader end = scene_signal(a->unique_name, "End", NULL);

        scene_match(a, "member='S'");
        scene_match(b, "member='S'");
        monitor = monitoring_join(scene, NULL);
        signal.interface = "t.NoReceive";
        (void)scene_send(sender, &signal);
        (void)scene_send(sender, &end);
        (void)expect_signal(a, sender->unique_name, "End");
        monitoring_expect(monitor, sender->unique_name, NULL, "signal S");
        monitoring_expect(monitor, NULL, sender->unique_name, "error AccessDenied");
        monitoring_expect(monitor, NULL, sender->unique_name, "error AccessDenied");
        monitoring_expect(monitor, sender->unique_name, a->unique_name, "signal End");
}

static void test_policy_refused_calls_to_the_bus_are_shown(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *monitor = monitoring_join(scene, NULL);

        expect_error(client, scene_call(client, "GetId", NULL), "AccessDenied", NULL);
        expect_bool(client, scene_call(client, "NameHasOwner", "s", "t.N"), false);
        monitoring_expect(monitor, client->unique_name, SCENE_DRIVER, "call GetId");
        monitoring_expect(monitor, NULL, client->unique_name, "error AccessDenied");
        monitoring_expect(monitor, client->unique_name, SCENE_DRIVER, "call NameHasOwner");
        monitoring_expect(monitor, NULL, client->unique_name, "return");
}

/* Who may not eavesdrop on it: the recipient has it all the same, and monitors are told. */
static void test_policy_refused_eavesdroppers_are_told_of(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene),
                  *ear = scene_join(scene), *monitor;
        RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);

        scene_match(ear, "eavesdrop='true',member='S'");
        monitor = monitoring_join(scene, NULL);
        signal.interface = "t.NoEars";
        (void)scene_send(sender, &signal);
        (void)expect_signal(receiver, sender->unique_name, "S");
        monitoring_expect(monitor, sender->unique_name, receiver->unique_name, "signal S");
        monitoring_expect(monitor, NULL, sender->unique_name, "error AccessDenied");
        expect_bool(ear, scene_call(ear, "NameHasOwner", "s", "t.N"), false);
}

/* In the words that a sender would get. */
static void test_policy_refused_answers_of_the_bus_are_shown(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *monitor = monitoring_join(scene, NULL);
        const char *text;
        RawMessage *seen;

        (void)scene_call(client, "RemoveMatch", "s", "type='signal'");
        expect_bool(client, scene_call(client, "NameHasOwner", "s", "t.N"), false);
        monitoring_expect(monitor, client->unique_name, SCENE_DRIVER, "call RemoveMatch");
        monitoring_expect(monitor, NULL, client->unique_name, "error MatchRuleNotFound");
        seen = monitoring_expect(monitor, NULL, SCENE_DRIVER, "error AccessDenied");
        assert_true(rawmessage_read(seen, "s", &text));
        assert_non_null(strstr(text, "Rejected receive message, "));
        assert_non_null(strstr(text, "; type=\"error\", sender=\"(unset)\" ((bus)) "));
        assert_non_null(strstr(text, "requested_reply=\"1\""));
        assert_non_null(strstr(text, client->unique_name));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_policy_refused_unicasts_are_shown),
                TEST(test_policy_refused_broadcasts_are_shown),
                TEST(test_policy_refused_calls_to_the_bus_are_shown),
                TEST(test_policy_refused_eavesdroppers_are_told_of),
                TEST(test_policy_refused_answers_of_the_bus_are_shown),
        };

        return scene_run("wire/monitor_policy", tests, start);
}
