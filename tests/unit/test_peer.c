/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection's input and output, on both backends: frames cut anywhere, large bodies, pauses,
 * ends, coalesced and partial sends, fds, duties that change hands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/base/clock.h"
#include "tests/unit/peer_fixture.h"

enum { BUFFERS = 64, SIZE_1M = 1 << 20 };

static IoBackend backend;

static int setup(void **state)
{
        *state = peer_fixture_new(backend, 2, BUFFERS);
        return 0;
}

static int teardown(void **state)
{
        peer_fixture_free(*state);
        return 0;
}

/* What a test's own handler notes. */
typedef struct Seen {
        unsigned n;
        uint32_t serials[512];
        uint64_t sum; /* of all body bytes */
        size_t body_size;
        unsigned n_buffered; /* messages that lay whole in a receive buffer */
        unsigned n_fds;
} Seen;

static void note_message(PeerFixture *fixture, Peer *peer, Incoming *incoming)
{
        Seen *seen = fixture->context;
        const uint8_t *body = incoming_body(incoming);

        (void)peer;
        if (seen->n < 512)
                seen->serials[seen->n] = incoming->header.frame.serial;
        seen->n++;
        seen->body_size = incoming->header.frame.body_size;
        for (size_t i = 0; i < seen->body_size; i++)
                seen->sum += body[i];
        seen->n_buffered += incoming->buffer != NULL;
        seen->n_fds += incoming->header.n_unix_fds;
}

/* Appends a signal with a byte array of `size` to `bytes`; returns the sum of its body's bytes. */
static uint64_t add_signal(Marshal *bytes, uint32_t serial, const char *destination, uint32_t size,
                           uint32_t n_fds)
{
        RawHeader header = {.type = RAWMESSAGE_SIGNAL, .serial = serial, .path = "/a",
                            .interface = "a.b", .member = "M", .destination = destination,
                            .signature = "ay", .unix_fds = n_fds};
        Marshal body, message;
        uint64_t sum = 0;

        marshal_init(&body, false);
        marshal_init(&message, false);
        marshal_u32(&body, size);
        for (uint32_t i = 0; i < size; i++)
                marshal_u8(&body, (uint8_t)(i * 31 + serial));
        for (size_t i = 0; i < body.size; i++)
                sum += body.data[i];
        rawmessage_build(&header, &body, &message);
        marshal_bytes(bytes, message.data, message.size);
        marshal_deinit(&body);
        marshal_deinit(&message);
        return sum;
}

static void test_peer_frames_are_cut_at_every_split_point(void **state)
{
        PeerFixture *fixture = *state;
        Remote *remote = remote_new(fixture, 0, true);
        Seen seen = {0};
        Marshal bytes;
        uint64_t sum;

        fixture->on_message = note_message;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        sum = add_signal(&bytes, 1, ":1.9", 5, 0);
        sum += add_signal(&bytes, 2, ":1.9", 0, 0);
        sum += add_signal(&bytes, 3, ":1.9", 13, 0);
        for (size_t split = 1; split < bytes.size; split++) {
                seen = (Seen){0};
                remote_write_all(remote, bytes.data, split);
                peer_fixture_settle(fixture, 2);
                remote_write_all(remote, bytes.data + split, bytes.size - split);
                PEER_FIXTURE_UNTIL(fixture, seen.n == 3);
                assert_int_equal(seen.serials[0], 1);
                assert_int_equal(seen.serials[1], 2);
                assert_int_equal(seen.serials[2], 3);
                assert_int_equal(seen.sum, sum);
        }
        marshal_deinit(&bytes);
        remote_free(remote);
}

static void test_peer_single_bytes(void **state)
{
        PeerFixture *fixture = *state;
        Remote *remote = remote_new(fixture, 0, true);
        Seen seen = {0};
        Marshal bytes;
        uint64_t sum;

        fixture->on_message = note_message;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        sum = add_signal(&bytes, 7, ":1.9", 3, 0);
        for (size_t i = 0; i < bytes.size; i++) {
                remote_write_all(remote, bytes.data + i, 1);
                peer_fixture_settle(fixture, 2);
                assert_int_equal(seen.n, i + 1 == bytes.size);
        }
        assert_int_equal(seen.sum, sum);
        marshal_deinit(&bytes);
        remote_free(remote);
}

