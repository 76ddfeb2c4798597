/* SPDX-License-Identifier: Apache-2.0 */

/* How the driver finds a method, in which order it checks, and where it answers at all. */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

#define PEER "org.freedesktop.DBus.Peer"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define INTROSPECTABLE "org.freedesktop.DBus.Introspectable"

static RawHeader driver_method(const char *path, const char *interface, const char *member)
{
        return (RawHeader){.type = RAWMESSAGE_CALL,
                           .path = path,
                           .interface = interface,
                           .member = member,
                           .destination = SCENE_DRIVER};
}

static void test_dispatch_unknown_member_is_unknown_method(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method(SCENE_DRIVER_PATH, SCENE_DRIVER, "Nonsense");

        expect_error(client, scene_send(client, &call), "UnknownMethod",
                     "org.freedesktop.DBus does not understand message Nonsense");
        call.interface = PEER;
        expect_error(client, scene_send(client, &call), "UnknownMethod",
                     "org.freedesktop.DBus does not understand message Nonsense");
        call.interface = NULL;
        expect_error(client, scene_send(client, &call), "UnknownMethod",
                     "org.freedesktop.DBus does not understand message Nonsense");
}

static void test_dispatch_unknown_interface_is_unknown_interface(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method(SCENE_DRIVER_PATH, "t.Nonsense", "ListNames");

        expect_error(client, scene_send(client, &call), "UnknownInterface", NULL);
        call.interface = "org.freedesktop.DBus.Containers1";
        call.member = "AddServer";
        expect_error(client, scene_send(client, &call), "UnknownInterface", NULL);
}

static void test_dispatch_without_interface_finds_any_interface(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method(SCENE_DRIVER_PATH, NULL, "ListNames");

        (void)expect_return(client, scene_send(client, &call));
        call.member = "Ping";
        expect_empty(client, scene_send(client, &call));
        call.member = "Introspect";
        (void)expect_return(client, scene_send(client, &call));
        call.member = "GetAll";
        call.signature = "s";
        (void)expect_return(client, scene_send(client, &call, SCENE_DRIVER));
}

static void test_dispatch_wrong_signature_is_invalid_args(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method(SCENE_DRIVER_PATH, SCENE_DRIVER, "NameHasOwner");

        expect_error(client, scene_send(client, &call), "InvalidArgs",
                     "Call to NameHasOwner has wrong args (, expected s)");
        call.signature = "u";
        expect_error(client, scene_send(client, &call, 1U), "InvalidArgs",
                     "Call to NameHasOwner has wrong args (u, expected s)");
        call.signature = "ss";
        expect_error(client, scene_send(client, &call, "a.b", "c"), "InvalidArgs",
                     "Call to NameHasOwner has wrong args (ss, expected s)");
        call.signature = "o";
        expect_error(client, scene_send(client, &call, "/a"), "InvalidArgs",
                     "Call to NameHasOwner has wrong args (o, expected s)");
}

static void test_dispatch_main_interface_answers_at_any_path(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method("/", SCENE_DRIVER, "GetId");

        (void)expect_return(client, scene_send(client, &call));
        call.path = "/no/such/object";
        (void)expect_return(client, scene_send(client, &call));
        call.member = "RequestName";
        call.signature = "su";
        (void)scene_send(client, &call, "t.Name", 0U);
        expect_name_signal(client, "NameAcquired", "t.Name");
        expect_u32(client, client->next_serial, 1);
}

static void test_dispatch_canonical_path_is_checked_before_the_signature(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method("/elsewhere", SCENE_DRIVER, "UpdateActivationEnvironment");

        expect_error(client, scene_send(client, &call), "AccessDenied", NULL);
        call.path = SCENE_DRIVER_PATH;
        expect_error(client, scene_send(client, &call), "InvalidArgs",
                     "Call to UpdateActivationEnvironment has wrong args (, expected a{ss})");
}

static void test_dispatch_restricted_interfaces_are_absent_at_other_paths(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method("/", PROPERTIES, "GetAll");

        call.signature = "s";
        expect_error(client, scene_send(client, &call, SCENE_DRIVER), "UnknownInterface", NULL);
        call = driver_method("/", "org.freedesktop.DBus.Monitoring", "BecomeMonitor");
        expect_error(client, scene_send(client, &call), "UnknownInterface", NULL);
        call = driver_method("/org/freedesktop/DBus/sub", PROPERTIES, "Get");
        expect_error(client, scene_send(client, &call), "UnknownInterface", NULL);
}

