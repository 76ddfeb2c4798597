/* SPDX-License-Identifier: Apache-2.0 */

/* Who gets a broadcast, how often, when rules take effect, and eavesdropping. */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

static void test_broadcast_reaches_every_subscriber_once(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *a = scene_join(scene), *b = scene_join(scene),
                  *none = scene_join(scene);
        const RawHeader signal = scene_signal(NULL, "S", "s");

        scene_match(a, "type='signal',interface='t.I'");
        scene_match(a, "member='S'");
        scene_match(a, "arg0='x'");
        scene_match(b, "path='/t'");
        (void)scene_send(sender, &signal, "x");
        (void)expect_signal(a, sender->unique_name, "S");
        (void)expect_signal(b, sender->unique_name, "S");
        expect_nothing(sender);
        expect_nothing(a);
        expect_nothing(b);
        expect_nothing(none);
}

static void test_broadcast_reaches_its_sender_if_it_matches(void **state)
{
        RawClient *client = scene_join(*state);
        const RawHeader signal = scene_signal(NULL, "S", NULL);

        scene_match(client, "member='S'");
        (void)scene_send(client, &signal);
        (void)expect_signal(client, client->unique_name, "S");
        expect_nothing(client);
}

static void test_broadcast_add_match_holds_for_the_next_message_without_waiting(void **state)
{
        RawClient *client = scene_join(*state);
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        uint32_t add, remove;

        for (int i = 0; i < 50; i++) {
                add = scene_call(client, "AddMatch", "s", "member='S'");
                (void)scene_send(client, &signal);
                remove = scene_call(client, "RemoveMatch", "s", "member='S'");
                (void)scene_send(client, &signal);
                expect_empty(client, add);
                (void)expect_signal(client, client->unique_name, "S");
                expect_empty(client, remove);
                expect_nothing(client);
        }
}

static void test_broadcast_removed_duplicate_leaves_the_other(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader signal = scene_signal(NULL, "S", NULL);

        scene_match(receiver, "member='S'");
        scene_match(receiver, "member='S'");
        expect_empty(receiver, scene_call(receiver, "RemoveMatch", "s", "member='S'"));
        (void)scene_send(sender, &signal);
        (void)expect_signal(receiver, sender->unique_name, "S");
        expect_empty(receiver, scene_call(receiver, "RemoveMatch", "s", "member='S'"));
        (void)scene_send(sender, &signal);
        expect_nothing(sender);
        expect_nothing(receiver);
}

static void test_broadcast_rules_do_not_outlive_their_client(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader signal = scene_signal(NULL, "S", NULL);

        scene_match(receiver, "member='S'");
        scene_leave(scene, receiver);
        (void)scene_send(sender, &signal);
        expect_nothing(sender);
}

static void test_broadcast_unicast_signal_needs_no_rule_and_matches_nobody_else(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene),
                  *other = scene_join(scene);
        const RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);

        scene_match(other, "member='S'");
        scene_match(receiver, "member='S'");
        (void)scene_send(sender, &signal);
        (void)expect_signal(receiver, sender->unique_name, "S");
        expect_nothing(sender);
        expect_nothing(receiver);
        expect_nothing(other);
}

static void test_broadcast_call_and_reply_are_not_matched(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene),
                  *other = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        RawHeader reply;
        uint32_t serial;

        scene_match(other, "type='method_call'");
        scene_match(other, "type='method_return'");
        scene_match(other, "");
        serial = scene_send(caller, &call);
        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
        (void)scene_send(callee, &reply);
        expect_empty(caller, serial);
        expect_nothing(callee);
        expect_nothing(other);
}

static void test_eavesdropper_sees_unicast_of_others_once(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene),
                  *ear = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        RawMessage *seen;

        scene_match(ear, "eavesdrop='true',member='M'");
        scene_match(ear, "eavesdrop='true',type='method_call',interface='t.I'");
        (void)scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        seen = expect_call(ear, caller->unique_name, "M");
        assert_string_equal(seen->destination, callee->unique_name);
        expect_empty(ear, scene_call(ear, "RemoveMatch", "s", "eavesdrop='true',member='M'"));
}