/* Messages of all sizes one after the other: they fall on buffer boundaries in every way. */
static void test_peer_stream_of_sizes_arrives_in_order(void **state)
{
        PeerFixture *fixture = *state;
        Remote *remote = remote_new(fixture, 0, true);
        Seen seen = {0};
        uint64_t sum = 0;
        Marshal bytes;

        fixture->on_message = note_message;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 400; i++)
                sum += add_signal(&bytes, i + 1, ":1.9", i * i % 40009, 0);
        remote_write_all(remote, bytes.data, bytes.size);
        PEER_FIXTURE_UNTIL(fixture, seen.n == 400);
        for (uint32_t i = 0; i < 400; i++)
                assert_int_equal(seen.serials[i], i + 1);
        assert_int_equal(seen.sum, sum);
        assert_true(seen.n_buffered > 0 && seen.n_buffered < 400);
        marshal_deinit(&bytes);
        remote_free(remote);
}

/* Received into place: few receives, and no more than what was missing is read that way. */
static void test_peer_large_body_is_received_into_place(void **state)
{
        PeerFixture *fixture = *state;
        Remote *remote = remote_new(fixture, 0, true);
        uint64_t sum = 0;
        Seen seen = {0};
        Marshal bytes;

        fixture->on_message = note_message;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        for (uint32_t i = 1; i <= 3; i++) {
                sum += add_signal(&bytes, 2 * i - 1, ":1.9", SIZE_1M, 0);
                sum += add_signal(&bytes, 2 * i, ":1.9", 10, 0);
        }
        remote_write_all(remote, bytes.data, bytes.size);
        PEER_FIXTURE_UNTIL(fixture, seen.n == 6);
        for (uint32_t i = 0; i < 6; i++)
                assert_int_equal(seen.serials[i], i + 1);
        assert_int_equal(seen.sum, sum);
        assert_int_equal(io_buffers_free(fixture->shards[0].io) > 0, 1);
        marshal_deinit(&bytes);
        remote_free(remote);
}

/* What the gate received already, fds included, comes first. */
static void test_peer_starts_with_the_gates_bytes(void **state)
{
        PeerFixture *fixture = *state;
        const int fds[] = {dup(0), dup(0)};
        Remote *remote;
        Seen seen = {0};
        Marshal bytes;

        fixture->on_message = note_message;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        add_signal(&bytes, 1, ":1.9", 5, 1);
        add_signal(&bytes, 2, ":1.9", 50000, 1);
        remote = remote_new_with(fixture, 0, true, bytes.data, bytes.size - 40000, fds, 2);
        assert_int_equal(seen.n, 1);
        remote_write_all(remote, bytes.data + bytes.size - 40000, 40000);
        PEER_FIXTURE_UNTIL(fixture, seen.n == 2);
        assert_int_equal(seen.n_fds, 2);
        assert_int_equal(remote->peer->input.n_fds, 0);
        marshal_deinit(&bytes);
        remote_free(remote);
}

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
                add_signal(&bytes, i + 1, ":1.1", i % 7 * 1000, 0);
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
                add_signal(&bytes, i + 10, ":1.1", 12000, 0);
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
        assert_in_range(io_buffers_total(shard->io) - io_buffers_free(shard->io), 0, BUFFERS / 2);
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

/* The receiver leaves while much is queued for it: all of it is given back and the sender goes on. */
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
                add_signal(&bytes, i + 10, ":1.1", 12000, 0);
        for (int i = 0; i < 300; i++) {
                written += remote_write(sender, bytes.data + written, bytes.size - written, 0);
                peer_fixture_turn(fixture);
        }
        assert_true(written < bytes.size);
        remote_free(receiver);
        remote_write_all(sender, bytes.data + written, bytes.size - written);
        remote_call(sender, "GetId", NULL);
        PEER_FIXTURE_UNTIL(fixture, (remote_pump(sender), remote_next(sender) != NULL &&
                                                                  sender->last->type ==
                                                                          RAWMESSAGE_RETURN));
        assert_int_equal(counter_read(&sender->peer->endpoint.account->bytes), 0);
        assert_int_equal(fixture->shards[1].n_peers, 0);
        marshal_deinit(&bytes);
        remote_free(sender);
}

/* More bytes than the budget in one go: the rest waits for the next turn, in order. */
static void test_peer_budget_lets_others_go_first(void **state)
{
        PeerFixture *fixture = *state;
        Remote *flooder = remote_new(fixture, 0, true);
        uint64_t sum = 0;
        Seen seen = {0};
        Marshal bytes;
        int size = 8 * SIZE_1M;

        setsockopt(flooder->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        fixture->on_message = note_message;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 60; i++)
                sum += add_signal(&bytes, i + 1, ":1.9", 15000, 0);
        remote_write_all(flooder, bytes.data, bytes.size);
        PEER_FIXTURE_UNTIL(fixture, seen.n == 60);
        for (uint32_t i = 0; i < 60; i++)
                assert_int_equal(seen.serials[i], i + 1);
        assert_int_equal(seen.sum, sum);
        marshal_deinit(&bytes);
        remote_free(flooder);
}

