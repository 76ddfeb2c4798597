/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory on a peer's account: that peer ends, instead of waiting for an answer that never
 * comes; others notice nothing.
 *
 * EXCEPTION: __wrap_ and __real_ are the linker's names.
 */
#include "tests/unit/peer_tests.h"

static bool fails; /* pools have no memory */
static unsigned n_failures;

__typeof__(pool_alloc) __real_pool_alloc, __wrap_pool_alloc;
void *__wrap_pool_alloc(Pool *pool, size_t size)
{
        if (!fails)
                return __real_pool_alloc(pool, size);
        n_failures++;
        return NULL;
}

static void expect_ended(PeerFixture *fixture, Remote *remote)
{
        for (int i = 0; i < 1000 && !remote->ended; i++) {
                peer_fixture_settle(fixture, 1);
                remote_pump(remote);
        }
        assert_true(remote->ended);
}

/* A call without memory ends its caller; `other`, who calls afterwards, is served. */
static void expect_end(PeerFixture *fixture, Remote *other, const char *member,
                       const char *signature, const char *text, unsigned flags)
{
        Remote *caller = remote_new(fixture, 0, true);

        remote_hello(caller);
        n_failures = 0;
        fails = true;
        if (!signature)
                remote_call(caller, member, NULL);
        else if (strcmp(signature, "su") == 0)
                remote_call(caller, member, signature, text, flags);
        else
                remote_call(caller, member, signature, text);
        PEER_FIXTURE_UNTIL(fixture, n_failures > 0);
        peer_fixture_settle(fixture, 5);
        fails = false;
        expect_ended(fixture, caller);
        remote_call(other, "GetId", NULL);
        assert_int_equal(remote_await(other)->reply_serial, other->serial);
        remote_free(caller);
}

static void test_peer_memory_caller_without_answer_ends(void **state)
{
        PeerFixture *fixture = *state;
        Remote *other = remote_new(fixture, 1, true);

        remote_hello(other);
        expect_end(fixture, other, "GetId", NULL, NULL, 0);
        expect_end(fixture, other, "ListNames", NULL, NULL, 0);
        expect_end(fixture, other, "GetNameOwner", "s", "t.Absent", 0);
        expect_end(fixture, other, "GetConnectionCredentials", "s", "org.freedesktop.DBus", 0);
        expect_end(fixture, other, "RequestName", "su", "t.Name", 0);
        expect_end(fixture, other, "AddMatch", "s", "type='signal'", 0);
        expect_end(fixture, other, "NoSuchMethod", NULL, NULL, 0);
        remote_free(other);
}

/* A frame in pieces needs memory for its assembly. */
static void test_peer_memory_message_that_cannot_be_assembled_ends_its_sender(void **state)
{
        PeerFixture *fixture = *state;
        Remote *sender = remote_new(fixture, 0, true), *other = remote_new(fixture, 0, true);
        Marshal bytes;

        remote_hello(sender);
        remote_hello(other);
        marshal_init(&bytes, false);
        seen_add_signal(&bytes, 1, ":1.9", 100, 0);
        fails = true;
        remote_write_all(sender, bytes.data, 40);
        expect_ended(fixture, sender);
        fails = false;
        remote_call(other, "GetId", NULL);
        assert_int_equal(remote_await(other)->reply_serial, other->serial);
        marshal_deinit(&bytes);
        remote_free(sender);
        remote_free(other);
}

/* `caller` has called `callee`, who has got the call. */
static void call_peer(PeerFixture *fixture, Remote *caller, Remote *callee)
{
        const RawHeader call = {.type = RAWMESSAGE_CALL,
                                .serial = 77,
                                .path = "/t",
                                .member = "M",
                                .destination = callee->peer->endpoint.unique_name};
        Marshal bytes;

        marshal_init(&bytes, false);
        rawmessage_build(&call, NULL, &bytes);
        remote_write_all(caller, bytes.data, bytes.size);
        marshal_deinit(&bytes);
        assert_string_equal(remote_await(callee)->member, "M");
        peer_fixture_settle(fixture, 3);
}

/* NoReply is due to the caller, and there is no memory for it: whoever notices, another thread too,
 * ends the caller's connection. */
static void test_peer_memory_caller_whose_callee_leaves_ends(void **state)
{
        PeerFixture *fixture = *state;

        for (unsigned shard = 0; shard < fixture->n_shards; shard++) {
                Remote *caller = remote_new(fixture, 0, true);
                Remote *callee = remote_new(fixture, shard, true);

                remote_hello(caller);
                remote_hello(callee);
                call_peer(fixture, caller, callee);
                fails = true;
                n_failures = 0;
                remote_free(callee);
                PEER_FIXTURE_UNTIL(fixture, n_failures > 0);
                peer_fixture_settle(fixture, 5);
                fails = false;
                expect_ended(fixture, caller);
                remote_free(caller);
        }
}

static void test_peer_memory_caller_whose_time_is_over_ends(void **state)
{
        PeerFixture *fixture = *state;
        Remote *caller = remote_new(fixture, 0, true), *callee = remote_new(fixture, 1, true);
        uint64_t timeout_ms = 20;

        remote_hello(caller);
        remote_hello(callee);
        /* Longer on a busy machine, where it is over before there is no memory left. */
        for (bool is_over = true; is_over; timeout_ms *= 2) {
                fixture->root->limits.reply_timeout_ms = timeout_ms;
                call_peer(fixture, caller, callee);
                remote_pump(caller);
                is_over = remote_next(caller) != NULL;
                assert_true(!is_over || caller->last->type == RAWMESSAGE_ERROR);
        }
        fails = true;
        n_failures = 0;
        PEER_FIXTURE_UNTIL(fixture, n_failures > 0);
        peer_fixture_settle(fixture, 5);
        fails = false;
        expect_ended(fixture, caller);
        remote_free(caller);
        remote_free(callee);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                PEER_TEST(test_peer_memory_caller_without_answer_ends),
                PEER_TEST(test_peer_memory_message_that_cannot_be_assembled_ends_its_sender),
                PEER_TEST(test_peer_memory_caller_whose_callee_leaves_ends),
                PEER_TEST(test_peer_memory_caller_whose_time_is_over_ends),
        };

        return peer_tests_run("peer memory", tests, ARRAY_SIZE(tests));
}
