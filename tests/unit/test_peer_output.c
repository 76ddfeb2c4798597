/* SPDX-License-Identifier: Apache-2.0 */
/* Output: coalesced and partial sends, pauses of the senders, duties that change hands. */
#include "tests/unit/peer_tests.h"

/* max_incoming_bytes: input stops while one message is in memory; with a limit of 1 they still all
 * get through, one after the other. */
static void test_peer_account_limit_of_one_makes_progress(void **state)
{
        PeerFixture *fixture = *state;
        Remote *sender, *receiver;
        const RawMessage *message;
        size_t written = 0;
        Marshal bytes;

        fixture->root->limits.max_incoming_bytes = 1;
        sender = remote_new(fixture, 0, true);
        receiver = remote_new(fixture, 1, true);
        remote_hello(sender);
        remote_hello(receiver);
        marshal_init(&bytes, false);
        for (uint32_t i = 1; i <= 200; i++)
                seen_add_signal(&bytes, i + 1, ":1.1", i % 7 * 1000, 0);
        PEER_FIXTURE_UNTIL(fixture, (written += remote_write(sender, bytes.data + written,
                                                             bytes.size - written, 0),
                                     remote_pump(receiver), written == bytes.size));
        for (uint32_t i = 1; i <= 200; i++) {
                message = remote_await(receiver);
                assert_int_equal(message->serial, i + 1);
                assert_string_equal(message->sender, ":1.0");
        }
        assert_true(fixture->n_resumed > 0);
        PEER_FIXTURE_UNTIL(fixture, counter_read(&sender->peer->endpoint.account->bytes) == 0);
        marshal_deinit(&bytes);
        remote_free(sender);
        remote_free(receiver);
}

/* A receiver that does not read stops the sender (and nobody else), pins no buffer, and gets all of
 * it once it reads. */
static void test_peer_slow_receiver_stops_its_sender_only(void **state)
{
        PeerFixture *fixture = *state;
        Shard *shard = &fixture->shards[0];
        Remote *sender, *receiver, *other;
        size_t written = 0;
        uint32_t n = 0;
        Marshal bytes;

        fixture->root->limits.max_incoming_bytes = 2 * SIZE_1M;
        sender = remote_new(fixture, 0, true);
        receiver = remote_new(fixture, 0, true);
        other = remote_new(fixture, 0, true);
        remote_hello(sender);
        remote_hello(receiver);
        remote_hello(other);
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 600; i++)
                seen_add_signal(&bytes, i + 10, ":1.1", 12000, 0);
        for (int quiet = 0; quiet < 20; quiet++) {
                size_t more = remote_write(sender, bytes.data + written, bytes.size - written, 0);

                written += more;
                quiet = more ? 0 : quiet;
                peer_fixture_turn(fixture);
        }
        assert_true(written < bytes.size);
        assert_true(sender->peer->input.pauses & PEER_PAUSE_ACCOUNT);
        assert_in_range(counter_read(&sender->peer->endpoint.account->bytes), 2 * SIZE_1M,
                        2 * SIZE_1M + 20000);
        /* Only what the sender's own held input pins. */
        assert_in_range(io_buffers_total(shard->io) - io_buffers_free(shard->io), 0,
                        PEER_TESTS_BUFFERS / 2);
        remote_call(other, "GetId", NULL);
        assert_int_equal(remote_await(other)->type, RAWMESSAGE_RETURN);
        PEER_FIXTURE_UNTIL(fixture, (written += remote_write(sender, bytes.data + written,
                                                             bytes.size - written, 0),
                                     remote_pump(receiver), written == bytes.size));
        for (n = 0; n < 600; n++)
                assert_int_equal(remote_await(receiver)->serial, n + 10);
        marshal_deinit(&bytes);
        remote_free(sender);
        remote_free(receiver);
        remote_free(other);
}

/* The receiver leaves while much is queued for it: all of it is given back and the sender goes on.
 */
static void test_peer_slow_receiver_leaves_sender_goes_on(void **state)
{
        PeerFixture *fixture = *state;
        Remote *sender, *receiver;
        size_t written = 0;
        Marshal bytes;

        fixture->root->limits.max_incoming_bytes = SIZE_1M;
        sender = remote_new(fixture, 0, true);
        receiver = remote_new(fixture, 1, true);
        remote_hello(sender);
        remote_hello(receiver);
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 300; i++)
                seen_add_signal(&bytes, i + 10, ":1.1", 12000, 0);
        for (int i = 0; i < 300; i++) {
                written += remote_write(sender, bytes.data + written, bytes.size - written, 0);
                peer_fixture_turn(fixture);
        }
        assert_true(written < bytes.size);
        remote_free(receiver);
        remote_write_all(sender, bytes.data + written, bytes.size - written);
        remote_call(sender, "GetId", NULL);
        PEER_FIXTURE_UNTIL(fixture,
                           (remote_pump(sender), remote_next(sender) != NULL &&
                                                         sender->last->type == RAWMESSAGE_RETURN));
        PEER_FIXTURE_UNTIL(fixture, counter_read(&sender->peer->endpoint.account->bytes) == 0 &&
                                            fixture->shards[1].n_peers == 0);
        marshal_deinit(&bytes);
        remote_free(sender);
}

