/* SPDX-License-Identifier: Apache-2.0 */

/* Becoming a monitor: who may, what it costs, and that nobody can reach a monitor. */

#include <errno.h>
#include <string.h>

#include "tests/wire/monitoring.h"

static uint32_t become(RawClient *client, const char *rule, uint32_t flags)
{
        return monitoring_call(client, SCENE_DRIVER_PATH, &rule, 1, flags, 0);
}

static void test_monitor_bad_arguments_change_nothing(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *other = scene_join(scene);
        const RawHeader signal = scene_signal(client->unique_name, "S", NULL);
        const char *const rules[] = {"member='M'", "member='/no'"};
        char text[1100];

        scene_match(client, "member='Mine'");
        expect_error(client, become(client, "", 1), "InvalidArgs", NULL);
        expect_error(client, become(client, "member='/no'", 1), "InvalidArgs", NULL);
        expect_error(client, become(client, "member='/no'", 0), "MatchRuleInvalid", NULL);
        expect_error(client, monitoring_call(client, SCENE_DRIVER_PATH, rules, 2, 0, 0),
                     "MatchRuleInvalid", NULL);
        memset(text, ' ', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        expect_error(client, become(client, text, 0), "LimitsExceeded", NULL);
        expect_error(client, monitoring_call(client, "/", NULL, 0, 0, 0), "UnknownInterface", NULL);
        /* It has its name and its rules, and may speak. */
        (void)scene_send(other, &signal);
        (void)expect_signal(client, other->unique_name, "S");
        expect_empty(client, scene_call(client, "RemoveMatch", "s", "member='Mine'"));
        expect_error(client, scene_call(client, "RemoveMatch", "s", "member='M'"),
                     "MatchRuleNotFound", NULL);
}

/* The reply, the unique name, the others in order of acquisition; then it is nobody. */
static void test_monitor_loses_its_names_in_order(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *heir = scene_join(scene),
                  *other = scene_join(scene);
        RawHeader call = scene_method(client->unique_name, "M", NULL);
        uint32_t serial;

        scene_own(client, "t.B");
        scene_own(client, "t.A");
        expect_u32(heir, scene_call(heir, "RequestName", "su", "t.B", 0U), 2);
        scene_match(other, "member='NameOwnerChanged'");
        serial = monitoring_call(client, SCENE_DRIVER_PATH, NULL, 0, 0, 0);
        expect_empty(client, serial);
        expect_name_signal(client, "NameLost", client->unique_name);
        expect_name_signal(client, "NameLost", "t.B");
        expect_name_signal(client, "NameLost", "t.A");
        expect_owner_change(other, client->unique_name, client->unique_name, "");
        expect_owner_change(other, "t.B", client->unique_name, heir->unique_name);
        expect_owner_change(other, "t.A", client->unique_name, "");
        expect_name_signal(heir, "NameAcquired", "t.B");
        expect_bool(other, scene_call(other, "NameHasOwner", "s", client->unique_name), false);
        expect_error(other, scene_send(other, &call), "ServiceUnknown", NULL);
        call.flags = RAWMESSAGE_NO_AUTO_START;
        expect_error(other, scene_send(other, &call), "NameHasNoOwner", NULL);
        expect_error(other, scene_call(other, "GetConnectionUnixUser", "s", client->unique_name),
                     "NameHasNoOwner", NULL);
}

static void test_monitor_acknowledges_only_if_asked(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);

        (void)monitoring_call(client, SCENE_DRIVER_PATH, NULL, 0, 0, RAWMESSAGE_NO_REPLY_EXPECTED);
        expect_name_signal(client, "NameLost", client->unique_name);
}

/* Rules that it had do not add to those that it has now; nor do equal ones. */
static void test_monitor_sees_a_message_once(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *client = scene_join(scene);
        const RawHeader good = scene_signal(NULL, "Good", NULL),
                        bad = scene_signal(NULL, "Bad", NULL);
        const char *const rules[] = {"member='Good'", "interface='t.I',member='Good'",
                                     "member='Good'"};

        scene_match(client, "member='Good'");
        scene_match(client, "eavesdrop='true',member='Bad'");
        expect_empty(client, monitoring_call(client, SCENE_DRIVER_PATH, rules, 3, 0, 0));
        expect_name_signal(client, "NameLost", client->unique_name);
        (void)scene_send(sender, &bad);
        (void)scene_send(sender, &good);
        (void)scene_send(sender, &bad);
        (void)scene_send(sender, &good);
        (void)expect_signal(client, sender->unique_name, "Good");
        (void)expect_signal(client, sender->unique_name, "Good");
}

