/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clause j, for monitors: one linear stream, requests before replies, a refused message and its
 * error side by side; nothing missed from the reply to BecomeMonitor on, and nobody reaches one
 * that has become a monitor.
 */
#include <string.h>

#include "tests/order/directed.h"
#include "tests/wire/monitoring.h"

#define OURS "interface='t.I'"

/* The caller's worker is between the monitor's copy and the callee's when another call comes. */
static void test_monitors_see_one_stream(void **state)
{
        Scene *scene = *state;
        RawClient *one = directed_join(scene, 0), *two = directed_join(scene, 1),
                  *callee = directed_join(scene, 2), *monitor = directed_join(scene, 3);
        const RawHeader first = scene_method(callee->unique_name, "One", NULL),
                        second = scene_method(callee->unique_name, "Two", NULL);
        StagedStop *captured;
        RawHeader reply;

        monitoring_begin(monitor, "");
        captured = directed_arm(SEND_CAPTURED, directed_id(one));
        (void)scene_send(one, &first);
        directed_wait(captured);
        if (captured) {
                (void)scene_send(two, &second);
                directed_wait_blocked(1, callee);
        }
        directed_release(captured);
        reply = scene_reply(expect_call(callee, one->unique_name, "One"), NULL);
        reply.destination = one->unique_name;
        if (!captured)
                (void)scene_send(two, &second);
        (void)expect_call(callee, two->unique_name, "Two");
        (void)scene_send(callee, &reply);
        assert_int_equal(expect_message(one)->type, RAWMESSAGE_RETURN);
        monitoring_expect(monitor, one->unique_name, callee->unique_name, "call One");
        monitoring_expect(monitor, two->unique_name, callee->unique_name, "call Two");
        monitoring_expect(monitor, callee->unique_name, one->unique_name, "return");
        monitoring_expect_nothing(monitor, one);
}

/* Two monitors on different workers, and senders that do not know of each other: one order. */
static void test_monitors_see_the_same_stream(void **state)
{
        enum { ROUNDS = 50 };
        Scene *scene = *state;
        RawClient *senders[2] = {directed_join(scene, 0), directed_join(scene, 1)},
                  *receivers[2] = {directed_join(scene, 2), directed_join(scene, 3)},
                  *monitors[2] = {directed_join(scene, 1), directed_join(scene, 2)};
        char seen[2 * ROUNDS];

        monitoring_begin(monitors[0], OURS);
        monitoring_begin(monitors[1], OURS);
        for (int i = 0; i < ROUNDS; i++) {
                for (int k = 0; k < 2; k++) {
                        const RawHeader signal =
                                scene_signal(receivers[k]->unique_name, k ? "B" : "A", NULL);

                        (void)scene_send(senders[k], &signal);
                }
        }
        for (int k = 0; k < 2; k++) {
                for (int i = 0; i < 2 * ROUNDS; i++) {
                        RawMessage *message = expect_message(monitors[k]);

                        assert_int_equal(message->type, RAWMESSAGE_SIGNAL);
                        if (k == 0)
                                seen[i] = message->member[0];
                        else
                                assert_int_equal(seen[i], message->member[0]);
                }
        }
        for (int i = 0; i < ROUNDS; i++) {
                (void)expect_signal(receivers[0], senders[0]->unique_name, "A");
                (void)expect_signal(receivers[1], senders[1]->unique_name, "B");
        }
}

/* The refused message is shown, the error not yet, when another message comes. */
static void test_monitors_see_a_refusal_and_its_error_side_by_side(void **state)
{
        Scene *scene = *state;
        RawClient *one = directed_join(scene, 0), *two = directed_join(scene, 1),
                  *receiver = directed_join(scene, 2), *monitor = directed_join(scene, 3);
        const RawHeader nobody = scene_method("t.Nobody", "One", NULL),
                        signal = scene_signal(receiver->unique_name, "Two", NULL);
        StagedStop *captured;
        uint32_t serial;

        monitoring_begin(monitor, "");
        captured = directed_arm(SEND_CAPTURED, directed_id(one));
        serial = scene_send(one, &nobody);
        directed_wait(captured);
        if (captured) {
                (void)scene_send(two, &signal);
                directed_wait_blocked(1, receiver);
        }
        directed_release(captured);
        expect_error(one, serial, "ServiceUnknown", NULL);
        if (!captured)
                (void)scene_send(two, &signal);
        (void)expect_signal(receiver, two->unique_name, "Two");
        monitoring_expect(monitor, one->unique_name, "t.Nobody", "call One");
        monitoring_expect(monitor, NULL, one->unique_name, "error ServiceUnknown");
        monitoring_expect(monitor, two->unique_name, receiver->unique_name, "signal Two");
        monitoring_expect_nothing(monitor, one);
}

/* The call is on its way when the callee leaves: whatever it is answered by, it is seen first. */
static void test_monitors_see_a_call_before_its_error(void **state)
{
        Scene *scene = *state;
        RawClient *caller = directed_join(scene, 0), *callee = directed_join(scene, 1),
                  *monitor = directed_join(scene, 2);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        StagedStop *recorded, *sealed;
        RawMessage *seen;
        uint32_t serial;

        monitoring_begin(monitor, "");
        recorded = directed_arm(SEND_RECORDED, directed_id(caller));
        serial = scene_send(caller, &call);
        directed_wait(recorded);
        if (!recorded)
                (void)expect_call(callee, caller->unique_name, "M");
        sealed = directed_arm(LEAVE_SEALED, directed_id(callee));
        scene_leave(scene, callee);
        directed_wait(sealed);
        directed_release(sealed);
        directed_release(recorded);
        assert_int_equal(expect_message(caller)->type, RAWMESSAGE_ERROR);
        do /* signals about the callee's end */
                seen = expect_message(monitor);
        while (seen->type == RAWMESSAGE_SIGNAL);
        assert_int_equal(seen->type, RAWMESSAGE_CALL);
        assert_int_equal(seen->serial, serial);
        if (recorded) {
                seen = expect_message(monitor);
                assert_int_equal(seen->type, RAWMESSAGE_ERROR);
                assert_int_equal(seen->reply_serial, serial);
        }
}