/* Each of these ends the connection at once and without a word; what came before counts. */
static void test_peer_malformed_input_closes(void **state)
{
        PeerFixture *fixture = *state;
        const struct {
                size_t at;
                uint8_t value;
        } damage[] = {
                {0, 'x'},   /* byte order */
                {1, 0},     /* type */
                {3, 2},     /* version */
                {8, 0},     /* serial (little-endian 2) */
                {15, 0xff}, /* size of the fields */
                {7, 0xff},  /* size of the body */
        };

        fixture->on_message = note_message;
        for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
                Remote *remote = remote_new(fixture, 0, true);
                Seen seen = {0};
                size_t first;
                Marshal bytes;

                fixture->context = &seen;
                marshal_init(&bytes, false);
                add_signal(&bytes, 1, ":1.9", 5, 0);
                first = bytes.size;
                add_signal(&bytes, 2, ":1.9", 5, 0);
                bytes.data[first + damage[i].at] = damage[i].value;
                add_signal(&bytes, 3, ":1.9", 5, 0);
                remote_write_all(remote, bytes.data, bytes.size);
                PEER_FIXTURE_UNTIL(fixture, (remote_pump(remote), remote->ended));
                assert_int_equal(remote->size, 0);
                assert_int_equal(seen.n, 1);
                assert_int_equal(tally_read(&fixture->shards[0].n_closed_invalid), i + 1);
                marshal_deinit(&bytes);
                remote_free(remote);
        }
}

static void test_peer_message_over_the_limit_closes(void **state)
{
        PeerFixture *fixture = *state;
        Remote *remote = remote_new(fixture, 0, true);
        Seen seen = {0};
        Marshal bytes;

        fixture->on_message = note_message;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        add_signal(&bytes, 1, ":1.9", 10000, 0);
        fixture->root->limits.max_message_size = bytes.size;
        remote_write_all(remote, bytes.data, bytes.size);
        PEER_FIXTURE_UNTIL(fixture, seen.n == 1);
        fixture->root->limits.max_message_size = bytes.size - 1;
        remote_write_all(remote, bytes.data, 16);
        PEER_FIXTURE_UNTIL(fixture, (remote_pump(remote), remote->ended));
        assert_int_equal(seen.n, 1);
        marshal_deinit(&bytes);
        remote_free(remote);
}

/* Everything that was written before the end is processed. */
static void test_peer_end_of_stream_after_data(void **state)
{
        PeerFixture *fixture = *state;

        for (size_t cut = 0; cut < 40; cut += 13) {
                Remote *remote = remote_new(fixture, 0, true);
                Seen seen = {0};
                Marshal bytes;

                fixture->on_message = note_message;
                fixture->context = &seen;
                marshal_init(&bytes, false);
                for (uint32_t i = 0; i < 100; i++)
                        add_signal(&bytes, i + 1, ":1.9", 3000, 0);
                remote_write_all(remote, bytes.data, bytes.size - cut);
                remote_free(remote);
                PEER_FIXTURE_UNTIL(fixture, fixture->shards[0].n_peers == 0);
                assert_int_equal(seen.n, cut ? 99 : 100);
                marshal_deinit(&bytes);
        }
        assert_int_equal(fixture->n_completed, 4); /* it never said Hello, but the gate is told */
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
                add_signal(&bytes, i + 10, ":1.1", 100, 0);
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
                add_signal(&bytes, i + 10, ":1.1", 8, 0);
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
 * them arrive, and no buffer stays pinned meanwhile. */
static void test_peer_non_reader_pins_no_buffer(void **state)
{
        PeerFixture *fixture = *state;
        Shard *shard = &fixture->shards[0];
        Remote *sender = remote_new(fixture, 0, true), *receiver = remote_new(fixture, 0, true);
        Marshal bytes;

        remote_hello(sender);
        remote_hello(receiver);
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 2500; i++)
                add_signal(&bytes, i + 10, ":1.1", i % 3 ? 500 : 6000, 0);
        remote_write_all(sender, bytes.data, bytes.size);
        peer_fixture_settle(fixture, 20);
        assert_true(counter_read(&receiver->peer->endpoint.queued_bytes) > 2 * SIZE_1M);
        /* The backend itself may hold buffers for the kernel to fill. */
        remote_free(sender);
        PEER_FIXTURE_UNTIL(fixture, shard->n_peers == 1);
        PEER_FIXTURE_UNTIL(fixture, backend == IO_BACKEND_URING ||
                                            io_buffers_free(shard->io) ==
                                                    io_buffers_total(shard->io));
        for (uint32_t i = 0; i < 2500; i++)
                assert_int_equal(remote_await(receiver)->serial, i + 10);
        marshal_deinit(&bytes);
        remote_free(receiver);
}

