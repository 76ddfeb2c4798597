/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clauses j and k: exactly one answer for each call, whoever leaves when; an eavesdropper sees one
 * linear stream; fds stay with their message; a round trip to the bus is a barrier.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/order/directed.h"

/* Closes the callee and waits until it has gone for good; `caller` sees the change. */
static void send_away(Scene *scene, RawClient *caller, RawClient *callee)
{
        StagedStop *sealed = directed_arm(LEAVE_SEALED, directed_id(callee));
        char name[RAWCLIENT_NAME_MAX];

        memcpy(name, callee->unique_name, sizeof(name));
        scene_leave(scene, callee);
        directed_wait(sealed);
        directed_release(sealed);
        if (caller)
                expect_owner_change(caller, name, name, "");
}

/* The callee has the call, and answers, while the caller's worker is still busy with it; then it
 * leaves: that is no second answer. */
static void test_answers_reply_that_is_quicker_than_the_caller_counts(void **state)
{
        Scene *scene = *state;
        RawClient *caller = directed_join(scene, 0), *callee = directed_join(scene, 1),
                  *holder = directed_join(scene, 1);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        StagedStop *hold, *pushed;
        RawHeader reply;
        uint32_t serial;

        scene_match(caller, DIRECTED_CHANGES);
        hold = directed_hold(holder, callee);
        pushed = directed_arm(SEND_PUSHED, directed_id(caller));
        serial = scene_send(caller, &call);
        directed_wait(pushed);
        directed_release(hold);
        (void)expect_signal(callee, holder->unique_name, "Held");
        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
        (void)scene_send(callee, &reply);
        expect_empty(caller, serial);
        directed_release(pushed);
        directed_barrier(caller);
        send_away(scene, caller, callee);
        expect_nothing(caller);
}

/* The callee is found, and has left for good before the record of the call can be added. */
static void test_answers_callee_that_left_before_the_record_is_answered_for(void **state)
{
        Scene *scene = *state;
        RawClient *caller = directed_join(scene, 0), *callee = directed_join(scene, 1);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        StagedStop *found = directed_arm(SEND_FOUND, directed_id(caller));
        uint32_t serial = scene_send(caller, &call), barrier;

        directed_wait(found);
        if (!found)
                (void)expect_call(callee, caller->unique_name, "M");
        send_away(scene, NULL, callee);
        if (!found)
                (void)expect_error(caller, serial, "NoReply", NULL);
        barrier = scene_call(caller, "GetId", NULL);
        directed_release(found);
        if (found)
                (void)expect_error(caller, serial, "NoReply", NULL);
        (void)expect_return(caller, barrier);
        expect_nothing(caller);
}

/* The record is added, the call not pushed yet, when the callee leaves. */
static void test_answers_callee_that_left_before_the_push_answers_once(void **state)
{
        Scene *scene = *state;
        RawClient *caller = directed_join(scene, 0), *callee = directed_join(scene, 1);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        StagedStop *recorded = directed_arm(SEND_RECORDED, directed_id(caller));
        uint32_t serial = scene_send(caller, &call);

        directed_wait(recorded);
        if (!recorded)
                (void)expect_call(callee, caller->unique_name, "M");
        send_away(scene, NULL, callee);
        (void)expect_error(caller, serial, "NoReply", NULL);
        directed_release(recorded);
        expect_nothing(caller);
}

/* The caller's worker is between the eavesdropper's copy and the callee's when another call comes:
 * both receivers see the same order, and the reply after its request. */
static void test_answers_eavesdropper_sees_one_stream(void **state)
{
        Scene *scene = *state;
        RawClient *one = directed_join(scene, 0), *two = directed_join(scene, 1),
                  *callee = directed_join(scene, 2), *eavesdropper = directed_join(scene, 3);
        const RawHeader first = scene_method(callee->unique_name, "One", NULL),
                        second = scene_method(callee->unique_name, "Two", NULL);
        StagedStop *captured;
        RawHeader reply;
        uint32_t serial;

        scene_match(eavesdropper, "eavesdrop='true',type='method_call',interface='t.I'");
        scene_match(eavesdropper, "eavesdrop='true',type='method_return',path='/t'");
        captured = directed_arm(SEND_CAPTURED, directed_id(one));
        serial = scene_send(one, &first);
        directed_wait(captured);
        if (captured) {
                (void)scene_send(two, &second);
                directed_wait_blocked(1, callee);
        }
        directed_release(captured);
        reply = scene_reply(expect_call(callee, one->unique_name, "One"), NULL);
        reply.path = "/t";
        reply.destination = one->unique_name;
        if (!captured)
                (void)scene_send(two, &second);
        (void)expect_call(callee, two->unique_name, "Two");
        (void)scene_send(callee, &reply);
        expect_empty(one, serial);
        (void)expect_call(eavesdropper, one->unique_name, "One");
        (void)expect_call(eavesdropper, two->unique_name, "Two");
        (void)expect_return(eavesdropper, serial);
        expect_nothing(eavesdropper);
}

/* The callee's mailbox has the call, the eavesdropper's has not, when another worker flushes the
 * callee: what is not everywhere is not sent. */