static void test_dispatch_reply_header_is_that_of_the_driver(void **state)
{
        RawClient *client = scene_join(*state);
        RawMessage *reply = expect_return(client, scene_call(client, "GetId", NULL));
        uint32_t first = reply->serial;

        assert_string_equal(reply->sender, SCENE_DRIVER);
        assert_string_equal(reply->destination, client->unique_name);
        assert_int_equal(reply->flags, RAWMESSAGE_NO_REPLY_EXPECTED);
        assert_int_not_equal(first, 0);
        reply = expect_error(client, scene_call(client, "GetNameOwner", "s", "t.No"),
                             "NameHasNoOwner", NULL);
        assert_string_equal(reply->sender, SCENE_DRIVER);
        assert_string_equal(reply->destination, client->unique_name);
        assert_int_equal(reply->flags, RAWMESSAGE_NO_REPLY_EXPECTED);
        assert_int_not_equal(reply->serial, first);
}

static void test_peer_ping_and_machine_id_answer_at_any_path(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method("/any/where", PEER, "Ping");
        const char *id;

        expect_empty(client, scene_send(client, &call));
        call.member = "GetMachineId";
        assert_true(rawmessage_read(expect_return(client, scene_send(client, &call)), "s", &id));
        assert_int_equal(strlen(id), 32);
        assert_int_equal(strspn(id, "0123456789abcdef"), 32);
}

static const char *introspect(RawClient *client, const char *path)
{
        const RawHeader call = driver_method(path, INTROSPECTABLE, "Introspect");
        const char *xml = "";

        assert_true(rawmessage_read(expect_return(client, scene_send(client, &call)), "s", &xml));
        return xml;
}

static void test_introspect_lists_the_interfaces_of_the_path(void **state)
{
        RawClient *client = scene_join(*state);
        const char *xml = introspect(client, SCENE_DRIVER_PATH);

        assert_non_null(strstr(xml, "<interface name=\"" SCENE_DRIVER "\">"));
        assert_non_null(strstr(xml, "<interface name=\"" PROPERTIES "\">"));
        assert_non_null(strstr(xml, "<interface name=\"" PEER "\">"));
        assert_non_null(strstr(xml, "<method name=\"RequestName\">"));
        assert_non_null(strstr(xml, "<signal name=\"NameOwnerChanged\">"));
        xml = introspect(client, "/");
        assert_non_null(strstr(xml, "<interface name=\"" SCENE_DRIVER "\">"));
        assert_null(strstr(xml, "<interface name=\"" PROPERTIES "\">"));
        assert_null(strstr(xml, "<interface name=\"org.freedesktop.DBus.Monitoring\">"));
}

static void test_introspect_lists_child_nodes_on_the_way_to_the_driver(void **state)
{
        RawClient *client = scene_join(*state);

        assert_non_null(strstr(introspect(client, "/"), "<node name=\"org/freedesktop/DBus\"/>"));
        assert_non_null(strstr(introspect(client, "/org"), "<node name=\"freedesktop/DBus\"/>"));
        assert_non_null(strstr(introspect(client, "/org/freedesktop"), "<node name=\"DBus\"/>"));
        assert_null(strstr(introspect(client, "/other"), "<node name="));
        assert_null(strstr(introspect(client, SCENE_DRIVER_PATH), "<node name="));
}

static void test_properties_get_knows_features_and_interfaces(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method(SCENE_DRIVER_PATH, PROPERTIES, "Get");
        RawMessage *reply;

        call.signature = "ss";
        reply = expect_return(client, scene_send(client, &call, SCENE_DRIVER, "Features"));
        assert_string_equal(reply->signature, "v");
        assert_non_null(memmem(reply->body, reply->body_size, "HeaderFiltering", 16));
        assert_non_null(memmem(reply->body, reply->body_size, "ActivatableServicesChanged", 27));
        reply = expect_return(client, scene_send(client, &call, SCENE_DRIVER, "Interfaces"));
        assert_string_equal(reply->signature, "v");
        assert_null(memmem(reply->body, reply->body_size, PROPERTIES, sizeof(PROPERTIES)));
        assert_null(memmem(reply->body, reply->body_size, PEER, sizeof(PEER)));
}

static void test_properties_errors_name_what_is_wrong(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method(SCENE_DRIVER_PATH, PROPERTIES, "Get");

        call.signature = "ss";
        expect_error(client, scene_send(client, &call, SCENE_DRIVER, "Nonsense"), "UnknownProperty",
                     NULL);
        expect_error(client, scene_send(client, &call, "t.Nonsense", "Features"),
                     "UnknownInterface", NULL);
        call.member = "GetAll";
        call.signature = "s";
        expect_error(client, scene_send(client, &call, "t.Nonsense"), "UnknownInterface", NULL);
}

