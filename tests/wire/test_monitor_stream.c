/* SPDX-License-Identifier: Apache-2.0 */

/* What monitors see: every message once, in the order in which it is processed. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/monitoring.h"

/* From the first message on. A Hello that succeeds is shown with the name that it has brought, for
 * the reference has it stamp the message anew. */
static void test_stream_of_a_connection_from_hello_to_its_end(void **state)
{
        Scene *scene = *state;
        RawClient *monitor = monitoring_join(scene, NULL), *client = scene_open(scene, 0);
        char name[RAWCLIENT_NAME_MAX];
        RawMessage *seen;

        expect_error(client, scene_call(client, "GetId", NULL), "AccessDenied", NULL);
        assert_int_equal(rawclient_hello(client), 0);
        memcpy(name, client->unique_name, sizeof(name));
        expect_name_signal(client, "NameAcquired", name);
        scene_own(client, "t.A");
        scene_own(client, "t.B");
        scene_leave(scene, client);
        seen = monitoring_expect(monitor, ":not.active.yet", SCENE_DRIVER, "call GetId");
        assert_int_equal(seen->serial, 1);
        monitoring_expect(monitor, NULL, ":not.active.yet", "error AccessDenied");
        monitoring_expect(monitor, name, SCENE_DRIVER, "call Hello");
        monitoring_expect(monitor, NULL, name, "return");
        expect_owner_change(monitor, name, "", name);
        monitoring_expect(monitor, NULL, name, "signal NameAcquired");
        monitoring_expect(monitor, name, SCENE_DRIVER, "call RequestName");
        expect_owner_change(monitor, "t.A", "", name);
        monitoring_expect(monitor, NULL, name, "signal NameAcquired");
        monitoring_expect(monitor, NULL, name, "return");
        monitoring_expect(monitor, name, SCENE_DRIVER, "call RequestName");
        expect_owner_change(monitor, "t.B", "", name);
        monitoring_expect(monitor, NULL, name, "signal NameAcquired");
        monitoring_expect(monitor, NULL, name, "return");
        for (int i = 0; i < 3; i++) {
                const char *const lost[] = {"t.B", "t.A", name};

                monitoring_expect(monitor, NULL, name, "signal NameLost");
                expect_owner_change(monitor, lost[i], name, "");
        }
}

/* It was caller and callee: there is nobody to be told that it has left. */
static void test_stream_of_who_leaves_a_call_to_itself(void **state)
{
        Scene *scene = *state;
        RawClient *monitor = monitoring_join(scene, NULL), *client = scene_join(scene),
                  *other = scene_join(scene);
        const RawHeader call = scene_method(client->unique_name, "M", NULL);
        char name[RAWCLIENT_NAME_MAX];
        RawMessage *seen;

        memcpy(name, client->unique_name, sizeof(name));
        (void)scene_send(client, &call);
        (void)expect_call(client, name, "M");
        do
                seen = expect_message(monitor);
        while (!expect_same(seen->member, "M"));
        scene_leave(scene, client);
        monitoring_expect(monitor, NULL, name, "signal NameLost");
        expect_owner_change(monitor, name, name, "");
        monitoring_expect_nothing(monitor, other);
}

static void test_stream_of_a_hello_that_fails(void **state)
{
        Scene *scene = *state;
        RawClient *monitor = monitoring_join(scene, NULL), *client = scene_open(scene, 0);

        expect_error(client, scene_call(client, "Hello", "s", "x"), "InvalidArgs", NULL);
        monitoring_expect(monitor, ":not.active.yet", SCENE_DRIVER, "call Hello");
        monitoring_expect(monitor, NULL, ":not.active.yet", "error InvalidArgs");
        assert_int_equal(rawclient_hello(client), 0);
        monitoring_expect(monitor, client->unique_name, SCENE_DRIVER, "call Hello");
}

static void test_stream_of_a_takeover(void **state)
{
        Scene *scene = *state;
        RawClient *old = scene_join(scene), *new = scene_join(scene), *monitor;
        uint32_t serial;

        serial = scene_call(old, "RequestName", "su", "t.N", 1U);
        expect_name_signal(old, "NameAcquired", "t.N");
        expect_u32(old, serial, 1);
        monitor = monitoring_join(scene, "");
        serial = scene_call(new, "RequestName", "su", "t.N", 2U);
        expect_name_signal(new, "NameAcquired", "t.N");
        expect_u32(new, serial, 1);
        monitoring_expect(monitor, new->unique_name, SCENE_DRIVER, "call RequestName");
        monitoring_expect(monitor, NULL, old->unique_name, "signal NameLost");
        expect_owner_change(monitor, "t.N", old->unique_name, new->unique_name);
        monitoring_expect(monitor, NULL, new->unique_name, "signal NameAcquired");
        monitoring_expect(monitor, NULL, new->unique_name, "return");
        monitoring_expect_nothing(monitor, new);
}