static void test_answers_eavesdropped_call_is_sent_when_all_have_it(void **state)
{
        Scene *scene = *state;
        RawClient *caller = directed_join(scene, 0), *holder = directed_join(scene, 1),
                  *callee = directed_join(scene, 2), *eavesdropper = directed_join(scene, 3);
        const RawHeader call = scene_method(callee->unique_name, "One", NULL);
        StagedStop *delivered, *hold;

        scene_match(eavesdropper, "eavesdrop='true',type='method_call',interface='t.I'");
        hold = directed_hold(holder, callee);
        delivered = directed_arm(SEND_DELIVERED, directed_id(caller));
        (void)scene_send(caller, &call);
        directed_wait(delivered);
        directed_release(hold);
        (void)expect_signal(callee, holder->unique_name, "Held");
        if (delivered)
                directed_wait_blocked(directed_worker(holder), callee);
        directed_release(delivered);
        (void)expect_call(callee, caller->unique_name, "One");
        (void)expect_call(eavesdropper, caller->unique_name, "One");
}

/* A rule that eavesdrops is added, and acknowledged, when a unicast is on its way. */
static void test_answers_new_eavesdropper_misses_nothing(void **state)
{
        Scene *scene = *state;
        RawClient *slow = directed_join(scene, 0), *quick = directed_join(scene, 1),
                  *receiver = directed_join(scene, 1), *eavesdropper = directed_join(scene, 1);
        const RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);
        StagedStop *uncaptured = directed_arm(SEND_UNCAPTURED, directed_id(slow));

        if (uncaptured)
                (void)scene_send(slow, &signal);
        directed_wait(uncaptured);
        scene_match(eavesdropper, "eavesdrop='true',interface='t.I'");
        (void)scene_send(quick, &signal);
        (void)expect_signal(receiver, quick->unique_name, "S");
        (void)expect_signal(eavesdropper, quick->unique_name, "S");
        directed_release(uncaptured);
        if (!uncaptured)
                (void)scene_send(slow, &signal);
        (void)expect_signal(receiver, slow->unique_name, "S");
        directed_expect_pushed(eavesdropper, slow->unique_name, "S");
}

/* A pipe's reading end, and what identifies it. */
static ino_t make_fd(int *ret_fd)
{
        struct stat facts;
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        assert_int_equal(fstat(ends[0], &facts), 0);
        close(ends[1]);
        *ret_fd = ends[0];
        return facts.st_ino;
}

static void expect_fd(RawClient *receiver, RawClient *sender, const char *member, ino_t inode)
{
        RawMessage *message = expect_signal(receiver, sender->unique_name, member);
        struct stat facts;

        assert_int_equal(message->n_fds, inode ? 1 : 0);
        if (!inode)
                return;
        assert_int_equal(fstat(message->fds[0], &facts), 0);
        assert_true(facts.st_ino == inode);
}

/* Messages with and without fds, from two senders, queue up behind what another worker holds. */
static void test_answers_fds_stay_with_their_message(void **state)
{
        static const char *const members[] = {"F0", "F1", "F2", "F3"};
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *receiver = directed_join(scene, 1),
                  *holder = directed_join(scene, 1);
        const RawHeader plain = scene_signal(receiver->unique_name, "Plain", NULL);
        StagedStop *hold = directed_hold(holder, receiver);
        ino_t inodes[4];

        for (int i = 0; i < 4; i++) {
                RawHeader header = scene_signal(receiver->unique_name, members[i], NULL);
                int fd;

                inodes[i] = make_fd(&fd);
                header.unix_fds = 1;
                assert_int_equal(rawclient_send_body(sender, &header, NULL, &fd, 1), 0);
                close(fd);
                (void)scene_send(sender, &plain);
        }
        directed_barrier(sender);
        directed_release(hold);
        (void)expect_signal(receiver, holder->unique_name, "Held");
        for (int i = 0; i < 4; i++) {
                expect_fd(receiver, sender, members[i], inodes[i]);
                expect_fd(receiver, sender, "Plain", 0);
        }
        expect_nothing(receiver);
}

/* After the reply of the bus, what was sent before is in front of what anybody sends now, although
 * another worker holds the receiver's mailbox. */
static void test_answers_round_trip_to_the_bus_is_a_barrier(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *other = directed_join(scene, 2),
                  *receiver = directed_join(scene, 1), *holder = directed_join(scene, 1);
        const RawHeader mine = scene_signal(receiver->unique_name, "Mine", NULL),
                        after = scene_signal(receiver->unique_name, "After", NULL);
        StagedStop *hold = directed_hold(holder, receiver);

        (void)scene_send(sender, &mine);
        directed_barrier(sender);
        (void)scene_send(other, &after);
        directed_barrier(other);
        directed_release(hold);
        (void)expect_signal(receiver, holder->unique_name, "Held");
        (void)expect_signal(receiver, sender->unique_name, "Mine");
        (void)expect_signal(receiver, other->unique_name, "After");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                directed_test(test_answers_reply_that_is_quicker_than_the_caller_counts),
                directed_test(test_answers_callee_that_left_before_the_record_is_answered_for),
                directed_test(test_answers_callee_that_left_before_the_push_answers_once),
                directed_test(test_answers_eavesdropper_sees_one_stream),
                directed_test(test_answers_eavesdropped_call_is_sent_when_all_have_it),
                directed_test(test_answers_new_eavesdropper_misses_nothing),
                directed_test(test_answers_fds_stay_with_their_message),
                directed_test(test_answers_round_trip_to_the_bus_is_a_barrier),
        };

        return directed_run("order_answers", tests);
}