static void test_eavesdropper_destination_matches_the_owner_of_the_name(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene),
                  *ear = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL);

        scene_own(callee, "t.Name");
        scene_match(ear, "eavesdrop='true',destination='t.Name',type='method_call'");
        (void)scene_send(caller, &call);
        (void)expect_call(ear, caller->unique_name, "M");
        call.destination = "t.Name";
        (void)scene_send(caller, &call);
        (void)expect_call(ear, caller->unique_name, "M");
        call.destination = ear->unique_name;
        call.member = "Direct";
        (void)scene_send(caller, &call);
        (void)expect_call(ear, caller->unique_name, "Direct");
        expect_nothing(ear);
}

static void test_eavesdropper_does_not_see_name_signals_of_others(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *ear = scene_join(scene);

        scene_match(ear, "eavesdrop='true',type='signal',sender='" SCENE_DRIVER "',path='/x'");
        scene_match(ear, "eavesdrop='true',member='NameAcquired'");
        scene_own(owner, "t.Name");
        expect_nothing(owner);
        expect_nothing(ear);
}

static void test_broadcast_rule_for_a_departed_sender_is_deleted(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        char rule[96], name[RAWCLIENT_NAME_MAX];

        memcpy(name, sender->unique_name, sizeof(name));
        scene_match(receiver, "member='NameOwnerChanged',arg2=''");
        snprintf(rule, sizeof(rule), "type='signal',sender='%s'", name);
        scene_match(receiver, rule);
        /* The reference does it only for a sender that had rules itself. */
        scene_match(sender, "member='Never'");
        scene_leave(scene, sender);
        expect_owner_change(receiver, name, name, "");
        expect_error(receiver, scene_call(receiver, "RemoveMatch", "s", rule), "MatchRuleNotFound",
                     NULL);
}

static void test_signal_before_reply_is_delivered_before_it(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        RawHeader reply;
        uint32_t serial;

        scene_match(caller, "member='S'");
        for (int i = 0; i < 50; i++) {
                serial = scene_send(caller, &call);
                reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
                (void)scene_send(callee, &signal);
                (void)scene_send(callee, &reply);
                (void)expect_signal(caller, callee->unique_name, "S");
                expect_empty(caller, serial);
        }
}

static void test_broadcasts_of_one_sender_keep_their_order_everywhere(void **state)
{
        enum { N_RECEIVERS = 8, N_SIGNALS = 200 };
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receivers[N_RECEIVERS];
        const RawHeader signal = scene_signal(NULL, "S", "u");
        uint32_t value;

        for (size_t i = 0; i < N_RECEIVERS; i++) {
                receivers[i] = scene_join(scene);
                scene_match(receivers[i], "member='S'");
        }
        for (uint32_t n = 0; n < N_SIGNALS; n++)
                (void)scene_send(sender, &signal, n);
        for (size_t i = 0; i < N_RECEIVERS; i++) {
                for (uint32_t n = 0; n < N_SIGNALS; n++) {
                        assert_true(rawmessage_read(
                                expect_signal(receivers[i], sender->unique_name, "S"), "u",
                                &value));
                        assert_int_equal(value, n);
                }
                expect_nothing(receivers[i]);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_broadcast_reaches_every_subscriber_once),
                TEST(test_broadcast_reaches_its_sender_if_it_matches),
                TEST(test_broadcast_add_match_holds_for_the_next_message_without_waiting),
                TEST(test_broadcast_removed_duplicate_leaves_the_other),
                TEST(test_broadcast_rules_do_not_outlive_their_client),
                TEST(test_broadcast_unicast_signal_needs_no_rule_and_matches_nobody_else),
                TEST(test_broadcast_call_and_reply_are_not_matched),
                TEST(test_eavesdropper_sees_unicast_of_others_once),
                TEST(test_eavesdropper_destination_matches_the_owner_of_the_name),
                TEST(test_eavesdropper_does_not_see_name_signals_of_others),
                TEST(test_broadcast_rule_for_a_departed_sender_is_deleted),
                TEST(test_signal_before_reply_is_delivered_before_it),
                TEST(test_broadcasts_of_one_sender_keep_their_order_everywhere),
        };

        return scene_run("wire/broadcast", tests, scene_start);
}
