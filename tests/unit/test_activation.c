/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that wait for a name's owner. */
#include <string.h>

#include "broker/router/activation.h"
#include "tests/unit/router_fixture.h"

#define NAME "com.example.Late"

/* Queues a message as the sender's worker does when nobody owns the name. */
static RepliesResult wait_for(Actor *sender, uint8_t type, uint32_t serial,
                              uint8_t flags) LOCK_UNCHECKED
{
        RouterThread *thread = sender->thread;
        Names *names = &thread->router->names;
        RawHeader header = {.type = type,
                            .serial = serial,
                            .flags = flags,
                            .path = "/a",
                            .interface = "a.b",
                            .member =
                                    sender->endpoint.unique_name[3] == '0' ? "FromZero" : "FromOne",
                            .destination = NAME};
        RepliesResult result;
        Message *message;
        Parcel parcel;
        Name *name;

        parcel_init(&parcel, sender, &header, NULL, NULL);
        message = message_new_relay(&thread->pool, &parcel.incoming, actor_name(sender), 1, true);
        assert_non_null(message);
        lock_acquire(&names->lock);
        name = names_make(names, &thread->pool, TEXT(NAME));
        assert_non_null(name);
        result = activation_wait(thread, &sender->endpoint, name, message, &parcel.incoming.header);
        if (result != REPLIES_OK)
                message_unref(&thread->pool, message, 1);
        names_drop_if_unused(names, name);
        lock_release(&names->lock);
        parcel_deinit(&parcel, sender);
        return result;
}

static RepliesResult wait_call(Actor *sender, uint32_t serial)
{
        return wait_for(sender, RAWMESSAGE_CALL, serial, 0);
}

static void fail_waiting(RouterFixture *fixture) LOCK_UNCHECKED
{
        Names *names = &fixture->router.names;
        Name *name;

        lock_acquire(&names->lock);
        name = names_find(names, TEXT(NAME));
        assert_non_null(name);
        activation_fail(&fixture->threads[2], name, "TimedOut", TEXT("too late"));
        names_drop_if_unused(names, name);
        lock_release(&names->lock);
        activation_discard(&fixture->threads[2]);
}

static void test_activation_queue_is_delivered_between_acquired_and_reply(void **state)
{
        RouterFixture *fixture = *state;
        Actor *zero = actor_join(fixture, 0), *one = actor_join(fixture, 1);
        Actor *owner = actor_join(fixture, 0);

        assert_int_equal(wait_call(zero, 1), REPLIES_OK);
        assert_int_equal(wait_for(one, RAWMESSAGE_SIGNAL, 2, 0), REPLIES_OK);
        assert_int_equal(wait_call(zero, 3), REPLIES_OK);
        assert_int_equal(wait_call(one, 1), REPLIES_OK);
        actor_add_rule(owner, "member=NameOwnerChanged");
        assert_int_equal(actor_request(owner, NAME, 0), OWNERSHIP_OK);
        actor_expect(owner, "signal NameOwnerChanged " NAME ",,:1.2");
        actor_expect(owner, "signal NameAcquired " NAME);
        actor_expect(owner, "call FromZero");
        actor_expect(owner, "signal FromOne");
        actor_expect(owner, "call FromZero");
        actor_expect(owner, "call FromOne");
        actor_expect(owner, "return %u 1", owner->serial);
        actor_expect_nothing(owner);
        actor_expect_nothing(zero);
}

/* Each call gets exactly one answer: the owner's reply, */
static void test_activation_delivered_call_is_owed_by_the_owner(void **state)
{
        RouterFixture *fixture = *state;
        Actor *zero = actor_join(fixture, 0), *one = actor_join(fixture, 1);
        Actor *owner = actor_join(fixture, 1);

        wait_call(zero, 1);
        wait_call(zero, 2);
        wait_for(one, RAWMESSAGE_CALL, 3, RAWMESSAGE_NO_REPLY_EXPECTED);
        assert_int_equal(counter_read(&zero->endpoint.n_owed_to), 2);
        assert_int_equal(counter_read(&one->endpoint.n_owed_to), 0);
        actor_request(owner, NAME, 0);
        assert_int_equal(actor_reply(owner, 1, ":1.0"), SEND_OK);
        actor_expect(zero, "return 1");
        assert_int_equal(counter_read(&zero->endpoint.n_owed_to), 1);
        /* or NoReply when it leaves, */
        actor_leave(owner);
        actor_expect(zero, "error 2 NoReply");
        actor_expect_nothing(zero);
        actor_expect_nothing(one);
}

