/* SPDX-License-Identifier: Apache-2.0 */

/* Limits that clients meet: LimitsExceeded, and what is still possible then. */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

static int start_with_small_limits(void **state)
{
        return scene_start_with(state, "<limit name=\"max_names_per_connection\">3</limit>"
                                       "<limit name=\"max_match_rules_per_connection\">2</limit>"
                                       "<limit name=\"max_replies_per_connection\">2</limit>"
                                       "<limit name=\"max_message_size\">65536</limit>"
                                       "<limit name=\"max_completed_connections\">4</limit>");
}

static void test_limit_names_counts_the_unique_name(void **state)
{
        RawClient *client = scene_join(*state);
        uint32_t serial;

        scene_own(client, "t.A");
        scene_own(client, "t.B");
        expect_error(client, scene_call(client, "RequestName", "su", "t.C", 0U), "LimitsExceeded",
                     NULL);
        expect_error(client, scene_call(client, "RequestName", "su", "t.A", 0U), "LimitsExceeded",
                     NULL);
        serial = scene_call(client, "ReleaseName", "s", "t.A");
        expect_name_signal(client, "NameLost", "t.A");
        expect_u32(client, serial, 1);
        scene_own(client, "t.C");
}

static void test_limit_names_counts_queued_names(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *waiter = scene_join(scene);

        scene_own(owner, "t.A");
        scene_own(owner, "t.B");
        expect_u32(waiter, scene_call(waiter, "RequestName", "su", "t.A", 0U), 2);
        expect_u32(waiter, scene_call(waiter, "RequestName", "su", "t.B", 0U), 2);
        expect_error(waiter, scene_call(waiter, "RequestName", "su", "t.C", 0U), "LimitsExceeded",
                     NULL);
        expect_u32(waiter, scene_call(waiter, "ReleaseName", "s", "t.A"), 1);
        scene_own(waiter, "t.C");
}

static void test_limit_match_rules_counts_duplicates(void **state)
{
        RawClient *client = scene_join(*state);

        scene_match(client, "type='signal'");
        scene_match(client, "type='signal'");
        expect_error(client, scene_call(client, "AddMatch", "s", "type='error'"), "LimitsExceeded",
                     NULL);
        expect_error(client, scene_call(client, "AddMatch", "s", "nonsense"), "LimitsExceeded",
                     NULL);
        expect_empty(client, scene_call(client, "RemoveMatch", "s", "type='signal'"));
        scene_match(client, "type='error'");
}

static void test_limit_replies_frees_a_place_with_each_reply(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL);
        RawHeader reply;
        uint32_t first = scene_send(caller, &call);
        uint32_t second = scene_send(caller, &call), third;

        expect_error(caller, scene_send(caller, &call), "LimitsExceeded", NULL);
        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
        (void)expect_call(callee, caller->unique_name, "M");
        expect_nothing(callee);
        reply.destination = caller->unique_name;
        (void)scene_send(callee, &reply);
        expect_empty(caller, first);
        (void)scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        call.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        (void)scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        scene_leave(scene, callee);
        /* In any order: the third call and the second. */
        third = caller->next_serial - 1;
        for (int i = 0; i < 2; i++) {
                RawMessage *error = expect_message(caller);

                assert_string_equal(error->error_name, EXPECT_ERROR_PREFIX "NoReply");
                assert_true(error->reply_serial == second || error->reply_serial == third);
        }
        expect_nothing(caller);
}

static void test_limit_message_size_closes(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *other = scene_join(scene);
        const RawHeader signal = scene_signal(other->unique_name, "S", "ay");
        Marshal body;

        marshal_init(&body, false);
        marshal_u32(&body, 65000);
        for (int i = 0; i < 65000; i++)
                marshal_u8(&body, 'x');
        assert_int_equal(rawclient_send_body(client, &signal, &body, NULL, 0), 0);
        (void)expect_signal(other, client->unique_name, "S");
        for (int i = 0; i < 1000; i++)
                marshal_u8(&body, 'x');
        marshal_patch_u32(&body, 0, 66000);
        (void)rawclient_send_body(client, &signal, &body, NULL, 0);
        marshal_deinit(&body);
        expect_closed(client);
        expect_nothing(other);
}

static void test_limit_connections_refuses_hello_and_lets_it_retry(void **state)
{
        Scene *scene = *state;
        RawClient *a = scene_join(scene), *extra;

        (void)scene_join(scene);
        (void)scene_join(scene);
        extra = scene_open(scene, 0);
        expect_error(extra, scene_call(extra, "Hello", NULL), "LimitsExceeded", NULL);
        expect_error(extra, scene_call(extra, "Hello", NULL), "LimitsExceeded", NULL);
        scene_match(scene->janitor, "member='NameOwnerChanged',arg2=''");
        scene_leave(scene, a);
        (void)expect_signal(scene->janitor, SCENE_DRIVER, "NameOwnerChanged");
        expect_empty(scene->janitor, scene_call(scene->janitor, "RemoveMatch", "s",
                                                "member='NameOwnerChanged',arg2=''"));
        assert_int_equal(rawclient_hello(extra), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_limit_names_counts_the_unique_name),
                TEST(test_limit_names_counts_queued_names),
                TEST(test_limit_match_rules_counts_duplicates),
                TEST(test_limit_replies_frees_a_place_with_each_reply),
                TEST(test_limit_message_size_closes),
                TEST(test_limit_connections_refuses_hello_and_lets_it_retry),
        };

        return scene_run("wire/limits", tests, start_with_small_limits);
}
