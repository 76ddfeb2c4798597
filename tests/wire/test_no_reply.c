/* SPDX-License-Identifier: Apache-2.0 */

/* NO_REPLY_EXPECTED: which replies of the driver it suppresses, and that errors always come. */

#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

static RawHeader quiet_call(const char *interface, const char *member, const char *signature)
{
        return (RawHeader){.type = RAWMESSAGE_CALL,
                           .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                           .path = SCENE_DRIVER_PATH,
                           .interface = interface,
                           .member = member,
                           .destination = SCENE_DRIVER,
                           .signature = signature};
}

static void test_no_reply_suppresses_acknowledgements(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = quiet_call(SCENE_DRIVER, "AddMatch", "s");

        (void)scene_send(client, &call, "type='signal',interface='t.I'");
        expect_nothing(client);
        call.member = "RemoveMatch";
        (void)scene_send(client, &call, "type='signal',interface='t.I'");
        expect_nothing(client);
        call = quiet_call("org.freedesktop.DBus.Peer", "Ping", NULL);
        (void)scene_send(client, &call);
        expect_nothing(client);
}

static void test_no_reply_other_methods_answer_anyway(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = quiet_call(SCENE_DRIVER, "ListNames", NULL);

        (void)expect_return(client, scene_send(client, &call));
        call = quiet_call(SCENE_DRIVER, "NameHasOwner", "s");
        expect_bool(client, scene_send(client, &call, "t.No"), false);
        call = quiet_call(SCENE_DRIVER, "ReleaseName", "s");
        expect_u32(client, scene_send(client, &call, "t.No"), 2);
        call = quiet_call("org.freedesktop.DBus.Introspectable", "Introspect", NULL);
        (void)expect_return(client, scene_send(client, &call));
}

static void test_no_reply_driver_errors_are_sent(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = quiet_call(SCENE_DRIVER, "RemoveMatch", "s");

        expect_error(client, scene_send(client, &call, "type='signal',interface='t.I'"),
                     "MatchRuleNotFound", NULL);
        call.member = "AddMatch";
        expect_error(client, scene_send(client, &call, "nonsense"), "MatchRuleInvalid", NULL);
        call.member = "Nonsense";
        expect_error(client, scene_send(client, &call, "x"), "UnknownMethod", NULL);
}

static void test_no_reply_undeliverable_call_is_an_error(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = scene_method("t.Absent", "M", NULL);

        call.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        expect_error(client, scene_send(client, &call), "ServiceUnknown",
                     "The name t.Absent was not provided by any .service files");
}

static void test_undeliverable_signal_is_an_error(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader signal = scene_signal("t.Absent", "S", NULL);

        expect_error(client, scene_send(client, &signal), "ServiceUnknown",
                     "The name t.Absent was not provided by any .service files");
}

static void test_undeliverable_return_and_error_are_errors(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader reply = {
                .type = RAWMESSAGE_RETURN, .destination = ":1.4000000", .reply_serial = 9};

        (void)expect_error(client, scene_send(client, &reply), "ServiceUnknown",
                           "The name :1.4000000 was not provided by any .service files");
        reply.type = RAWMESSAGE_ERROR;
        reply.error_name = "t.Error";
        (void)expect_error(client, scene_send(client, &reply), "ServiceUnknown", NULL);
}

static void test_no_auto_start_to_nobody_is_name_has_no_owner(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = scene_method("t.Absent", "M", NULL);

        call.flags = RAWMESSAGE_NO_AUTO_START;
        expect_error(client, scene_send(client, &call), "NameHasNoOwner",
                     "Name \"t.Absent\" does not exist");
        call.destination = ":1.4000000";
        expect_error(client, scene_send(client, &call), "NameHasNoOwner",
                     "Name \":1.4000000\" does not exist");
}

static void test_auto_start_of_an_absent_unique_name_is_service_unknown(void **state)
{
        RawClient *client = scene_join(*state);
        RawHeader call = scene_method(":1.4000000", "M", NULL);

        expect_error(client, scene_send(client, &call), "ServiceUnknown",
                     "The name :1.4000000 was not provided by any .service files");
}

static void test_message_of_unknown_type_is_refused(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *other = scene_join(scene);
        RawHeader message = scene_method(other->unique_name, "M", NULL);

        message.type = 5;
        expect_error(client, scene_send(client, &message), "AccessDenied",
                     "Message bus will not accept messages of unknown type");
        message.type = 255;
        expect_error(client, scene_send(client, &message), "AccessDenied",
                     "Message bus will not accept messages of unknown type");
        message.destination = NULL;
        (void)scene_send(client, &message);
        expect_nothing(client);
        expect_nothing(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_no_reply_suppresses_acknowledgements),
                TEST(test_no_reply_other_methods_answer_anyway),
                TEST(test_no_reply_driver_errors_are_sent),
                TEST(test_no_reply_undeliverable_call_is_an_error),
                TEST(test_undeliverable_signal_is_an_error),
                TEST(test_undeliverable_return_and_error_are_errors),
                TEST(test_no_auto_start_to_nobody_is_name_has_no_owner),
                TEST(test_auto_start_of_an_absent_unique_name_is_service_unknown),
                TEST(test_message_of_unknown_type_is_refused),
        };

        return scene_run("wire/no_reply", tests, scene_start);
}
