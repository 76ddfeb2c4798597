/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clause i: what a connection wrote before its end is processed; then its names go, the latest
 * first and the unique one last; then its callers are answered; nothing from it comes after that.
 */
#include <stdio.h>
#include <string.h>

#include "tests/order/directed.h"

/* Closes a client; its unique name is borrowed until the next call. */
static const char *leave(Scene *scene, RawClient *client)
{
        static char name[RAWCLIENT_NAME_MAX];

        memcpy(name, client->unique_name, sizeof(name));
        scene_leave(scene, client);
        return name;
}

/* A send to the dead socket fails, and its home learns of that, before it reads what was written
 * last. */
static void test_leave_last_words_are_read_after_a_failed_send(void **state)
{
        Scene *scene = *state;
        RawClient *receiver = directed_join(scene, 0), *pusher = directed_join(scene, 0),
                  *writer = directed_join(scene, 1), *other = directed_join(scene, 1);
        const RawHeader last = scene_signal(receiver->unique_name, "Last", NULL);
        StagedStop *inbox, *failed;
        const char *name;
        RawHeader word;

        scene_match(receiver, DIRECTED_CHANGES);
        inbox = directed_arm(INBOX, 1);
        (void)scene_call(other, "GetId", NULL); /* for a turn of its worker's */
        directed_wait(inbox);
        failed = directed_arm(OUTPUT_FAILED, directed_id(writer));
        (void)scene_send(writer, &last);
        name = leave(scene, writer);
        word = scene_signal(name, "Word", NULL);
        word.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        (void)scene_send(pusher, &word);
        directed_wait(failed);
        directed_release(failed);
        directed_release(inbox);
        (void)expect_signal(receiver, name, "Last");
        expect_owner_change(receiver, name, name, "");
}

static void expect_no_reply_to(RawClient *client, uint32_t first, uint32_t second)
{
        RawMessage *message = expect_message(client);

        assert_int_equal(message->type, RAWMESSAGE_ERROR);
        assert_string_equal(message->error_name, EXPECT_ERROR_PREFIX "NoReply");
        assert_true(message->reply_serial == first || message->reply_serial == second);
        (void)expect_error(client, message->reply_serial == first ? second : first, "NoReply",
                           NULL);
}

/* Its mailbox is closed, everything else of it is still there, when somebody calls it. */
static void test_leave_names_go_in_order_and_callers_are_answered(void **state)
{
        Scene *scene = *state;
        RawClient *caller = directed_join(scene, 0), *leaver = directed_join(scene, 1);
        const RawHeader before = scene_method(leaver->unique_name, "Before", NULL),
                        during = scene_method("order.B", "During", NULL);
        StagedStop *closed;
        uint32_t first, second = 0;
        const char *name;

        scene_own(leaver, "order.A");
        scene_own(leaver, "order.B");
        scene_match(leaver, "type='signal'");
        scene_match(caller, DIRECTED_CHANGES);
        first = scene_send(caller, &before);
        (void)expect_call(leaver, caller->unique_name, "Before");
        closed = directed_arm(LEAVE_CLOSED, directed_id(leaver));
        name = leave(scene, leaver);
        directed_wait(closed);
        if (closed) {
                second = scene_send(caller, &during);
                directed_barrier(caller);
        }
        directed_release(closed);
        expect_owner_change(caller, "order.B", name, "");
        expect_owner_change(caller, "order.A", name, "");
        expect_owner_change(caller, name, name, "");
        if (closed)
                expect_no_reply_to(caller, first, second);
        else
                (void)expect_error(caller, first, "NoReply", NULL);
        expect_nothing(caller);
}

/* Its names are gone, its callers not answered yet, when somebody calls it once more. */
static void test_leave_call_after_the_announcement_is_refused(void **state)
{
        Scene *scene = *state;
        RawClient *caller = directed_join(scene, 0), *leaver = directed_join(scene, 1);
        const RawHeader before = scene_method(leaver->unique_name, "Before", NULL),
                        after = scene_method(leaver->unique_name, "After", NULL);
        StagedStop *announced;
        uint32_t first, second;
        char bytes[RAWCLIENT_NAME_MAX];
        RawHeader late = after;

        snprintf(bytes, sizeof(bytes), "%s", leaver->unique_name);
        late.destination = bytes;
        first = scene_send(caller, &before);
        (void)expect_call(leaver, caller->unique_name, "Before");
        announced = directed_arm(LEAVE_ANNOUNCED, directed_id(leaver));
        scene_leave(scene, leaver);
        directed_wait(announced);
        if (!announced)
                (void)expect_error(caller, first, "NoReply", NULL);
        second = scene_send(caller, &late);
        (void)expect_error(caller, second, "ServiceUnknown", NULL);
        directed_release(announced);
        if (announced)
                (void)expect_error(caller, first, "NoReply", NULL);
        expect_nothing(caller);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                directed_test(test_leave_last_words_are_read_after_a_failed_send),
                directed_test(test_leave_names_go_in_order_and_callers_are_answered),
                directed_test(test_leave_call_after_the_announcement_is_refused),
        };

        return directed_run("order_leave", tests);
}
