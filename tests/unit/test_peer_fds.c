/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors: alone on the way out, with their message on the way in. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/router/step.h"
#include "tests/unit/peer_tests.h"

/* A message with fds goes out by itself. */
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
                seen_add_signal(&bytes, 2 * i + 10, ":1.1", 3, i % 3);
                seen_add_signal(&bytes, 2 * i + 11, ":1.1", 3, 0);
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

static void send_fds(Remote *sender, uint32_t serial, const char *destination, unsigned n_fds)
{
        Marshal bytes;

        marshal_init(&bytes, false);
        seen_add_signal(&bytes, serial, destination, 3, n_fds);
        assert_int_equal(remote_write(sender, bytes.data, bytes.size, n_fds), bytes.size);
        marshal_deinit(&bytes);
}

/* One message with fds, and 32 fds behind it, lie unread in a socket; the rest waits. */
static void test_peer_fds_wait_for_a_reader(void **state)
{
        enum { MANY = 40, EACH = 2, UNREAD = 1 + 32 / EACH };
        PeerFixture *fixture = *state;
        Remote *sender = remote_new(fixture, 0, true), *receiver = remote_new(fixture, 0, true);

        remote_hello(sender);
        remote_hello(receiver);
        for (uint32_t i = 0; i < MANY; i++) {
                send_fds(sender, i + 10, ":1.1", EACH);
                peer_fixture_turn(fixture);
        }
        peer_fixture_settle(fixture, 50);
        assert_int_equal(fixture->shards[0].n_parked, 1);
        assert_int_equal(counter_read(&receiver->peer->endpoint.queued_fds),
                         (MANY - UNREAD) * EACH);
        assert_int_equal(counter_read(&fixture->router.n_fds_ahead), 32);
        for (uint32_t i = 0; i < MANY; i++)
                assert_int_equal(remote_await(receiver)->serial, i + 10);
        assert_int_equal(receiver->n_fds, MANY * EACH);
        PEER_FIXTURE_UNTIL(fixture, fixture->shards[0].n_parked == 0);
        /* It has read all: that shows with the next one. */
        send_fds(sender, 1000, ":1.1", 1);
        assert_int_equal(remote_await(receiver)->serial, 1000);
        assert_int_equal(counter_read(&fixture->router.n_fds_ahead), 0);
        remote_free(sender);
        remote_free(receiver);
}

/* Of all receivers together no more than 256 fds lie unread behind others. */
static void test_peer_fds_unread_are_few_in_all(void **state)
{
        enum { RECEIVERS = 9, EACH = 2, MESSAGES = 18 }; /* 17 without the bound */
        PeerFixture *fixture = *state;
        Remote *sender = remote_new(fixture, 0, true), *receivers[RECEIVERS];
        char name[16];

        remote_hello(sender);
        for (unsigned i = 0; i < RECEIVERS; i++) {
                receivers[i] = remote_new(fixture, i % 2, true);
                remote_hello(receivers[i]);
        }
        for (unsigned i = 0; i < RECEIVERS * MESSAGES; i++) {
                snprintf(name, sizeof(name), ":1.%u", 1 + i % RECEIVERS);
                send_fds(sender, i + 10, name, EACH);
                peer_fixture_turn(fixture);
        }
        peer_fixture_settle(fixture, 50);
        assert_int_equal(counter_read(&fixture->router.n_fds_ahead), 256);
        for (unsigned i = 0; i < RECEIVERS * MESSAGES; i++)
                assert_int_equal(remote_await(receivers[i % RECEIVERS])->serial, i + 10);
        for (unsigned i = 0; i < RECEIVERS; i++)
                remote_free(receivers[i]);
        PEER_FIXTURE_UNTIL(fixture, (peer_fixture_reclaim(fixture),
                                     counter_read(&fixture->router.n_fds_ahead) == 0));
        remote_free(sender);
}

static Endpoint *held_for;
static Message *held;

/* It lies in the receiver's mailbox, but not in those of all for whom it is meant. */
static void hold_message(PeerFixture *fixture, Peer *peer, Incoming *incoming)
{
        RouterThread *thread = &fixture->shards[0].thread;

        held = message_new_relay(&thread->pool, incoming, endpoint_name(&peer->endpoint), 1, true);
        assert_non_null(held);
        message_join_step(held, held);
        message_ref(held, 1);
        router_load_root(thread);
        assert_true(step_is_pushed(step_deliver(thread, held_for, held, NULL, STEP_PLAIN)));
}

