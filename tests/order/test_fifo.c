/* SPDX-License-Identifier: Apache-2.0 */
/* Clause a: what one connection sends to another arrives in that order, whatever kinds it mixes. */
#include "tests/order/directed.h"

#define NAME "order.Fifo"

enum { N_KINDS = 7 };

/* One message of each kind, each with its number: to the receiver alone, by its unique name and by
 * a well-known one, as answers to two calls of its, and to everybody. */
static void send_all_kinds(RawClient *sender, RawClient *receiver, const uint32_t *serials,
                           unsigned first)
{
        const RawHeader answered = {.type = RAWMESSAGE_RETURN,
                                    .destination = receiver->unique_name,
                                    .reply_serial = serials[0],
                                    .signature = "u"};
        const RawHeader refused = {.type = RAWMESSAGE_ERROR,
                                   .error_name = "t.E",
                                   .destination = receiver->unique_name,
                                   .reply_serial = serials[1],
                                   .signature = "u"};
        const RawHeader kinds[N_KINDS] = {scene_method(receiver->unique_name, "M", "u"),
                                          scene_signal(NULL, "B", "u"),
                                          answered,
                                          scene_method(NAME, "M", "u"),
                                          scene_signal(NULL, "B", "u"),
                                          refused,
                                          scene_signal(receiver->unique_name, "S", "u")};

        for (unsigned i = 0; i < N_KINDS; i++)
                (void)scene_send(sender, &kinds[i], first + i);
}

static void expect_numbers(RawClient *receiver, RawClient *sender, unsigned first)
{
        for (unsigned i = 0; i < N_KINDS; i++) {
                RawMessage *message = expect_message(receiver);
                unsigned number;

                assert_string_equal(message->sender, sender->unique_name);
                assert_true(rawmessage_read(message, "u", &number));
                assert_int_equal(number, first + i);
        }
}

/* The receiver calls twice, and once it has to be called too: the serials of its calls. */
static void ask_twice(RawClient *receiver, RawClient *sender, uint32_t *ret_serials)
{
        const RawHeader call = scene_method(sender->unique_name, "Ask", NULL);

        for (int i = 0; i < 2; i++) {
                ret_serials[i] = scene_send(receiver, &call);
                (void)expect_call(sender, receiver->unique_name, "Ask");
        }
}

/* The first half is pushed while another worker has taken the receiver's mailbox and not sent; the
 * second half while it sends. */
static void test_fifo_all_kinds_keep_their_order(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *receiver = directed_join(scene, 1),
                  *holder = directed_join(scene, 1);
        uint32_t serials[4];
        StagedStop *hold;

        scene_own(receiver, NAME);
        scene_match(receiver, "type='signal',interface='t.I',member='B'");
        ask_twice(receiver, sender, serials);
        ask_twice(receiver, sender, serials + 2);
        hold = directed_hold(holder, receiver);
        send_all_kinds(sender, receiver, serials, 0);
        directed_barrier(sender);
        directed_release(hold);
        send_all_kinds(sender, receiver, serials + 2, N_KINDS);
        (void)expect_signal(receiver, holder->unique_name, "Held");
        expect_numbers(receiver, sender, 0);
        expect_numbers(receiver, sender, N_KINDS);
        expect_nothing(receiver);
}

/* Pushed when the holder of the duty has sent everything and is about to give the duty up. */
static void test_fifo_push_while_the_duty_ends_is_sent(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *receiver = directed_join(scene, 1),
                  *other = directed_join(scene, 1);
        const RawHeader first = scene_signal(receiver->unique_name, "First", NULL),
                        second = scene_signal(receiver->unique_name, "Second", NULL);
        StagedStop *sent;

        directed_barrier(other); /* their worker has given up the duty for the NameAcquired */
        sent = directed_arm(OUTPUT_SENT, directed_id(receiver));
        (void)scene_send(other, &first);
        directed_wait(sent);
        (void)expect_signal(receiver, other->unique_name, "First");
        (void)scene_send(sender, &second);
        directed_barrier(sender);
        if (directed_stops())
                directed_silent(receiver);
        directed_release(sent);
        (void)expect_signal(receiver, sender->unique_name, "Second");
}

/* Broadcasts and unicasts in turn, in one piece, so that one worker handles them in one go: it
 * pushes all of them before it sends any. */
static void test_fifo_one_batch_keeps_its_order(void **state)
{
        enum { N = 20 };
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *receiver = directed_join(scene, 1);
        Marshal all;

        scene_match(receiver, "type='signal',interface='t.I',member='B'");
        marshal_init(&all, false);
        for (unsigned i = 0; i < N; i++) {
                RawHeader header = i % 2 ? scene_signal(receiver->unique_name, "U", NULL)
                                         : scene_signal(NULL, "B", NULL);
                Marshal bytes;

                header.serial = rawclient_serial(sender);
                marshal_init(&bytes, false);
                rawmessage_build(&header, NULL, &bytes);
                marshal_bytes(&all, bytes.data, bytes.size);
                marshal_deinit(&bytes);
        }
        assert_int_equal(rawclient_send(sender, all.data, all.size), 0);
        marshal_deinit(&all);
        for (unsigned i = 0; i < N; i++)
                (void)expect_signal(receiver, sender->unique_name, i % 2 ? "U" : "B");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                directed_test(test_fifo_one_batch_keeps_its_order),
                directed_test(test_fifo_all_kinds_keep_their_order),
                directed_test(test_fifo_push_while_the_duty_ends_is_sent),
        };

        return directed_run("order_fifo", tests);
}