/* A message with fds goes out by itself, and the next one only when it has been read. */
static void test_peer_fds_travel_alone(void **state)
{
        enum { MANY = 20 };
        PeerFixture *fixture = *state;
        Remote *sender = remote_new(fixture, 0, true), *receiver = remote_new(fixture, 1, true);

        remote_hello(sender);
        remote_hello(receiver);
        for (uint32_t i = 0; i < MANY; i++) {
                Marshal bytes;

                marshal_init(&bytes, false);
                add_signal(&bytes, 2 * i + 10, ":1.1", 3, i % 3);
                add_signal(&bytes, 2 * i + 11, ":1.1", 3, 0);
                assert_int_equal(remote_write(sender, bytes.data, bytes.size, i % 3), bytes.size);
                marshal_deinit(&bytes);
        }
        peer_fixture_settle(fixture, 10);
        for (uint32_t i = 0; i < 2 * MANY; i++) {
                const RawMessage *message = remote_await(receiver);

                assert_int_equal(message->serial, i + 10);
                assert_int_equal(message->unix_fds, i % 2 ? 0 : i / 2 % 3);
        }
        assert_int_equal(receiver->n_fds, 19); /* 0 1 2 0 1 2 ... */
        assert_int_equal(receiver->n_reads_with_fds, 13);
        assert_int_equal(counter_read(&sender->peer->endpoint.account->fds), 0);
        remote_free(sender);
        remote_free(receiver);
}

/* At most one message with fds lies unread in a socket. */
static void test_peer_fds_wait_for_a_reader(void **state)
{
        PeerFixture *fixture = *state;
        Remote *sender = remote_new(fixture, 0, true), *receiver = remote_new(fixture, 0, true);
        unsigned n;

        remote_hello(sender);
        remote_hello(receiver);
        for (uint32_t i = 0; i < 10; i++) {
                Marshal bytes;

                marshal_init(&bytes, false);
                add_signal(&bytes, i + 10, ":1.1", 3, 2);
                assert_int_equal(remote_write(sender, bytes.data, bytes.size, 2), bytes.size);
                marshal_deinit(&bytes);
        }
        peer_fixture_settle(fixture, 50);
        n = fixture->shards[0].n_parked;
        assert_int_equal(n, 1);
        assert_in_range(counter_read(&receiver->peer->endpoint.queued_fds), 18, 20);
        for (uint32_t i = 0; i < 10; i++)
                assert_int_equal(remote_await(receiver)->serial, i + 10);
        assert_int_equal(receiver->n_fds, 20);
        PEER_FIXTURE_UNTIL(fixture, fixture->shards[0].n_parked == 0);
        remote_free(sender);
        remote_free(receiver);
}

/* fds that no message claims, or that did not come. */
static void test_peer_fds_must_have_come(void **state)
{
        PeerFixture *fixture = *state;
        Remote *remote = remote_new(fixture, 0, true);
        Seen seen = {0};
        Marshal bytes;

        fixture->on_message = note_message;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        add_signal(&bytes, 1, ":1.9", 3, 2);
        assert_int_equal(remote_write(remote, bytes.data, bytes.size, 3), bytes.size);
        PEER_FIXTURE_UNTIL(fixture, seen.n == 1);
        assert_int_equal(remote->peer->input.n_fds, 1); /* stays in the queue */
        assert_int_equal(remote_write(remote, bytes.data, bytes.size, 0), bytes.size);
        PEER_FIXTURE_UNTIL(fixture, (remote_pump(remote), remote->ended));
        assert_int_equal(seen.n, 1);
        marshal_deinit(&bytes);
        remote_free(remote);
}