/* The same while it is paused: what it wrote is not lost. */
static void test_peer_end_of_stream_while_paused(void **state)
{
        PeerFixture *fixture = *state;
        Remote *sender, *receiver;
        uint32_t n = 0;
        Marshal bytes;

        fixture->root->limits.max_incoming_bytes = 1;
        sender = remote_new(fixture, 0, true);
        receiver = remote_new(fixture, 0, true);
        remote_hello(sender);
        remote_hello(receiver);
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 50; i++)
                seen_add_signal(&bytes, i + 10, ":1.1", 100, 0);
        assert_int_equal(remote_write(sender, bytes.data, bytes.size, 0), bytes.size);
        remote_free(sender);
        for (n = 0; n < 50; n++)
                assert_int_equal(remote_await(receiver)->serial, n + 10);
        PEER_FIXTURE_UNTIL(fixture, fixture->shards[0].n_peers == 1);
        marshal_deinit(&bytes);
        remote_free(receiver);
}

/* What is queued for one receiver goes out in one sendmsg. */
static void test_peer_output_is_coalesced(void **state)
{
        PeerFixture *fixture = *state;
        Remote *sender = remote_new(fixture, 0, true), *receiver = remote_new(fixture, 1, true);
        uint64_t before;
        Marshal bytes;

        remote_hello(sender);
        remote_hello(receiver);
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 60; i++)
                seen_add_signal(&bytes, i + 10, ":1.1", 8, 0);
        before = tally_read(&fixture->shards[0].n_flushes) +
                 tally_read(&fixture->shards[1].n_flushes);
        assert_int_equal(remote_write(sender, bytes.data, bytes.size, 0), bytes.size);
        for (uint32_t i = 0; i < 60; i++)
                assert_int_equal(remote_await(receiver)->serial, i + 10);
        assert_int_equal(tally_read(&fixture->shards[0].n_flushes) +
                                 tally_read(&fixture->shards[1].n_flushes),
                         before + 1);
        marshal_deinit(&bytes);
        remote_free(sender);
        remote_free(receiver);
}

/* More messages than one sendmsg takes vectors for, to one who does not read for a while; all of
 * them arrive, and hardly a buffer stays pinned meanwhile. */
static void test_peer_non_reader_pins_few_buffers(void **state)
{
        PeerFixture *fixture = *state;
        Shard *shard = &fixture->shards[0];
        Remote *sender = remote_new(fixture, 0, true), *receiver = remote_new(fixture, 0, true);
        Marshal bytes;

        remote_hello(sender);
        remote_hello(receiver);
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 2500; i++)
                seen_add_signal(&bytes, i + 10, ":1.1", i % 3 ? 500 : 6000, 0);
        remote_write_all(sender, bytes.data, bytes.size);
        peer_fixture_settle(fixture, 20);
        assert_true(endpoint_queued_bytes(&receiver->peer->endpoint) > 2 * SIZE_1M);
        /* The backend itself may hold buffers for the kernel to fill. */
        remote_free(sender);
        PEER_FIXTURE_UNTIL(fixture, shard->n_peers == 1);
        /* Large bodies that are pushed while less than 64 KiB waits lie where they were received.
         */
        PEER_FIXTURE_UNTIL(fixture,
                           io_backend(shard->io) == IO_BACKEND_URING ||
                                   io_buffers_free(shard->io) == io_buffers_total(shard->io));
        for (uint32_t i = 0; i < 2500; i++)
                assert_int_equal(remote_await(receiver)->serial, i + 10);
        marshal_deinit(&bytes);
        remote_free(receiver);
}

/* Of a broadcast to more than sixteen receivers each one's own shard flushes. Everybody gets
 * everything in order. */
static void test_peer_duties_change_hands(void **state)
{
        enum { WIDE = 40 };
        PeerFixture *fixture = *state;
        Remote *sender = remote_new(fixture, 0, true), *receivers[WIDE];
        uint64_t n_flushes;
        Marshal bytes;

        remote_hello(sender);
        for (int i = 0; i < WIDE; i++) {
                receivers[i] = remote_new(fixture, 1, true);
                remote_hello(receivers[i]);
                remote_call(receivers[i], "AddMatch", "s", "member=M");
                assert_int_equal(remote_await(receivers[i])->type, RAWMESSAGE_RETURN);
        }
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 300; i++)
                seen_add_signal(&bytes, i + 10, NULL, i % 5 * 100, 0);
        fixture->n_handed = 0;
        n_flushes = tally_read(&fixture->shards[0].n_flushes);
        remote_write_all(sender, bytes.data, bytes.size);
        for (uint32_t i = 0; i < 300; i++)
                for (int j = 0; j < WIDE; j++)
                        assert_int_equal(remote_await(receivers[j])->serial, i + 10);
        assert_true(fixture->n_handed >= WIDE);
        assert_int_equal(tally_read(&fixture->shards[0].n_flushes), n_flushes);
        marshal_deinit(&bytes);
        for (int i = 0; i < WIDE; i++)
                remote_free(receivers[i]);
        remote_free(sender);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                PEER_TEST(test_peer_account_limit_of_one_makes_progress),
                PEER_TEST(test_peer_slow_receiver_stops_its_sender_only),
                PEER_TEST(test_peer_slow_receiver_leaves_sender_goes_on),
                PEER_TEST(test_peer_end_of_stream_while_paused),
                PEER_TEST(test_peer_output_is_coalesced),
                PEER_TEST(test_peer_non_reader_pins_few_buffers),
                PEER_TEST(test_peer_duties_change_hands),
        };

        return peer_tests_run("peer output", tests, ARRAY_SIZE(tests));
}