/* What it owed is answered for, what it is owed is lost. */
static void test_monitor_owes_no_replies(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *client = scene_join(scene);
        const RawHeader there = scene_method(client->unique_name, "M", NULL),
                        back = scene_method(caller->unique_name, "M", NULL);
        RawHeader reply;
        uint32_t serial;

        scene_match(caller, "member='NameOwnerChanged'");
        serial = scene_send(caller, &there);
        (void)expect_call(client, caller->unique_name, "M");
        (void)scene_send(client, &back);
        reply = scene_reply(expect_call(caller, client->unique_name, "M"), NULL);
        reply.destination = client->unique_name;
        monitoring_begin(client, "interface='t.I'");
        expect_owner_change(caller, client->unique_name, client->unique_name, "");
        expect_error(caller, serial, "NoReply",
                     "Message recipient disconnected from message bus without replying");
        expect_error(caller, scene_send(caller, &reply), "ServiceUnknown", NULL);
        expect_nothing(caller);
}

static void expect_closed_for(Scene *scene, const RawHeader *header)
{
        RawClient *monitor = monitoring_join(scene, "interface='t.Never'");

        (void)scene_send(monitor, header);
        expect_closed(monitor);
}

/* It would be an answer to something that was not meant for it. */
static void test_monitor_that_speaks_is_closed(void **state)
{
        Scene *scene = *state;
        RawClient *other = scene_join(scene);
        const RawHeader signal = scene_signal(NULL, "S", NULL),
                        call = scene_method(other->unique_name, "M", NULL),
                        ping = {.type = RAWMESSAGE_CALL,
                                .path = "/",
                                .interface = "org.freedesktop.DBus.Peer",
                                .member = "Ping"},
                        hello = {.type = RAWMESSAGE_CALL,
                                 .path = SCENE_DRIVER_PATH,
                                 .interface = SCENE_DRIVER,
                                 .member = "Hello",
                                 .destination = SCENE_DRIVER};

        scene_match(other, "member='S'");
        expect_closed_for(scene, &signal);
        expect_closed_for(scene, &call);
        if (scene->bus.is_ringbus) /* libdbus answers this one before the reference sees it */
                expect_closed_for(scene, &ping);
        expect_closed_for(scene, &hello);
        expect_nothing(other);
}

/* Pipelined behind the call: it is a monitor already, and gets no answer. What the call has brought
 * may be lost with the connection. */
static void test_monitor_that_has_spoken_is_closed(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        uint32_t serial = monitoring_call(client, SCENE_DRIVER_PATH, NULL, 0, 0, 0);
        RawMessage *message;
        int r;

        (void)scene_call(client, "GetId", NULL);
        while ((r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message)) >= 0) {
                if (message->type == RAWMESSAGE_RETURN)
                        assert_int_equal(message->reply_serial, serial);
                else
                        assert_string_equal(message->member, "NameLost");
        }
        assert_int_equal(r, -ECONNRESET);
}

static void test_monitor_interface_is_announced(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        const RawHeader introspect = {.type = RAWMESSAGE_CALL,
                                      .path = SCENE_DRIVER_PATH,
                                      .interface = "org.freedesktop.DBus.Introspectable",
                                      .member = "Introspect",
                                      .destination = SCENE_DRIVER},
                        elsewhere = {.type = RAWMESSAGE_CALL,
                                     .path = "/",
                                     .interface = "org.freedesktop.DBus.Introspectable",
                                     .member = "Introspect",
                                     .destination = SCENE_DRIVER};
        const char *xml;

        assert_true(
                rawmessage_read(expect_return(client, scene_send(client, &introspect)), "s", &xml));
        assert_non_null(strstr(xml, "<interface name=\"org.freedesktop.DBus.Monitoring\">"));
        assert_non_null(strstr(xml, "\"BecomeMonitor\""));
        assert_true(
                rawmessage_read(expect_return(client, scene_send(client, &elsewhere)), "s", &xml));
        assert_null(strstr(xml, "Monitoring"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_monitor_bad_arguments_change_nothing),
                TEST(test_monitor_loses_its_names_in_order),
                TEST(test_monitor_acknowledges_only_if_asked),
                TEST(test_monitor_sees_a_message_once),
                TEST(test_monitor_owes_no_replies),
                TEST(test_monitor_that_speaks_is_closed),
                TEST(test_monitor_that_has_spoken_is_closed),
                TEST(test_monitor_interface_is_announced),
        };

        return scene_run("wire/monitor", tests, scene_start);
}
