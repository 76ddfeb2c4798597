/* SPDX-License-Identifier: Apache-2.0 */

/* Receivers that do not read: nothing is lost, nobody else waits, and limits are told. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"
#include "tests/wire/stats.h"

enum {
        BODY_SIZE = 32768,
        N_QUEUED = 500, /* 16 MiB, far more than a socket holds */
};

static int start_with_a_full_queue_at_4_mib(void **state)
{
        return scene_start_with(state, "<limit name=\"max_outgoing_bytes\">4000000</limit>");
}

/* A body "uay" whose bytes depend on the number. */
static void make_body(Marshal *body, uint32_t number)
{
        MarshalArray bytes;

        marshal_init(body, false);
        marshal_u32(body, number);
        bytes = marshal_open_array(body, 1);
        for (uint32_t i = 0; i < BODY_SIZE; i++)
                marshal_u8(body, (uint8_t)(number + i * 3));
        marshal_close_array(body, bytes);
}

static void send_numbered(RawClient *sender, const RawHeader *header, uint32_t number)
{
        Marshal body;

        make_body(&body, number);
        assert_int_equal(rawclient_send_body(sender, header, &body, NULL, 0), 0);
        marshal_deinit(&body);
}

static void expect_numbered(RawClient *receiver, const char *sender, uint32_t number)
{
        RawMessage *message = expect_signal(receiver, sender, "S");
        Marshal body;

        make_body(&body, number);
        assert_int_equal(message->body_size, body.size);
        assert_true(memcmp(message->body, body.data, body.size) == 0);
        marshal_deinit(&body);
}

static void test_slow_receiver_gets_everything_in_order(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *slow = scene_join(scene);
        const RawHeader signal = scene_signal(slow->unique_name, "S", "uay");

        for (uint32_t n = 0; n < N_QUEUED; n++)
                send_numbered(sender, &signal, n);
        expect_nothing(sender);
        for (uint32_t n = 0; n < N_QUEUED; n++)
                expect_numbered(slow, sender->unique_name, n);
        expect_nothing(slow);
}

static void test_slow_receiver_delays_nobody_else(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *slow = scene_join(scene),
                  *quick = scene_join(scene);
        const RawHeader signal = scene_signal(NULL, "S", "uay");

        scene_match(slow, "member='S'");
        scene_match(quick, "member='S'");
        for (uint32_t n = 0; n < 100; n++) {
                send_numbered(sender, &signal, n);
                expect_numbered(quick, sender->unique_name, n);
        }
        expect_nothing(sender);
        for (uint32_t n = 0; n < 100; n++)
                expect_numbered(slow, sender->unique_name, n);
}

static void test_slow_receiver_that_leaves_takes_its_queue_along(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *slow = scene_join(scene);
        RawHeader call = scene_method(slow->unique_name, "S", "uay");
        char name[RAWCLIENT_NAME_MAX];

        memcpy(name, slow->unique_name, sizeof(name));
        scene_match(sender, "member='NameOwnerChanged',arg2=''");
        call.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        for (uint32_t n = 0; n < 100; n++)
                send_numbered(sender, &call, n);
        expect_nothing(sender);
        scene_leave(scene, slow);
        expect_owner_change(sender, name, name, "");
        expect_nothing(sender);
}

static void test_slow_sender_of_a_large_message_delays_nobody(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawClient *other = scene_join(scene);
        RawHeader signal = scene_signal(receiver->unique_name, "S", "uay");
        Marshal body, bytes;

        make_body(&body, 1);
        marshal_init(&bytes, false);
        signal.serial = 1000;
        rawmessage_build(&signal, &body, &bytes);
        assert_int_equal(rawclient_send(sender, bytes.data, bytes.size / 2), 0);
        send_numbered(other, &signal, 2);
        expect_numbered(receiver, other->unique_name, 2);
        expect_nothing(receiver);
        assert_int_equal(
                rawclient_send(sender, bytes.data + bytes.size / 2, bytes.size - bytes.size / 2),
                0);
        expect_numbered(receiver, sender->unique_name, 1);
        marshal_deinit(&body);
        marshal_deinit(&bytes);
}

/* Sends number `first` and so on until one is refused; which one. */
static uint32_t send_until_refused(RawClient *sender, const RawHeader *signal, uint32_t first)
{
        RawMessage *message;
        int r = 0;

        for (uint32_t n = first; n < 2000; n++) {
                send_numbered(sender, signal, n);
                (void)scene_call(sender, "GetId", NULL);
                message = expect_message(sender);
                if (message->type == RAWMESSAGE_ERROR) {
                        assert_string_equal(message->error_name,
                                            EXPECT_ERROR_PREFIX "LimitsExceeded");
                        r = rawclient_receive(sender, RAWCLIENT_TIMEOUT_MS, &message);
                        assert_int_equal(r, 0);
                        return n;
                }
        }
        return UINT32_MAX;
}

/* How many messages the queue and the socket of `slow` hold. Its worker may take its time to fill
 * the socket, and has to have done so, or there would be room in the queue later. */
static uint32_t fill_queue(const Scene *scene, RawClient *sender, const RawClient *slow)
{
        const RawHeader signal = scene_signal(slow->unique_name, "S", "uay");
        uint32_t n = send_until_refused(sender, &signal, 0);

        if (!scene->bus.is_ringbus || n == UINT32_MAX)
                return n;
        stats_await_at_least(sender, slow->unique_name, "RingbusIsStalled", 1);
        return send_until_refused(sender, &signal, n);
}

static void test_full_queue_refuses_unicast_until_it_is_read(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *slow = scene_join(scene);
        const RawHeader signal = scene_signal(slow->unique_name, "S", "uay");
        uint32_t n_sent = fill_queue(scene, sender, slow);

        assert_int_not_equal(n_sent, UINT32_MAX);
        assert_true((uint64_t)n_sent * BODY_SIZE > 3900000);
        for (uint32_t n = 0; n < n_sent; n++)
                expect_numbered(slow, sender->unique_name, n);
        expect_nothing(slow);
        send_numbered(sender, &signal, 7);
        expect_numbered(slow, sender->unique_name, 7);
        expect_nothing(sender);
}

static void test_full_queue_is_skipped_by_broadcasts(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *slow = scene_join(scene),
                  *quick = scene_join(scene);
        const RawHeader broadcast = scene_signal(NULL, "S", "uay");
        uint32_t n_sent;

        scene_match(slow, "member='S'");
        scene_match(quick, "member='S'");
        n_sent = fill_queue(scene, sender, slow);
        assert_int_not_equal(n_sent, UINT32_MAX);
        send_numbered(sender, &broadcast, 5);
        expect_numbered(quick, sender->unique_name, 5);
        expect_nothing(sender);
        for (uint32_t n = 0; n < n_sent; n++)
                expect_numbered(slow, sender->unique_name, n);
        expect_nothing(slow);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_slow_receiver_gets_everything_in_order),
                TEST(test_slow_receiver_delays_nobody_else),
                TEST(test_slow_receiver_that_leaves_takes_its_queue_along),
                TEST(test_slow_sender_of_a_large_message_delays_nobody),
        };
        const struct CMUnitTest limited[] = {
                TEST(test_full_queue_refuses_unicast_until_it_is_read),
                TEST(test_full_queue_is_skipped_by_broadcasts),
        };
        int r = scene_run("wire/slow", tests, scene_start);

        return r + scene_run("wire/slow (full queues)", limited, start_with_a_full_queue_at_4_mib);
}