static uint32_t set_property(RawClient *client, const char *interface, const char *property)
{
        RawHeader call = driver_method(SCENE_DRIVER_PATH, PROPERTIES, "Set");
        Marshal body;

        call.signature = "ssv";
        call.serial = rawclient_serial(client);
        marshal_init(&body, false);
        marshal_string(&body, interface);
        marshal_string(&body, property);
        marshal_signature(&body, "s");
        marshal_string(&body, "value");
        assert_int_equal(rawclient_send_body(client, &call, &body, NULL, 0), 0);
        marshal_deinit(&body);
        return call.serial;
}

static void test_properties_set_is_read_only(void **state)
{
        RawClient *client = scene_join(*state);

        expect_error(client, set_property(client, SCENE_DRIVER, "Features"), "PropertyReadOnly",
                     NULL);
        expect_error(client, set_property(client, SCENE_DRIVER, "Nonsense"), "UnknownProperty",
                     NULL);
        expect_error(client, set_property(client, "t.Nonsense", "Features"), "UnknownInterface",
                     NULL);
}

static void test_properties_get_all_of_an_interface_without_properties_is_empty(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method(SCENE_DRIVER_PATH, PROPERTIES, "GetAll");
        RawMessage *reply;

        call.signature = "s";
        reply = expect_return(client, scene_send(client, &call, PEER));
        assert_string_equal(reply->signature, "a{sv}");
        assert_int_equal(reply->body_size, 8);
        reply = expect_return(client, scene_send(client, &call, SCENE_DRIVER));
        assert_true(reply->body_size > 8);
}

static void test_no_destination_peer_methods_are_answered_without_sender(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method("/any", PEER, "Ping");
        RawMessage *reply;

        call.destination = NULL;
        reply = expect_return(client, scene_send(client, &call));
        assert_null(reply->sender);
        assert_null(reply->signature);
        call.member = "GetMachineId";
        reply = expect_return(client, scene_send(client, &call));
        assert_null(reply->sender);
        assert_string_equal(reply->signature, "s");
}

static void test_no_destination_other_calls_are_unknown_methods(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = driver_method(SCENE_DRIVER_PATH, SCENE_DRIVER, "ListNames");
        RawMessage *error;

        call.destination = NULL;
        error = expect_error(client, scene_send(client, &call), "UnknownMethod", NULL);
        assert_null(error->sender);
        assert_null(error->destination);
        call.interface = PEER;
        call.member = "Nonsense";
        error = expect_error(client, scene_send(client, &call), "UnknownMethod", NULL);
        assert_null(error->sender);
}

static void test_no_destination_replies_are_ignored(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader reply = {.type = RAWMESSAGE_RETURN, .reply_serial = 7};

        (void)scene_send(client, &reply);
        reply.type = RAWMESSAGE_ERROR;
        reply.error_name = "t.Error";
        (void)scene_send(client, &reply);
        expect_nothing(client);
}

static void test_non_method_messages_to_the_driver_are_ignored(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader message = scene_signal(SCENE_DRIVER, "S", NULL);

        (void)scene_send(client, &message);
        message = (RawHeader){
                .type = RAWMESSAGE_RETURN, .destination = SCENE_DRIVER, .reply_serial = 3};
        (void)scene_send(client, &message);
        message.type = RAWMESSAGE_ERROR;
        message.error_name = "t.Error";
        (void)scene_send(client, &message);
        expect_nothing(client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_dispatch_unknown_member_is_unknown_method),
                TEST(test_dispatch_unknown_interface_is_unknown_interface),
                TEST(test_dispatch_without_interface_finds_any_interface),
                TEST(test_dispatch_wrong_signature_is_invalid_args),
                TEST(test_dispatch_main_interface_answers_at_any_path),
                TEST(test_dispatch_canonical_path_is_checked_before_the_signature),
                TEST(test_dispatch_restricted_interfaces_are_absent_at_other_paths),
                TEST(test_dispatch_reply_header_is_that_of_the_driver),
                TEST(test_peer_ping_and_machine_id_answer_at_any_path),
                TEST(test_introspect_lists_the_interfaces_of_the_path),
                TEST(test_introspect_lists_child_nodes_on_the_way_to_the_driver),
                TEST(test_properties_get_knows_features_and_interfaces),
                TEST(test_properties_errors_name_what_is_wrong),
                TEST(test_properties_set_is_read_only),
                TEST(test_properties_get_all_of_an_interface_without_properties_is_empty),
                TEST(test_no_destination_peer_methods_are_answered_without_sender),
                TEST(test_no_destination_other_calls_are_unknown_methods),
                TEST(test_no_destination_replies_are_ignored),
                TEST(test_non_method_messages_to_the_driver_are_ignored),
        };

        return scene_run("wire/dispatch", tests, scene_start);
}
