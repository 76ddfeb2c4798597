/* SPDX-License-Identifier: Apache-2.0 */
/* Replies owed: every order of expecting, assigning, consuming, settling, sealing and leaving. */
#include <stdlib.h>

#include "broker/router/replies.h"
#include "tests/unit/router_fixture.h"

static unsigned n_answered;
static uint32_t last_answered;

static void note_answer(RouterThread *thread, Endpoint *caller, uint32_t serial)
{
        (void)thread;
        (void)caller;
        n_answered++;
        last_answered = serial;
}

static RepliesResult expect(Actor *caller, const Actor *callee, uint32_t serial, Owed **ret_owed)
{
        return replies_expect(caller->thread, &caller->endpoint, callee->endpoint.id, serial,
                              ret_owed);
}

/* A call from `caller` to `callee` that is on its way. */
static void call(Actor *caller, Actor *callee, uint32_t serial)
{
        Owed *owed;

        assert_int_equal(expect(caller, callee, serial, &owed), REPLIES_OK);
        assert_true(replies_assign(caller->thread, owed, &callee->endpoint));
}

static bool consume(Actor *callee, Actor *caller, uint32_t serial)
{
        return replies_consume(callee->thread, &callee->endpoint, &caller->endpoint, serial);
}

static uint64_t owed_to(const Actor *caller)
{
        return counter_read(&caller->endpoint.n_owed_to);
}

static void test_replies_call_is_consumed_once(void **state)
{
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 1);

        call(a, b, 5);
        assert_int_equal(owed_to(a), 1);
        assert_true(consume(b, a, 5));
        assert_int_equal(owed_to(a), 0);
        assert_false(consume(b, a, 5));
}

/* Only the callee, only that caller, only that serial. */
static void test_replies_others_consume_nothing(void **state)
{
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 1), *c = actor_join(*state, 0);

        call(a, b, 5);
        assert_false(consume(c, a, 5));
        assert_false(consume(b, c, 5));
        assert_false(consume(b, a, 6));
        assert_false(consume(a, b, 5));
        assert_int_equal(owed_to(a), 1);
        assert_true(consume(b, a, 5));
}

static void test_replies_duplicate_serial_is_refused_while_outstanding(void **state)
{
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 1), *c = actor_join(*state, 1);
        Owed *owed = NULL;

        call(a, b, 5);
        assert_int_equal(expect(a, b, 5, &owed), REPLIES_DUPLICATE);
        assert_null(owed);
        assert_int_equal(owed_to(a), 1);
        assert_true(consume(b, a, 5));
        call(a, b, 5);
        assert_true(consume(b, a, 5));
        /* The same serial from somebody else, or to somebody else, is no duplicate. */
        call(a, c, 9);
        call(a, b, 9);
        call(b, a, 9);
        assert_true(consume(a, b, 9));
        assert_true(consume(b, a, 9));
        assert_false(consume(b, a, 9));
        assert_true(consume(c, a, 9));
}

static void test_replies_limit_counts_outstanding_ones_only(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);
        Owed *owed = NULL;

        fixture->root->limits.max_replies_per_connection = 100;
        for (uint32_t serial = 1; serial <= 100; serial++) {
                assert_int_equal(expect(a, b, serial, &owed), REPLIES_OK);
                assert_true(replies_assign(a->thread, owed, &b->endpoint));
        }
        assert_int_equal(expect(a, b, 101, &owed), REPLIES_TOO_MANY);
        assert_int_equal(expect(a, b, 50, &owed), REPLIES_DUPLICATE); /* asked first */
        assert_true(consume(b, a, 70));
        assert_int_equal(expect(a, b, 101, &owed), REPLIES_OK);
        assert_true(replies_assign(a->thread, owed, &b->endpoint));
        assert_int_equal(expect(a, b, 102, &owed), REPLIES_TOO_MANY);
}

/* A record that was settled elsewhere (a refusal, a time-out) is dead for the reply. */
static void test_replies_settled_record_is_not_consumed(void **state)
{
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 1);
        Owed *first, *second;

        assert_int_equal(expect(a, b, 5, &first), REPLIES_OK);
        assert_true(replies_assign(a->thread, first, &b->endpoint));
        assert_true(replies_settle(first));
        assert_false(replies_settle(first));
        assert_int_equal(owed_to(a), 0);
        /* The serial may be used again while the dead record still lies in both tables. */
        assert_int_equal(expect(a, b, 5, &second), REPLIES_OK);
        assert_true(replies_assign(a->thread, second, &b->endpoint));
        assert_true(consume(b, a, 5));
        assert_false(consume(b, a, 5));
}

static void test_replies_seal_answers_what_is_owed(void **state)
{
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 1), *c = actor_join(*state, 0);
        Owed *owed;

        n_answered = 0;
        call(a, b, 1);
        call(a, b, 2);
        call(c, b, 3);
        assert_true(consume(b, a, 1)); /* collects: one lies in the table, the next on the list */
        call(a, b, 4);
        assert_int_equal(expect(a, b, 5, &owed), REPLIES_OK);
        replies_seal(b->thread, &b->endpoint, note_answer);
        assert_int_equal(n_answered, 3);
        assert_int_equal(owed_to(c), 0);
        assert_int_equal(owed_to(a), 1);
        assert_false(replies_assign(a->thread, owed,
                                    &b->endpoint)); /* too late: the caller's own worker answers */
        assert_true(replies_settle(owed));
        replies_unref(&a->thread->pool, owed);
        owed_list_init(&b->endpoint.owed_incoming); /* b lives on, for the teardown */
}