/* Each turn tries to send it; its fds are counted when they go. */
static void test_peer_fds_that_may_not_be_sent_yet_are_not_counted(void **state)
{
        PeerFixture *fixture = *state;
        Remote *sender = remote_new(fixture, 0, true), *receiver = remote_new(fixture, 0, true);

        remote_hello(sender);
        remote_hello(receiver);
        send_fds(sender, 10, ":1.1", 1);
        peer_fixture_settle(fixture, 10);
        held_for = &receiver->peer->endpoint;
        fixture->on_message = hold_message;
        send_fds(sender, 11, ":1.1", 1);
        PEER_FIXTURE_UNTIL(fixture, held != NULL);
        fixture->on_message = NULL;
        for (unsigned i = 0; i < 10; i++) {
                peer_fixture_turn(fixture);
                assert_int_equal(counter_read(&fixture->router.n_fds_ahead), 0);
        }
        commit_set(&held->commit);
        message_unref(&fixture->shards[0].thread.pool, held, 1);
        held = NULL;
        PEER_FIXTURE_UNTIL(fixture, counter_read(&receiver->peer->endpoint.queued_fds) == 0);
        assert_int_equal(counter_read(&fixture->router.n_fds_ahead), 1);
        assert_int_equal(remote_await(receiver)->serial, 10);
        assert_int_equal(remote_await(receiver)->serial, 11);
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

        fixture->on_message = seen_note;
        fixture->context = &seen;
        marshal_init(&bytes, false);
        seen_add_signal(&bytes, 1, ":1.9", 3, 2);
        assert_int_equal(remote_write(remote, bytes.data, bytes.size, 3), bytes.size);
        PEER_FIXTURE_UNTIL(fixture, seen.n == 1);
        assert_int_equal(remote->peer->input.n_fds, 1); /* stays in the queue */
        assert_int_equal(remote_write(remote, bytes.data, bytes.size, 0), bytes.size);
        PEER_FIXTURE_UNTIL(fixture, (remote_pump(remote), remote->ended));
        assert_int_equal(seen.n, 1);
        marshal_deinit(&bytes);
        remote_free(remote);
}

/* fds that wait for their message do so for a limited time, */
static void test_peer_fds_without_message_time_out(void **state)
{
        PeerFixture *fixture = *state;
        Remote *remote = remote_new(fixture, 0, true);
        Marshal bytes;

        fixture->root->limits.pending_fd_timeout_ms = 50;
        remote_hello(remote);
        marshal_init(&bytes, false);
        seen_add_signal(&bytes, 9, ":1.0", 3, 0);
        assert_int_equal(remote_write(remote, bytes.data, bytes.size, 1), bytes.size);
        PEER_FIXTURE_UNTIL(fixture, (remote_pump(remote), remote->ended));
        marshal_deinit(&bytes);
        remote_free(remote);
}

/* also those that came with Hello, or before it through the gate. */
static void test_peer_fds_before_hello_time_out(void **state)
{
        PeerFixture *fixture = *state;
        RawHeader hello = {.type = RAWMESSAGE_CALL,
                           .serial = 1,
                           .path = "/",
                           .member = "Hello",
                           .destination = "org.freedesktop.DBus"};
        Remote *with, *before;
        int fd = dup(0);
        Marshal bytes;

        fixture->root->limits.pending_fd_timeout_ms = 50;
        marshal_init(&bytes, false);
        rawmessage_build(&hello, NULL, &bytes);
        with = remote_new(fixture, 0, true);
        before = remote_new_with(fixture, 0, true, &(RemoteStart){bytes.data, bytes.size, &fd, 1});
        assert_int_equal(remote_write(with, bytes.data, bytes.size, 1), bytes.size);
        PEER_FIXTURE_UNTIL(fixture, (remote_pump(with), with->ended));
        PEER_FIXTURE_UNTIL(fixture, (remote_pump(before), before->ended));
        marshal_deinit(&bytes);
        remote_free(with);
        remote_free(before);
}

int main(void)
{
        struct rlimit limit;
        const struct CMUnitTest tests[] = {
                PEER_TEST(test_peer_fds_travel_alone),
                PEER_TEST(test_peer_fds_wait_for_a_reader),
                PEER_TEST(test_peer_fds_unread_are_few_in_all),
                PEER_TEST(test_peer_fds_that_may_not_be_sent_yet_are_not_counted),
                PEER_TEST(test_peer_fds_must_have_come),
                PEER_TEST(test_peer_fds_without_message_time_out),
                PEER_TEST(test_peer_fds_before_hello_time_out),
        };

        /* Fds in flight count for the user: those of tests beside this one, too. */
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        return peer_tests_run("peer fds", tests, ARRAY_SIZE(tests));
}
