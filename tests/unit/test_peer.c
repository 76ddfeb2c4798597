/* SPDX-License-Identifier: Apache-2.0 */
/* Input: frames cut anywhere, large bodies, the gate's bytes, malformed input, ends. */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/peer_tests.h"

static void test_peer_frames_are_cut_at_every_split_point(void **state)
{
        PeerFixture *fixture = *state;
        Remote *remote = remote_new(fixture, 0, true);
        Seen seen = {0};
        Marshal bytes;
        uint64_t sum;

        fixture->on_message = seen_note;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        sum = seen_add_signal(&bytes, 1, ":1.9", 5, 0);
        sum += seen_add_signal(&bytes, 2, ":1.9", 0, 0);
        sum += seen_add_signal(&bytes, 3, ":1.9", 13, 0);
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

        fixture->on_message = seen_note;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        sum = seen_add_signal(&bytes, 7, ":1.9", 3, 0);
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

        fixture->on_message = seen_note;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 400; i++)
                sum += seen_add_signal(&bytes, i + 1, ":1.9", i * i % 40009, 0);
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

        fixture->on_message = seen_note;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        for (uint32_t i = 1; i <= 3; i++) {
                sum += seen_add_signal(&bytes, 2 * i - 1, ":1.9", SIZE_1M, 0);
                sum += seen_add_signal(&bytes, 2 * i, ":1.9", 10, 0);
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

        fixture->on_message = seen_note;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        seen_add_signal(&bytes, 1, ":1.9", 5, 1);
        seen_add_signal(&bytes, 2, ":1.9", 50000, 1);
        remote = remote_new_with(fixture, 0, true,
                                 &(RemoteStart){bytes.data, bytes.size - 40000, fds, 2});
        assert_int_equal(seen.n, 1);
        remote_write_all(remote, bytes.data + bytes.size - 40000, 40000);
        PEER_FIXTURE_UNTIL(fixture, seen.n == 2);
        assert_int_equal(seen.n_fds, 2);
        assert_int_equal(remote->peer->input.n_fds, 0);
        marshal_deinit(&bytes);
        remote_free(remote);
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
        fixture->on_message = seen_note;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < 60; i++)
                sum += seen_add_signal(&bytes, i + 1, ":1.9", 15000, 0);
        remote_write_all(flooder, bytes.data, bytes.size);
        PEER_FIXTURE_UNTIL(fixture, seen.n == 60);
        for (uint32_t i = 0; i < 60; i++)
                assert_int_equal(seen.serials[i], i + 1);
        assert_int_equal(seen.sum, sum);
        marshal_deinit(&bytes);
        remote_free(flooder);
}

/* A peer that sends little does not wait for all that another has sent. */
static void test_peer_flooder_has_at_most_a_batch_before_others(void **state)
{
        enum { MANY = 400, QUIET = 5000 };
        PeerFixture *fixture = *state;
        Remote *flooder = remote_new(fixture, 0, true), *quiet = remote_new(fixture, 0, true);
        Seen seen = {0};
        Marshal bytes;
        unsigned at = 0;

        fixture->on_message = seen_note;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < MANY; i++)
                seen_add_signal(&bytes, i + 1, ":1.9", 8, 0);
        assert_int_equal(remote_write(flooder, bytes.data, bytes.size, 0), bytes.size);
        marshal_deinit(&bytes);
        marshal_init(&bytes, false);
        seen_add_signal(&bytes, QUIET, ":1.9", 8, 0);
        remote_write(quiet, bytes.data, bytes.size, 0);
        PEER_FIXTURE_UNTIL(fixture, seen.n == MANY + 1);
        while (seen.serials[at] != QUIET)
                at++;
        assert_in_range(at, 0, 2 * SHARD_PEER_MESSAGES);
        marshal_deinit(&bytes);
        remote_free(quiet);
        remote_free(flooder);
}

/* At the first message it is as if its socket had just hung up while it was paused. */
static void hang_up_at_first(PeerFixture *fixture, Peer *peer, Incoming *incoming)
{
        Seen *seen = fixture->context;

        if (seen->n == 0) {
                peer->input.pauses |= PEER_PAUSE_ACCOUNT;
                peer_hang_up(peer);
        }
        seen_note(fixture, peer, incoming);
}

/* Who is already to be looked at in the next turn may use up its share of this one. */
static void test_peer_that_hung_up_uses_up_its_share(void **state)
{
        enum { MANY = 200 };
        PeerFixture *fixture = *state;
        Remote *remote = remote_new(fixture, 0, true);
        Seen seen = {0};
        Marshal bytes;

        fixture->on_message = hang_up_at_first;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        for (uint32_t i = 0; i < MANY; i++)
                seen_add_signal(&bytes, i + 1, ":1.9", 8, 0);
        assert_int_equal(remote_write(remote, bytes.data, bytes.size, 0), bytes.size);
        PEER_FIXTURE_UNTIL(fixture, seen.n == MANY);
        for (uint32_t i = 0; i < MANY; i++)
                assert_int_equal(seen.serials[i], i + 1);
        marshal_deinit(&bytes);
        remote_free(remote);
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

        fixture->on_message = seen_note;
        for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
                Remote *remote = remote_new(fixture, 0, true);
                Seen seen = {0};
                size_t first;
                Marshal bytes;

                fixture->context = &seen;
                marshal_init(&bytes, false);
                seen_add_signal(&bytes, 1, ":1.9", 5, 0);
                first = bytes.size;
                seen_add_signal(&bytes, 2, ":1.9", 5, 0);
                bytes.data[first + damage[i].at] = damage[i].value;
                seen_add_signal(&bytes, 3, ":1.9", 5, 0);
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

        fixture->on_message = seen_note;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        seen_add_signal(&bytes, 1, ":1.9", 10000, 0);
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

                fixture->on_message = seen_note;
                fixture->context = &seen;
                marshal_init(&bytes, false);
                for (uint32_t i = 0; i < 100; i++)
                        seen_add_signal(&bytes, i + 1, ":1.9", 3000, 0);
                remote_write_all(remote, bytes.data, bytes.size - cut);
                remote_free(remote);
                PEER_FIXTURE_UNTIL(fixture, fixture->shards[0].n_peers == 0);
                assert_int_equal(seen.n, cut ? 99 : 100);
                marshal_deinit(&bytes);
        }
        assert_int_equal(fixture->n_completed, 4); /* it never said Hello, but the gate is told */
}

/* The bus ends a connection. */
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
        PEER_FIXTURE_UNTIL(fixture, fixture->shards[0].n_peers == 0);
        remote_free(remote);
        remote_free(other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                PEER_TEST(test_peer_frames_are_cut_at_every_split_point),
                PEER_TEST(test_peer_single_bytes),
                PEER_TEST(test_peer_stream_of_sizes_arrives_in_order),
                PEER_TEST(test_peer_large_body_is_received_into_place),
                PEER_TEST(test_peer_starts_with_the_gates_bytes),
                PEER_TEST(test_peer_budget_lets_others_go_first),
                PEER_TEST(test_peer_flooder_has_at_most_a_batch_before_others),
                PEER_TEST(test_peer_that_hung_up_uses_up_its_share),
                PEER_TEST(test_peer_malformed_input_closes),
                PEER_TEST(test_peer_message_over_the_limit_closes),
                PEER_TEST(test_peer_end_of_stream_after_data),
                PEER_TEST(test_peer_close_ends_both_directions),
        };

        return peer_tests_run("peer input", tests, ARRAY_SIZE(tests));
}