/* fds that wait for their message do so for a limited time, also those that came with Hello. */
static void test_peer_fds_without_message_time_out(void **state)
{
        PeerFixture *fixture = *state;

        fixture->root->limits.pending_fd_timeout_ms = 50;
        for (int with_hello = 0; with_hello < 2; with_hello++) {
                Remote *remote = remote_new(fixture, 0, true);
                Marshal bytes;

                marshal_init(&bytes, false);
                if (with_hello) {
                        RawHeader hello = {.type = RAWMESSAGE_CALL, .serial = 1, .path = "/",
                                           .member = "Hello",
                                           .destination = "org.freedesktop.DBus"};

                        rawmessage_build(&hello, NULL, &bytes);
                } else {
                        remote_hello(remote);
                        add_signal(&bytes, 9, ":1.0", 3, 0);
                }
                assert_int_equal(remote_write(remote, bytes.data, bytes.size, 1), bytes.size);
                PEER_FIXTURE_UNTIL(fixture, (remote_pump(remote), remote->ended));
                marshal_deinit(&bytes);
                remote_free(remote);
        }
}

/* Hello in time, or the end. */
static void test_peer_close_ends_both_directions(void **state)
{
        PeerFixture *fixture = *state;
        Remote *remote = remote_new(fixture, 0, true), *other = remote_new(fixture, 1, true);

        remote_hello(remote);
        remote_hello(other);
        remote_call(other, "AddMatch", "s", "member=NameOwnerChanged");
        assert_int_equal(remote_await(other)->type, RAWMESSAGE_RETURN);
        peer_close(remote->peer);
        assert_string_equal(remote_await(other)->member, "NameOwnerChanged");
        PEER_FIXTURE_UNTIL(fixture, (remote_pump(remote), remote->ended));
        assert_int_equal(fixture->shards[0].n_peers, 0);
        remote_free(remote);
        remote_free(other);
}

/* A sender's shard flushes receivers of the other shard, up to sixteen of a broadcast; the rest is
 * flushed at home. Everybody gets everything in order. */
static void test_peer_duties_change_hands(void **state)
{
        enum { WIDE = 40 };
        PeerFixture *fixture = *state;
        Remote *sender = remote_new(fixture, 0, true), *receivers[WIDE];
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
                add_signal(&bytes, i + 10, NULL, i % 5 * 100, 0);
        fixture->n_handed = 0;
        remote_write_all(sender, bytes.data, bytes.size);
        for (uint32_t i = 0; i < 300; i++)
                for (int j = 0; j < WIDE; j++)
                        assert_int_equal(remote_await(receivers[j])->serial, i + 10);
        assert_true(fixture->n_handed >= WIDE - ROUTER_DUTIES_MAX);
        assert_true(tally_read(&fixture->shards[0].n_flushes) > 1);
        marshal_deinit(&bytes);
        for (int i = 0; i < WIDE; i++)
                remote_free(receivers[i]);
        remote_free(sender);
}

#define PEER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                PEER_TEST(test_peer_frames_are_cut_at_every_split_point),
                PEER_TEST(test_peer_single_bytes),
                PEER_TEST(test_peer_stream_of_sizes_arrives_in_order),
                PEER_TEST(test_peer_large_body_is_received_into_place),
                PEER_TEST(test_peer_starts_with_the_gates_bytes),
                PEER_TEST(test_peer_account_limit_of_one_makes_progress),
                PEER_TEST(test_peer_slow_receiver_stops_its_sender_only),
                PEER_TEST(test_peer_slow_receiver_leaves_sender_goes_on),
                PEER_TEST(test_peer_budget_lets_others_go_first),
                PEER_TEST(test_peer_malformed_input_closes),
                PEER_TEST(test_peer_message_over_the_limit_closes),
                PEER_TEST(test_peer_end_of_stream_after_data),
                PEER_TEST(test_peer_end_of_stream_while_paused),
                PEER_TEST(test_peer_output_is_coalesced),
                PEER_TEST(test_peer_non_reader_pins_no_buffer),
                PEER_TEST(test_peer_fds_travel_alone),
                PEER_TEST(test_peer_fds_wait_for_a_reader),
                PEER_TEST(test_peer_fds_must_have_come),
                PEER_TEST(test_peer_fds_without_message_time_out),
                PEER_TEST(test_peer_close_ends_both_directions),
                PEER_TEST(test_peer_duties_change_hands),
        };
        int failed;

        backend = IO_BACKEND_EPOLL;
        failed = cmocka_run_group_tests_name("peer, epoll", tests, NULL, NULL);
        backend = IO_BACKEND_URING;
        return failed + cmocka_run_group_tests_name("peer, io_uring", tests, NULL, NULL);
}
