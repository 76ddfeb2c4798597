/* SPDX-License-Identifier: Apache-2.0 */
/* Clause l: a new policy is one step for all; after the reply to ReloadConfig the old one is gone.
 */
#include "tests/order/directed.h"

enum { POLICY_SILENCE_MS = 100 };

/* Both ask the same, so a verdict of the one could pass for one of the other; and both deny
 * something, or nothing would be asked at all. */
#define POLICY(what)                                                                               \
        "<policy context=\"default\"><deny send_interface=\"t.Other\"/>"                           \
        "<" what " send_interface=\"t.I\"/></policy>"
static const char policy_allows[] = POLICY("allow"), policy_denies[] = POLICY("deny");

static uint32_t reload(Scene *scene, RawClient *client, const char *policy)
{
        assert_int_equal(bus_write_config(&scene->bus, policy), 0);
        return scene_call(client, "ReloadConfig", "");
}

/* Whoever has been judged by the old policy is judged anew, on each worker. */
static void test_policy_old_verdicts_are_forgotten(void **state)
{
        Scene *scene = *state;
        RawClient *clients[4], *receiver = directed_join(scene, 0);
        RawHeader call = scene_method(receiver->unique_name, "M", NULL);

        expect_empty(receiver, reload(scene, receiver, policy_allows));
        for (unsigned i = 0; i < 4; i++) {
                clients[i] = directed_join(scene, i);
                (void)scene_send(clients[i], &call);
                (void)expect_call(receiver, clients[i]->unique_name, "M");
        }
        expect_empty(receiver, reload(scene, receiver, policy_denies));
        for (unsigned i = 0; i < 4; i++) {
                uint32_t serial = scene_send(clients[i], &call);
                uint32_t next = scene_call(clients[i], "GetId", "");

                (void)expect_error(clients[i], serial, "AccessDenied", NULL);
                (void)expect_return(clients[i], next);
        }
        expect_empty(receiver, reload(scene, receiver, policy_allows));
        for (unsigned i = 0; i < 4; i++) {
                (void)scene_send(clients[i], &call);
                (void)expect_call(receiver, clients[i]->unique_name, "M");
        }
}

/* A call that was judged, and is not pushed: the reply waits for it. */
static void test_policy_reply_waits_for_what_the_old_one_judged(void **state)
{
        Scene *scene = *state;
        RawClient *caller = directed_join(scene, 0), *callee = directed_join(scene, 1),
                  *other = directed_join(scene, 1);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        StagedStop *judged = directed_arm(SEND_RECORDED, directed_id(caller));
        RawMessage *message;
        uint32_t serial;

        (void)scene_send(caller, &call);
        directed_wait(judged);
        serial = reload(scene, other, policy_denies);
        if (judged) /* too short a time finds less, and is never wrong */
                assert_int_not_equal(rawclient_receive(other, POLICY_SILENCE_MS, &message), 0);
        directed_release(judged);
        (void)expect_call(callee, caller->unique_name, "M");
        expect_empty(other, serial);
        expect_empty(other, reload(scene, other, policy_allows));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                directed_test(test_policy_old_verdicts_are_forgotten),
                directed_test(test_policy_reply_waits_for_what_the_old_one_judged),
        };

        return directed_run("order_policy", tests);
}
