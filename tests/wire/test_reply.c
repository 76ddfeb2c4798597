/* SPDX-License-Identifier: Apache-2.0 */

/* Calls and what answers them: exactly one return, error or NoReply. */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

static const char no_reply[] = "Message recipient disconnected from message bus without replying";

static void test_reply_return_reaches_the_caller(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", "s");
        RawHeader reply;
        uint32_t serial = scene_send(caller, &call, "x");

        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), "s");
        (void)scene_send(callee, &reply, "answer");
        expect_text(caller, serial, "answer");
        expect_nothing(caller);
}

static void test_reply_error_reaches_the_caller(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        RawHeader reply;
        RawMessage *error;
        uint32_t serial = scene_send(caller, &call);

        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), "s");
        reply.type = RAWMESSAGE_ERROR;
        reply.error_name = EXPECT_ERROR_PREFIX "Failed";
        (void)scene_send(callee, &reply, "because");
        error = expect_error(caller, serial, "Failed", "because");
        assert_string_equal(error->sender, callee->unique_name);
}

static void test_reply_callee_that_disconnects_is_no_reply_after_its_owner_change(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        char rule[128], name[RAWCLIENT_NAME_MAX];
        RawMessage *error;
        uint32_t first, second;

        memcpy(name, callee->unique_name, sizeof(name));
        snprintf(rule, sizeof(rule), "member='NameOwnerChanged',arg0='%s'", name);
        scene_match(caller, rule);
        first = scene_send(caller, &call);
        second = scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        (void)expect_call(callee, caller->unique_name, "M"); /* or it may find the callee gone */
        scene_leave(scene, callee);
        expect_owner_change(caller, name, name, "");
        for (int i = 0; i < 2; i++) {
                error = expect_message(caller);
                assert_int_equal(error->type, RAWMESSAGE_ERROR);
                assert_true(error->reply_serial == first || error->reply_serial == second);
                assert_string_equal(error->error_name, EXPECT_ERROR_PREFIX "NoReply");
        }
        expect_nothing(caller);
}

static void test_reply_no_reply_has_the_text_and_sender_of_the_bus(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        uint32_t serial = scene_send(caller, &call);
        RawMessage *error;

        (void)expect_call(callee, caller->unique_name, "M");
        scene_leave(scene, callee);
        error = expect_error(caller, serial, "NoReply", no_reply);
        assert_string_equal(error->sender, SCENE_DRIVER);
        assert_string_equal(error->destination, caller->unique_name);
}

static void test_reply_callee_that_never_read_is_no_reply_too(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        uint32_t serial = scene_send(caller, &call);

        expect_nothing(caller);
        scene_leave(scene, callee);
        expect_error(caller, serial, "NoReply", no_reply);
}

static void test_reply_sent_before_the_disconnect_is_delivered(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        RawHeader reply;
        uint32_t answered = scene_send(caller, &call);
        uint32_t open = scene_send(caller, &call);

        expect_nothing(caller); /* both calls are on their way before the callee leaves */
        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
        (void)scene_send(callee, &reply);
        scene_leave(scene, callee);
        expect_empty(caller, answered);
        expect_error(caller, open, "NoReply", no_reply);
        expect_nothing(caller);
}

static void test_reply_no_reply_expected_call_gets_none_at_disconnect(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL);
        char name[RAWCLIENT_NAME_MAX];

        memcpy(name, callee->unique_name, sizeof(name));
        scene_match(caller, "member='NameOwnerChanged',arg2=''");
        call.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        (void)scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        scene_leave(scene, callee);
        expect_owner_change(caller, name, name, "");
        expect_nothing(caller);
}

static void test_reply_caller_that_left_is_forgotten(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        RawHeader reply;
        RawMessage *message;
        char name[RAWCLIENT_NAME_MAX];

        memcpy(name, caller->unique_name, sizeof(name));
        scene_match(callee, "member='NameOwnerChanged',arg2=''");
        (void)scene_send(caller, &call);
        message = expect_call(callee, caller->unique_name, "M");
        reply = (RawHeader){.type = RAWMESSAGE_RETURN,
                            .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                            .destination = name,
                            .reply_serial = message->serial};
        scene_leave(scene, caller);
        expect_owner_change(callee, name, name, "");
        expect_error(callee, scene_send(callee, &reply), "ServiceUnknown", NULL);
}

static void test_reply_duplicate_outstanding_serial_is_refused(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL);
        RawHeader reply;

        call.serial = 1000;
        (void)scene_send(caller, &call);
        (void)scene_send(caller, &call);
        expect_error(caller, 1000, "AccessDenied",
                     "Message has the same reply serial as a currently-outstanding existing method "
                     "call");
        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
        expect_nothing(callee);
        reply.destination = caller->unique_name;
        (void)scene_send(callee, &reply);
        expect_empty(caller, 1000);
        (void)scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
}

static void test_reply_same_serial_to_two_callees_is_allowed(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *a = scene_join(scene), *b = scene_join(scene);
        RawHeader call = scene_method(a->unique_name, "M", NULL);

        call.serial = 1000;
        (void)scene_send(caller, &call);
        call.destination = b->unique_name;
        (void)scene_send(caller, &call);
        (void)expect_call(a, caller->unique_name, "M");
        (void)expect_call(b, caller->unique_name, "M");
        scene_leave(scene, a);
        expect_error(caller, 1000, "NoReply", no_reply);
        scene_leave(scene, b);
        expect_error(caller, 1000, "NoReply", no_reply);
}

