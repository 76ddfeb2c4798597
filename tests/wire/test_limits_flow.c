/* SPDX-License-Identifier: Apache-2.0 */

/*
 * max_incoming_* and max_outgoing_*: who sends too much is not read until what he sent is gone, and
 * however small the limit is, he gets on; who has too much waiting for him gets no more.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

enum { BODY_SIZE = 20000, N_MESSAGES = 40, N_FDS = 3, N_FDS_MANY = 3000 };

static int start_with_room_for_one_byte(void **state)
{
        return scene_start_with(state, "<limit name=\"max_incoming_bytes\">1</limit>");
}

static int start_with_room_for_one_fd(void **state)
{
        return scene_start_with(state, "<limit name=\"max_incoming_unix_fds\">1</limit>");
}

static int start_with_queues_of_600_bytes(void **state)
{
        return scene_start_with(state, "<limit name=\"max_outgoing_bytes\">600</limit>");
}

/* With one worker: if another still had something to do for the receiver, fds would leave the queue
 * for the socket later than the test thinks. */
static int start_with_queues_of_eight_fds(void **state)
{
        const BusOptions options = {.config = "<limit name=\"max_outgoing_unix_fds\">8</limit>"};

        return pressure_start_one_worker(state, &options);
}

/* All at once, without waiting for anything: calls, as many as the socket takes and more. */
static void test_flow_sender_gets_on_with_room_for_one_byte(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawHeader call = scene_method(receiver->unique_name, "M", "s");
        Marshal body, bytes;
        int n_received = 0;

        call.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        pressure_body(&body, BODY_SIZE);
        marshal_init(&bytes, false);
        pressure_build(&bytes, &call, &body, 1000, N_MESSAGES);
        for (size_t at = 0, n; at < bytes.size; at += n) {
                Marshal rest = {.data = bytes.data + at, .size = bytes.size - at};
                RawMessage *message;

                n = pressure_push(sender, &rest, 50);
                for (; rawclient_try(receiver, &message) == 1; n_received++)
                        assert_string_equal(message->member, "M");
        }
        for (; n_received < N_MESSAGES; n_received++) /* until it reads, the sender rests */
                (void)expect_call(receiver, sender->unique_name, "M");
        expect_nothing(sender);
        marshal_deinit(&bytes);
        marshal_deinit(&body);
}

/* Two clients that have room for one byte each call each other. */
static void test_flow_calls_and_replies_get_on_with_room_for_one_byte(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);

        for (int i = 0; i < N_MESSAGES; i++) {
                uint32_t first = scene_send(caller, &call), second = scene_send(caller, &call);

                for (int j = 0; j < 2; j++) {
                        RawHeader reply =
                                scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);

                        reply.destination = caller->unique_name;
                        (void)scene_send(callee, &reply);
                }
                expect_empty(caller, first);
                expect_empty(caller, second);
        }
}

static void send_fds(RawClient *sender, const char *to, size_t n)
{
        RawHeader signal = scene_signal(to, "F", NULL);
        int fds[N_FDS];

        for (size_t i = 0; i < n; i++)
                fds[i] = STDERR_FILENO;
        signal.unix_fds = (uint32_t)n;
        assert_int_equal(rawclient_send_body(sender, &signal, NULL, fds, n), 0);
}

static void test_flow_sender_of_fds_gets_on_with_room_for_one(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);

        for (int i = 0; i < N_MESSAGES; i++)
                send_fds(sender, receiver->unique_name, N_FDS);
        for (int i = 0; i < N_MESSAGES; i++)
                assert_int_equal(expect_signal(receiver, sender->unique_name, "F")->n_fds, N_FDS);
        expect_nothing(sender);
}

/* Until one is refused; how many were not. */
static unsigned fill_with_fds(RawClient *sender, const char *to)
{
        for (unsigned n = 0; n < N_FDS_MANY; n++) {
                RawMessage *message;

                send_fds(sender, to, 1);
                (void)scene_call(sender, "GetId", NULL);
                message = expect_message(sender);
                if (message->type != RAWMESSAGE_ERROR)
                        continue;
                assert_string_equal(message->error_name, EXPECT_ERROR_PREFIX "LimitsExceeded");
                assert_int_equal(expect_message(sender)->type, RAWMESSAGE_RETURN);
                return n;
        }
        fail_msg("no queue of fds was full");
        return 0;
}

static void test_flow_queue_of_fds_refuses_more_until_it_is_read(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *slow = scene_join(scene),
                  *quick = scene_join(scene);
        unsigned n_sent;

        scene_match(slow, "member='F'");
        scene_match(quick, "member='F'");
        n_sent = fill_with_fds(sender, slow->unique_name);
        assert_true(n_sent > 8);
        send_fds(sender, NULL, 1); /* a broadcast passes it over, and reaches the others */
        assert_int_equal(expect_signal(quick, sender->unique_name, "F")->n_fds, 1);
        expect_nothing(sender);
        for (unsigned i = 0; i < n_sent; i++)
                assert_int_equal(expect_signal(slow, sender->unique_name, "F")->n_fds, 1);
        expect_nothing(slow);
        send_fds(sender, slow->unique_name, 2);
        assert_int_equal(expect_signal(slow, sender->unique_name, "F")->n_fds, 2);
        expect_nothing(sender);
}

/* NameOwnerChanged and NameAcquired are longer than that, and the reply comes behind them. */
static void test_flow_reply_is_not_lost_to_the_signals_before_it(void **state)
{
        RawClient *client = scene_join(*state);
        char name[220] = "t.";
        uint32_t serial;

        memset(name + 2, 'n', sizeof(name) - 3);
        scene_match(client, "member='NameOwnerChanged'");
        serial = scene_call(client, "RequestName", "su", name, 0U);
        expect_owner_change(client, name, "", client->unique_name);
        expect_name_signal(client, "NameAcquired", name);
        expect_u32(client, serial, 1);
        expect_nothing(client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest bytes[] = {
                TEST(test_flow_sender_gets_on_with_room_for_one_byte),
                TEST(test_flow_calls_and_replies_get_on_with_room_for_one_byte),
        };
        const struct CMUnitTest fds[] = {
                TEST(test_flow_sender_of_fds_gets_on_with_room_for_one),
        };
        const struct CMUnitTest queues[] = {
                TEST(test_flow_queue_of_fds_refuses_more_until_it_is_read),
        };
        const struct CMUnitTest short_queues[] = {
                TEST(test_flow_reply_is_not_lost_to_the_signals_before_it),
        };
        int r = scene_run("wire/limits_flow (1 byte)", bytes, start_with_room_for_one_byte);

        r += scene_run("wire/limits_flow (1 fd)", fds, start_with_room_for_one_fd);
        r += scene_run("wire/limits_flow (600 bytes queued)", short_queues,
                       start_with_queues_of_600_bytes);
        return r +
               scene_run("wire/limits_flow (8 fds queued)", queues, start_with_queues_of_eight_fds);
}