static void test_stream_of_calls_signals_and_answers(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene),
                  *monitor = monitoring_join(scene, NULL);
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        RawHeader call = scene_method(callee->unique_name, "M", NULL), reply;
        uint32_t serial = scene_send(caller, &call);

        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
        (void)scene_send(callee, &signal); /* to nobody */
        (void)scene_send(callee, &reply);
        expect_empty(caller, serial);
        assert_int_equal(
                monitoring_expect(monitor, caller->unique_name, callee->unique_name, "call M")
                        ->serial,
                serial);
        monitoring_expect(monitor, callee->unique_name, NULL, "signal S");
        assert_int_equal(
                monitoring_expect(monitor, callee->unique_name, caller->unique_name, "return")
                        ->reply_serial,
                serial);
        call.destination = caller->unique_name;
        serial = scene_send(caller, &call);
        (void)expect_call(caller, caller->unique_name, "M");
        monitoring_expect(monitor, caller->unique_name, caller->unique_name, "call M");
        monitoring_expect_nothing(monitor, callee);
}

/* The message, and directly behind it the error. */
static void test_stream_of_refused_messages(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *plain = scene_join_with(scene, RAWCLIENT_NO_FDS),
                  *monitor = monitoring_join(scene, "");
        RawHeader header = scene_method("t.Nobody", "M", NULL);
        int fd = dup(STDERR_FILENO);

        expect_error(sender, scene_send(sender, &header), "ServiceUnknown", NULL);
        monitoring_expect(monitor, sender->unique_name, "t.Nobody", "call M");
        monitoring_expect(monitor, NULL, sender->unique_name, "error ServiceUnknown");
        header.flags = RAWMESSAGE_NO_AUTO_START;
        expect_error(sender, scene_send(sender, &header), "NameHasNoOwner", NULL);
        monitoring_expect(monitor, sender->unique_name, "t.Nobody", "call M");
        monitoring_expect(monitor, NULL, sender->unique_name, "error NameHasNoOwner");
        header.destination = plain->unique_name;
        header.type = 77;
        expect_error(sender, scene_send(sender, &header), "AccessDenied", NULL);
        monitoring_expect(monitor, sender->unique_name, plain->unique_name, "type 77");
        monitoring_expect(monitor, NULL, sender->unique_name, "error AccessDenied");
        header.type = RAWMESSAGE_SIGNAL;
        header.serial = rawclient_serial(sender);
        header.unix_fds = 1;
        assert_int_equal(rawclient_send_body(sender, &header, NULL, &fd, 1), 0);
        close(fd);
        expect_error(sender, header.serial, "NotSupported", NULL);
        assert_int_equal(
                monitoring_expect(monitor, sender->unique_name, plain->unique_name, "signal M")
                        ->n_fds,
                1);
        monitoring_expect(monitor, NULL, sender->unique_name, "error NotSupported");
        header = (RawHeader){.type = RAWMESSAGE_CALL,
                             .path = "/",
                             .interface = SCENE_DRIVER,
                             .member = "NoSuch",
                             .destination = SCENE_DRIVER};
        expect_error(sender, scene_send(sender, &header), "UnknownMethod", NULL);
        monitoring_expect(monitor, sender->unique_name, SCENE_DRIVER, "call NoSuch");
        monitoring_expect(monitor, NULL, sender->unique_name, "error UnknownMethod");
        monitoring_expect_nothing(monitor, sender);
}

/* The bus ignores what is no call; those who watch do not. */
static void test_stream_of_signals_and_replies_to_the_bus(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *ear = scene_join(scene), *monitor;
        const RawHeader signal = scene_signal(SCENE_DRIVER, "S", NULL),
                        reply = {.type = RAWMESSAGE_RETURN,
                                 .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                                 .reply_serial = 99,
                                 .destination = SCENE_DRIVER};

        scene_match(ear, "eavesdrop='true',member='S'");
        monitor = monitoring_join(scene, NULL);
        (void)scene_send(sender, &signal);
        (void)scene_send(sender, &reply);
        expect_nothing(sender);
        monitoring_expect(monitor, sender->unique_name, SCENE_DRIVER, "signal S");
        monitoring_expect(monitor, sender->unique_name, SCENE_DRIVER, "return");
        (void)expect_signal(ear, sender->unique_name, "S");
}

/* Both ends of a connection talk without the bus; and who is no member is thrown out. */
static void test_stream_lacks_local_calls_and_has_strangers(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *monitor = monitoring_join(scene, NULL),
                  *stranger = scene_open(scene, 0);
        const RawHeader ping = {.type = RAWMESSAGE_CALL,
                                .path = "/",
                                .interface = "org.freedesktop.DBus.Peer",
                                .member = "Ping"},
                        call = scene_method(client->unique_name, "M", NULL);

        (void)scene_send(client, &ping);
        assert_int_equal(expect_message(client)->type, RAWMESSAGE_RETURN);
        (void)scene_send(stranger, &call);
        expect_closed(stranger);
        monitoring_expect(monitor, ":not.active.yet", client->unique_name, "call M");
        monitoring_expect_nothing(monitor, client);
}