static void test_reply_same_serial_without_reply_is_allowed(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL);

        call.serial = 1000;
        call.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        (void)scene_send(caller, &call);
        (void)scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        (void)expect_call(callee, caller->unique_name, "M");
        expect_nothing(caller);
}

static void test_reply_unrequested_passes_on_a_session_bus(void **state)
{
        Scene *scene = *state;
        RawClient *a = scene_join(scene), *b = scene_join(scene);
        RawHeader reply = {
                .type = RAWMESSAGE_RETURN, .destination = b->unique_name, .reply_serial = 4711};

        (void)scene_send(a, &reply);
        (void)expect_return(b, 4711);
        reply.type = RAWMESSAGE_ERROR;
        reply.error_name = EXPECT_ERROR_PREFIX "Failed";
        reply.signature = "s";
        (void)scene_send(a, &reply, "x");
        expect_error(b, 4711, "Failed", "x");
        expect_nothing(a);
}

static void test_reply_by_a_third_party_does_not_answer_the_call(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene),
                  *third = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        RawHeader reply;
        uint32_t serial = scene_send(caller, &call);

        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
        (void)scene_send(third, &reply);
        assert_string_equal(expect_return(caller, serial)->sender, third->unique_name);
        scene_leave(scene, callee);
        expect_error(caller, serial, "NoReply", no_reply);
}

static void test_reply_expectation_survives_release_of_the_name(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method("t.Name", "M", NULL);
        uint32_t serial, release;

        scene_own(callee, "t.Name");
        serial = scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        release = scene_call(callee, "ReleaseName", "s", "t.Name");
        expect_name_signal(callee, "NameLost", "t.Name");
        expect_u32(callee, release, 1);
        expect_nothing(caller);
        scene_leave(scene, callee);
        expect_error(caller, serial, "NoReply", no_reply);
}

static void test_reply_peer_methods_of_clients_are_left_to_them(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "Ping", NULL);
        RawHeader reply;
        uint32_t serial;

        call.interface = "org.freedesktop.DBus.Peer";
        serial = scene_send(caller, &call);
        reply = scene_reply(expect_call(callee, caller->unique_name, "Ping"), NULL);
        (void)scene_send(callee, &reply);
        assert_string_equal(expect_return(caller, serial)->sender, callee->unique_name);
}

static void test_reply_serial_of_a_signal_is_no_reply(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        RawHeader signal = scene_signal(caller->unique_name, "S", NULL);

        signal.reply_serial = scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        (void)scene_send(callee, &signal);
        (void)expect_signal(caller, callee->unique_name, "S");
        scene_leave(scene, callee);
        if (scene->bus.is_ringbus) /* the reference takes the signal for the reply */
                (void)expect_error(caller, signal.reply_serial, "NoReply", NULL);
        expect_nothing(caller);
}

static void test_reply_call_to_oneself_works(void **state)
{
        RawClient *client = scene_join(*state);
        const RawHeader call = scene_method(client->unique_name, "M", NULL);
        RawHeader reply;
        uint32_t serial = scene_send(client, &call);

        reply = scene_reply(expect_call(client, client->unique_name, "M"), NULL);
        (void)scene_send(client, &reply);
        expect_empty(client, serial);
}

static void test_reply_pipelined_calls_are_answered_in_order(void **state)
{
        enum { N_CALLS = 500 };
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", "u");
        uint32_t first = caller->next_serial + 1, value;

        for (uint32_t n = 0; n < N_CALLS; n++)
                (void)scene_send(caller, &call, n);
        for (uint32_t n = 0; n < N_CALLS; n++) {
                RawMessage *message = expect_call(callee, caller->unique_name, "M");
                RawHeader reply = scene_reply(message, "u");

                assert_true(rawmessage_read(message, "u", &value));
                assert_int_equal(value, n);
                (void)scene_send(callee, &reply, n);
        }
        for (uint32_t n = 0; n < N_CALLS; n++)
                expect_u32(caller, first + n, n);
        expect_nothing(caller);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_reply_return_reaches_the_caller),
                TEST(test_reply_error_reaches_the_caller),
                TEST(test_reply_callee_that_disconnects_is_no_reply_after_its_owner_change),
                TEST(test_reply_no_reply_has_the_text_and_sender_of_the_bus),
                TEST(test_reply_callee_that_never_read_is_no_reply_too),
                TEST(test_reply_sent_before_the_disconnect_is_delivered),
                TEST(test_reply_no_reply_expected_call_gets_none_at_disconnect),
                TEST(test_reply_caller_that_left_is_forgotten),
                TEST(test_reply_duplicate_outstanding_serial_is_refused),
                TEST(test_reply_same_serial_to_two_callees_is_allowed),
                TEST(test_reply_same_serial_without_reply_is_allowed),
                TEST(test_reply_unrequested_passes_on_a_session_bus),
                TEST(test_reply_by_a_third_party_does_not_answer_the_call),
                TEST(test_reply_expectation_survives_release_of_the_name),
                TEST(test_reply_peer_methods_of_clients_are_left_to_them),
                TEST(test_reply_serial_of_a_signal_is_no_reply),
                TEST(test_reply_call_to_oneself_works),
                TEST(test_reply_pipelined_calls_are_answered_in_order),
        };

        return scene_run("wire/reply", tests, scene_start);
}