static void test_replies_seal_skips_what_is_settled(void **state)
{
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 1);
        Owed *owed;

        n_answered = 0;
        assert_int_equal(expect(a, b, 1, &owed), REPLIES_OK);
        assert_true(replies_assign(a->thread, owed, &b->endpoint));
        call(a, b, 2);
        assert_true(replies_settle(owed));
        replies_seal(b->thread, &b->endpoint, note_answer);
        assert_int_equal(n_answered, 1);
        assert_int_equal(last_answered, 2);
        owed_list_init(&b->endpoint.owed_incoming);
}

/* The caller leaves first: nobody is answered, nothing is freed twice. */
static void test_replies_caller_leaves_then_callee(void **state)
{
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 1), *c = actor_join(*state, 0);

        call(a, b, 1);
        call(c, b, 1);
        assert_true(consume(b, c, 1));
        call(a, b, 2);
        actor_leave(a);
        router_fixture_reclaim(*state);
        assert_int_equal(actor_drop(c), 0);
        actor_leave(b);
        assert_int_equal(actor_drop(c), 0);
}

static void test_replies_call_to_oneself(void **state)
{
        Actor *a = actor_join(*state, 0);

        call(a, a, 1);
        assert_true(consume(a, a, 1));
        call(a, a, 2);
        actor_leave(a); /* answers itself, which its closed mailbox refuses */
}

/* Callers that come, call somebody who answers only now and then, and go. */
static void test_replies_dead_records_do_not_pile_up(void **state)
{
        RouterFixture *fixture = *state;
        Actor *callee = actor_join(fixture, 1), *constant = actor_join(fixture, 0);

        for (uint32_t round = 0; round < 500; round++) {
                Actor *caller = actor_join(fixture, 0);

                for (uint32_t serial = 1; serial <= 40; serial++)
                        call(caller, callee, serial);
                actor_leave(caller);
                router_fixture_reclaim(fixture);
                call(constant, callee, round + 1);
                assert_true(consume(callee, constant, round + 1));
                assert_in_range(callee->endpoint.n_owes, 0, 200);
        }
}

/* One reply stays outstanding for ever; the dead ones behind it go all the same. */
static void test_replies_living_record_does_not_hold_dead_ones(void **state)
{
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 1);

        call(a, b, 1);
        for (uint32_t serial = 2; serial < 20000; serial++) {
                call(a, b, serial);
                assert_true(consume(b, a, serial));
                assert_in_range(a->endpoint.n_owed_calls, 1, 64);
                assert_in_range(b->endpoint.n_owes, 1, 64);
        }
        assert_true(consume(b, a, 1));
}

static void test_replies_fifty_thousand_outstanding(void **state)
{
        enum { MANY = 50000 };
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 1);
        uint32_t serial = 1;

        for (uint32_t i = 1; i <= MANY; i++)
                call(a, b, i * 64); /* the low bits do not differ */
        assert_int_equal(owed_to(a), MANY);
        for (uint32_t i = 0; i < MANY;
             i++) { /* 7919 and 50000 have no common factor: all, shuffled */
                assert_true(consume(b, a, serial * 64));
                serial = (serial + 7919 - 1) % MANY + 1;
        }
        assert_int_equal(owed_to(a), 0);
        for (uint32_t i = 1; i <= MANY; i++)
                call(a, b, i);
        n_answered = 0;
        replies_seal(b->thread, &b->endpoint, note_answer);
        assert_int_equal(n_answered, MANY);
        owed_list_init(&b->endpoint.owed_incoming);
}

/* Callers that come, call somebody who never says a word, and go: their records must not pile up.
 */
static void test_replies_silent_callee_does_not_pile_up_records(void **state)
{
        RouterFixture *fixture = *state;
        Actor *callee = actor_join(fixture, 1);
        unsigned n = 0;

        for (uint32_t round = 0; round < 500; round++) {
                Actor *caller = actor_join(fixture, 0);

                for (uint32_t serial = 1; serial <= 40; serial++)
                        call(caller, callee, serial);
                actor_leave(caller);
                routerthread_hand_over(
                        &fixture->threads[0]); /* as a worker does after each flush */
                router_fixture_reclaim(fixture);
        }
        for (StackNode *node = atomic_load(&callee->endpoint.owed_incoming.top); node;
             node = node->next)
                n++;
        assert_in_range(n + callee->endpoint.n_owes, 0, 3000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_replies_call_is_consumed_once),
                ROUTER_TEST(test_replies_others_consume_nothing),
                ROUTER_TEST(test_replies_duplicate_serial_is_refused_while_outstanding),
                ROUTER_TEST(test_replies_limit_counts_outstanding_ones_only),
                ROUTER_TEST(test_replies_settled_record_is_not_consumed),
                ROUTER_TEST(test_replies_seal_answers_what_is_owed),
                ROUTER_TEST(test_replies_silent_callee_does_not_pile_up_records),
                ROUTER_TEST(test_replies_seal_skips_what_is_settled),
                ROUTER_TEST(test_replies_caller_leaves_then_callee),
                ROUTER_TEST(test_replies_call_to_oneself),
                ROUTER_TEST(test_replies_dead_records_do_not_pile_up),
                ROUTER_TEST(test_replies_living_record_does_not_hold_dead_ones),
                ROUTER_TEST(test_replies_fifty_thousand_outstanding),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