static void test_stream_of_a_callee_that_leaves(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene),
                  *monitor = monitoring_join(scene, "");
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        uint32_t serial = scene_send(caller, &call);
        char name[RAWCLIENT_NAME_MAX];

        memcpy(name, callee->unique_name, sizeof(name));
        (void)expect_call(callee, caller->unique_name, "M");
        scene_leave(scene, callee);
        expect_error(caller, serial, "NoReply", NULL);
        monitoring_expect(monitor, caller->unique_name, name, "call M");
        monitoring_expect(monitor, NULL, name, "signal NameLost");
        expect_owner_change(monitor, name, name, "");
        monitoring_expect(monitor, NULL, caller->unique_name, "error NoReply");
        monitoring_expect_nothing(monitor, caller);
}

/* Who did not agree on fds does not see messages that have some; of what is shown nothing is lost.
 */
static void test_stream_with_fds(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene),
                  *plain = scene_join_with(scene, RAWCLIENT_NO_FDS), *monitor;
        RawHeader signal = scene_signal(receiver->unique_name, "Fds", NULL);
        const RawHeader after = scene_signal(receiver->unique_name, "After", NULL);
        int fds[2] = {dup(STDERR_FILENO), dup(STDERR_FILENO)};

        monitoring_begin(plain, "interface='t.I'");
        monitor = monitoring_join(scene, "interface='t.I'");
        signal.unix_fds = 2;
        assert_int_equal(rawclient_send_body(sender, &signal, NULL, fds, 2), 0);
        (void)scene_send(sender, &after);
        assert_int_equal(expect_signal(receiver, sender->unique_name, "Fds")->n_fds, 2);
        (void)expect_signal(receiver, sender->unique_name, "After");
        assert_int_equal(
                monitoring_expect(monitor, sender->unique_name, receiver->unique_name, "signal Fds")
                        ->n_fds,
                2);
        monitoring_expect(monitor, sender->unique_name, receiver->unique_name, "signal After");
        monitoring_expect(plain, sender->unique_name, receiver->unique_name, "signal After");
        close(fds[0]);
        close(fds[1]);
}

/* A broadcast, and an error for each that it does not go to. */
static void test_stream_of_a_broadcast_with_fds(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene),
                  *plain = scene_join_with(scene, RAWCLIENT_NO_FDS), *monitor;
        RawHeader signal = scene_signal(NULL, "Fds", NULL);
        int fd = dup(STDERR_FILENO);
        RawMessage *error;

        scene_match(receiver, "member='Fds'");
        scene_match(plain, "member='Fds'");
        monitor = monitoring_join(scene, "");
        signal.unix_fds = 1;
        signal.serial = rawclient_serial(sender);
        assert_int_equal(rawclient_send_body(sender, &signal, NULL, &fd, 1), 0);
        close(fd);
        assert_int_equal(expect_signal(receiver, sender->unique_name, "Fds")->n_fds, 1);
        monitoring_expect(monitor, sender->unique_name, NULL, "signal Fds");
        error = monitoring_expect(monitor, NULL, sender->unique_name, "error NotSupported");
        assert_int_equal(error->reply_serial, signal.serial);
        monitoring_expect_nothing(monitor, sender);
        expect_nothing(plain);
}

/* As the reference does it: calls to the bus behind what they did, no answers, nothing refused. */
static void test_stream_of_an_eavesdropper_is_another(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *ear = scene_join(scene);
        const RawHeader call = scene_method("t.Nobody", "M", NULL);
        uint32_t serial = scene_call(ear, "AddMatch", "s", "eavesdrop='true'");

        expect_empty(ear, serial);
        (void)expect_call(ear, ear->unique_name, "AddMatch");
        scene_own(client, "t.A");
        expect_error(client, scene_call(client, "GetNameOwner", "s", "t.No"), "NameHasNoOwner",
                     NULL);
        expect_error(client, scene_send(client, &call), "ServiceUnknown", NULL);
        (void)expect_return(client, scene_call(client, "GetId", NULL));
        expect_owner_change(ear, "t.A", "", client->unique_name);
        (void)expect_call(ear, client->unique_name, "RequestName");
        (void)expect_call(ear, client->unique_name, "GetId");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_stream_of_a_connection_from_hello_to_its_end),
                TEST(test_stream_of_who_leaves_a_call_to_itself),
                TEST(test_stream_of_a_hello_that_fails),
                TEST(test_stream_of_a_takeover),
                TEST(test_stream_of_calls_signals_and_answers),
                TEST(test_stream_of_refused_messages),
                TEST(test_stream_of_signals_and_replies_to_the_bus),
                TEST(test_stream_lacks_local_calls_and_has_strangers),
                TEST(test_stream_of_a_callee_that_leaves),
                TEST(test_stream_with_fds),
                TEST(test_stream_of_a_broadcast_with_fds),
                TEST(test_stream_of_an_eavesdropper_is_another),
        };

        return scene_run("wire/monitor_stream", tests, scene_start);
}