/* or the error when the name never comes; signals and calls without reply just go. */
static void test_activation_failure_answers_every_call_once(void **state)
{
        RouterFixture *fixture = *state;
        Actor *zero = actor_join(fixture, 0), *one = actor_join(fixture, 1);

        wait_call(zero, 1);
        wait_for(zero, RAWMESSAGE_SIGNAL, 2, 0);
        wait_call(one, 1);
        wait_for(one, RAWMESSAGE_CALL, 2, RAWMESSAGE_NO_REPLY_EXPECTED);
        fail_waiting(fixture);
        actor_expect(zero, "error 1 TimedOut");
        actor_expect_nothing(zero);
        actor_expect(one, "error 1 TimedOut");
        actor_expect_nothing(one);
        assert_null(names_find(&fixture->router.names, TEXT(NAME)));
        assert_int_equal(counter_read(&zero->endpoint.account->bytes), 0);
}

static void test_activation_senders_that_left_are_skipped(void **state)
{
        RouterFixture *fixture = *state;
        Actor *zero = actor_join(fixture, 0), *one = actor_join(fixture, 1);
        Actor *owner = actor_join(fixture, 0);

        wait_call(zero, 1);
        wait_call(one, 1);
        wait_for(zero, RAWMESSAGE_SIGNAL, 2, 0);
        actor_leave(zero);
        router_fixture_reclaim(fixture);
        actor_request(owner, NAME, 0);
        actor_expect(owner, "signal NameAcquired " NAME);
        actor_expect(owner, "call FromOne");
        actor_expect(owner, "return %u 1", owner->serial);
        actor_expect_nothing(owner);
}

static void test_activation_failure_after_caller_left_is_harmless(void **state)
{
        RouterFixture *fixture = *state;
        Actor *zero = actor_join(fixture, 0);

        wait_call(zero, 1);
        wait_for(zero, RAWMESSAGE_SIGNAL, 2, 0);
        actor_leave(zero);
        router_fixture_reclaim(fixture);
        fail_waiting(fixture);
}

/* What waits counts as outstanding: limits and duplicate serials are judged when it is queued. */
static void test_activation_waiting_call_counts(void **state)
{
        RouterFixture *fixture = *state;
        Actor *zero = actor_join(fixture, 0), *one = actor_join(fixture, 1);

        fixture->root->limits.max_replies_per_connection = 2;
        assert_int_equal(wait_call(zero, 1), REPLIES_OK);
        assert_int_equal(wait_call(zero, 1), REPLIES_DUPLICATE);
        assert_int_equal(wait_call(zero, 2), REPLIES_OK);
        assert_int_equal(wait_call(zero, 3), REPLIES_TOO_MANY);
        assert_int_equal(actor_call(zero, 3, ":1.1"), SEND_TOO_MANY_REPLIES);
        actor_expect_nothing(one);
        fail_waiting(fixture);
        actor_expect(zero, "error 1 TimedOut");
        actor_expect(zero, "error 2 TimedOut");
        assert_int_equal(actor_call(zero, 3, ":1.1"), SEND_OK);
        actor_drop(one);
}

/* The new owner may itself be one who waits for the name. */
static void test_activation_owner_gets_its_own_message(void **state)
{
        RouterFixture *fixture = *state;
        Actor *zero = actor_join(fixture, 0);

        wait_call(zero, 7);
        actor_request(zero, NAME, 0);
        actor_expect(zero, "signal NameAcquired " NAME);
        actor_expect(zero, "call FromZero");
        actor_expect(zero, "return %u 1", zero->serial);
        assert_int_equal(actor_reply(zero, 7, ":1.0"), SEND_OK);
        actor_expect(zero, "return 7");
        assert_int_equal(counter_read(&zero->endpoint.n_owed_to), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_activation_queue_is_delivered_between_acquired_and_reply),
                ROUTER_TEST(test_activation_delivered_call_is_owed_by_the_owner),
                ROUTER_TEST(test_activation_failure_answers_every_call_once),
                ROUTER_TEST(test_activation_senders_that_left_are_skipped),
                ROUTER_TEST(test_activation_failure_after_caller_left_is_harmless),
                ROUTER_TEST(test_activation_waiting_call_counts),
                ROUTER_TEST(test_activation_owner_gets_its_own_message),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