/* A unicast is on its way, nobody watches as it sees, when somebody becomes a monitor. */
static void test_monitors_miss_nothing_from_the_reply_on(void **state)
{
        Scene *scene = *state;
        RawClient *slow = directed_join(scene, 0), *receiver = directed_join(scene, 1),
                  *monitor = directed_join(scene, 1);
        const RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);
        StagedStop *uncaptured = directed_arm(SEND_UNCAPTURED, directed_id(slow));

        if (uncaptured)
                (void)scene_send(slow, &signal);
        directed_wait(uncaptured);
        monitoring_begin(monitor, OURS);
        directed_release(uncaptured);
        if (!uncaptured)
                (void)scene_send(slow, &signal);
        (void)expect_signal(receiver, slow->unique_name, "S");
        monitoring_expect(monitor, slow->unique_name, receiver->unique_name, "signal S");
}

/* Found by its unique name, not pushed to: then it is nobody. `point` is where the sender stops;
 * `recorded`: it sends a call, and is owed a reply there. */
static void check_unreachable(Scene *scene, StagePoint point, bool recorded)
{
        RawClient *sender = directed_join(scene, 0), *client = directed_join(scene, 1);
        const RawHeader call = recorded ? scene_method(client->unique_name, "M", NULL)
                                        : scene_signal(client->unique_name, "M", NULL);
        StagedStop *stop = directed_arm_after(
                point, directed_id(point == STAGE_NAME_LOADED ? client : sender), 0);
        uint32_t serial = 0, barrier;

        if (stop)
                serial = scene_send(sender, &call);
        directed_wait(stop);
        monitoring_begin(client, "member='Never'");
        directed_release(stop);
        if (!stop)
                serial = scene_send(sender, &call);
        barrier = scene_call(sender, "GetId", NULL); /* a missing error need not be waited for */
        /* What was owed already is answered as for one that leaves. */
        expect_error(sender, serial, stop && recorded ? "NoReply" : "ServiceUnknown", NULL);
        (void)expect_return(sender, barrier);
        expect_error(sender, scene_send(sender, &call), "ServiceUnknown", NULL);
        expect_nothing(sender);
        directed_silent(client);
}

static void test_monitors_are_not_reached_by_who_found_them(void **state)
{
        check_unreachable(*state, STAGE_NAME_LOADED, false);
}

static void test_monitors_are_not_reached_by_who_is_owed_a_reply(void **state)
{
        check_unreachable(*state, STAGE_SEND_RECORDED, true);
}

static void test_monitors_are_not_reached_by_who_is_about_to_push(void **state)
{
        check_unreachable(*state, STAGE_SEND_UNCAPTURED, true);
}

/* Its names are gone and it sees nothing yet: whoever asks waits, and finds it gone. */
static void test_monitors_come_to_be_in_one_step(void **state)
{
        Scene *scene = *state;
        RawClient *client = directed_join(scene, 0), *other = directed_join(scene, 1),
                  *watcher = directed_join(scene, 2);
        const RawHeader call = scene_method("t.Name", "M", NULL);
        StagedStop *announced;
        uint32_t become, owner, serial;

        scene_own(client, "t.Name");
        scene_match(watcher, DIRECTED_CHANGES);
        announced = directed_arm(MONITOR_ANNOUNCED, directed_id(client));
        become = monitoring_call(client, SCENE_DRIVER_PATH, NULL, 0, 0, 0);
        directed_wait(announced);
        if (announced) {
                directed_silent(client);
                directed_silent(watcher);
        } else {
                expect_empty(client, become);
                expect_name_signal(client, "NameLost", client->unique_name);
                expect_name_signal(client, "NameLost", "t.Name");
        }
        owner = scene_call(other, "GetNameOwner", "s", "t.Name");
        serial = scene_send(other, &call);
        if (announced) {
                directed_wait_blocked(1, other);
                directed_release(announced);
                expect_empty(client, become);
                expect_name_signal(client, "NameLost", client->unique_name);
                expect_name_signal(client, "NameLost", "t.Name");
        }
        expect_owner_change(watcher, client->unique_name, client->unique_name, "");
        expect_owner_change(watcher, "t.Name", client->unique_name, "");
        expect_error(other, owner, "NameHasNoOwner", NULL);
        expect_error(other, serial, "ServiceUnknown", NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                directed_test(test_monitors_see_one_stream),
                directed_test(test_monitors_see_the_same_stream),
                directed_test(test_monitors_see_a_refusal_and_its_error_side_by_side),
                directed_test(test_monitors_see_a_call_before_its_error),
                directed_test(test_monitors_miss_nothing_from_the_reply_on),
                directed_test(test_monitors_are_not_reached_by_who_found_them),
                directed_test(test_monitors_are_not_reached_by_who_is_owed_a_reply),
                directed_test(test_monitors_are_not_reached_by_who_is_about_to_push),
                directed_test(test_monitors_come_to_be_in_one_step),
        };

        return directed_run("order_monitors", tests);
}
