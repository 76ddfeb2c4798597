/* SPDX-License-Identifier: Apache-2.0 */

/* What a connection may do before Hello, and what Hello does. */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

static const char not_registered[] =
        "Client tried to send a message other than Hello without being registered";

static void test_hello_first_clients_are_numbered_from_zero(void **state)
{
        Scene *scene = *state;
        RawClient *second;

        assert_string_equal(scene->janitor->unique_name, ":1.0");
        second = scene_join(scene);
        assert_string_equal(second->unique_name, ":1.1");
}

static void test_hello_name_of_a_departed_client_is_not_reused(void **state)
{
        Scene *scene = *state;
        RawClient *first = scene_join(scene), *second;
        char name[RAWCLIENT_NAME_MAX];

        memcpy(name, first->unique_name, sizeof(name));
        assert_int_equal(scene_clear(state), 0);
        second = scene_join(scene);
        assert_string_not_equal(second->unique_name, name);
}

static void test_hello_wire_order_is_reply_then_owner_change_then_acquired(void **state)
{
        Scene *scene = *state;
        RawClient *watcher = scene_join(scene), *client = scene_open(scene, 0);
        const char *name;
        uint32_t serial;

        scene_match(watcher, "type='signal',member='NameOwnerChanged'");
        serial = scene_call(client, "Hello", NULL);
        assert_true(rawmessage_read(expect_return(client, serial), "s", &name));
        snprintf(client->unique_name, sizeof(client->unique_name), "%s", name);
        expect_name_signal(client, "NameAcquired", client->unique_name);
        expect_owner_change(watcher, client->unique_name, "", client->unique_name);
}

static void test_hello_pipelined_handshake_is_answered(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join_with(scene, RAWCLIENT_PIPELINE);

        assert_true(client->agreed_fds);
        assert_int_equal(strlen(client->guid), 32);
        expect_nothing(client);
}

static void test_hello_pipelined_calls_behind_hello_are_answered_in_order(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_open(scene, RAWCLIENT_PIPELINE);
        uint32_t hello = scene_call(client, "Hello", NULL);
        uint32_t match = scene_call(client, "AddMatch", "s", "type='signal',sender='t.Nobody'");
        uint32_t request = scene_call(client, "RequestName", "su", "t.Pipelined", 0U);
        const char *name;

        assert_true(rawmessage_read(expect_return(client, hello), "s", &name));
        snprintf(client->unique_name, sizeof(client->unique_name), "%s", name);
        expect_name_signal(client, "NameAcquired", client->unique_name);
        expect_empty(client, match);
        expect_name_signal(client, "NameAcquired", "t.Pipelined");
        expect_u32(client, request, 1);
}

static void test_hello_in_big_endian_is_answered(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join_with(scene, RAWCLIENT_BIG_ENDIAN);

        expect_bool(client, scene_call(client, "NameHasOwner", "s", client->unique_name), true);
}

static void test_hello_second_fails_and_connection_stays(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);

        expect_error(client, scene_call(client, "Hello", NULL), "Failed",
                     "Already handled an Hello message");
        expect_nothing(client);
}

static void test_hello_without_interface_is_accepted(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_open(scene, 0);
        const RawHeader hello = {.type = RAWMESSAGE_CALL,
                                 .path = SCENE_DRIVER_PATH,
                                 .member = "Hello",
                                 .destination = SCENE_DRIVER};

        (void)expect_return(client, scene_send(client, &hello));
}

static void test_hello_on_any_path_is_accepted(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_open(scene, 0);
        const RawHeader hello = {.type = RAWMESSAGE_CALL,
                                 .path = "/",
                                 .interface = SCENE_DRIVER,
                                 .member = "Hello",
                                 .destination = SCENE_DRIVER};

        (void)expect_return(client, scene_send(client, &hello));
}

static void test_hello_with_an_argument_is_refused_and_may_be_retried(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_open(scene, 0);

        (void)expect_error(client, scene_call(client, "Hello", "s", "x"), "InvalidArgs",
                           "Call to Hello has wrong args (s, expected )");
        assert_int_equal(rawclient_hello(client), 0);
}

static void test_before_hello_other_driver_call_is_denied_and_hello_may_follow(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_open(scene, 0);
        RawMessage *error;

        error = expect_error(client, scene_call(client, "ListNames", NULL), "AccessDenied",
                             not_registered);
        assert_string_equal(error->sender, SCENE_DRIVER);
        assert_string_equal(error->destination, ":not.active.yet");
        assert_int_equal(rawclient_hello(client), 0);
}

static void test_before_hello_hello_of_another_interface_is_denied(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_open(scene, 0);
        const RawHeader hello = {.type = RAWMESSAGE_CALL,
                                 .path = SCENE_DRIVER_PATH,
                                 .interface = "org.freedesktop.DBus.Peer",
                                 .member = "Hello",
                                 .destination = SCENE_DRIVER};

        expect_error(client, scene_send(client, &hello), "AccessDenied", not_registered);
        assert_int_equal(rawclient_hello(client), 0);
}

static void test_before_hello_message_to_another_name_closes(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_open(scene, 0);
        const RawHeader call = scene_method(scene->janitor->unique_name, "M", NULL);

        (void)scene_send(client, &call);
        expect_closed(client);
}

static void test_before_hello_broadcast_closes(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_open(scene, 0);
        const RawHeader signal = scene_signal(NULL, "S", NULL);

        (void)scene_send(client, &signal);
        expect_closed(client);
}

static void test_before_hello_call_without_destination_is_answered(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_open(scene, 0);
        const RawHeader call = scene_method(NULL, "M", NULL);
        RawMessage *error = expect_error(client, scene_send(client, &call), "UnknownMethod", NULL);

        assert_null(error->sender);
        assert_null(error->destination);
        assert_int_equal(rawclient_hello(client), 0);
}

static void test_before_hello_connection_is_invisible(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        const char *names[8];
        uint32_t serial;

        (void)scene_open(scene, 0);
        serial = scene_call(client, "ListNames", NULL);
        assert_int_equal(rawmessage_read_strings(expect_return(client, serial), names, 8), 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_hello_first_clients_are_numbered_from_zero),
                TEST(test_hello_name_of_a_departed_client_is_not_reused),
                TEST(test_hello_wire_order_is_reply_then_owner_change_then_acquired),
                TEST(test_hello_pipelined_handshake_is_answered),
                TEST(test_hello_pipelined_calls_behind_hello_are_answered_in_order),
                TEST(test_hello_in_big_endian_is_answered),
                TEST(test_hello_second_fails_and_connection_stays),
                TEST(test_hello_without_interface_is_accepted),
                TEST(test_hello_on_any_path_is_accepted),
                TEST(test_hello_with_an_argument_is_refused_and_may_be_retried),
                TEST(test_before_hello_other_driver_call_is_denied_and_hello_may_follow),
                TEST(test_before_hello_hello_of_another_interface_is_denied),
                TEST(test_before_hello_message_to_another_name_closes),
                TEST(test_before_hello_broadcast_closes),
                TEST(test_before_hello_call_without_destination_is_answered),
                TEST(test_before_hello_connection_is_invisible),
        };

        return scene_run("wire/hello", tests, scene_start);
}
