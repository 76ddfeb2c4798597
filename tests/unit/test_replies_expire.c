/* SPDX-License-Identifier: Apache-2.0 */
/* reply_timeout: which calls are settled when, by a clock that the test sets. */
#include <stdlib.h>

#include "broker/base/clock.h"
#include "broker/router/replies.h"
#include "tests/unit/router_fixture.h"

enum { TIMEOUT_MS = 10, ANSWERS_MAX = 2048 };

#define TIMEOUT_NS (TIMEOUT_MS * CLOCK_NS_PER_MS)

static uint32_t answered[ANSWERS_MAX];
static unsigned n_answered;

static void note_time_out(RouterThread *thread, Owed *owed)
{
        (void)thread;
        assert_true(n_answered < ANSWERS_MAX);
        if (replies_settle(owed))
                answered[n_answered++] = owed->serial;
}

static Actor *begin(RouterFixture *fixture)
{
        fixture->root->limits.reply_timeout_ms = TIMEOUT_MS;
        n_answered = 0;
        return actor_join(fixture, 0);
}

static void set_time(RouterFixture *fixture, uint64_t now_ns)
{
        for (int i = 0; i < 2; i++)
                fixture->threads[i].now_ns = now_ns;
}

static Owed *expect(Actor *caller, uint64_t callee_id, uint32_t serial)
{
        Owed *owed = NULL;

        assert_int_equal(
                replies_expect(caller->thread, &caller->endpoint, callee_id, serial, &owed),
                REPLIES_OK);
        return owed;
}

static void call(Actor *caller, Actor *callee, uint32_t serial)
{
        Owed *owed = expect(caller, callee->endpoint.id, serial);

        assert_true(replies_assign(caller->thread, owed, &callee->endpoint));
}

static bool consume(Actor *callee, Actor *caller, uint32_t serial)
{
        return replies_consume(callee->thread, &callee->endpoint, &caller->endpoint, serial);
}

static uint64_t expire(Actor *caller)
{
        return replies_expire(caller->thread, &caller->endpoint, note_time_out);
}

static uint64_t first_deadline(const Actor *caller)
{
        return replies_first_deadline(caller->thread, &caller->endpoint);
}

static void test_expire_calls_settles_those_that_are_due_in_order(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = begin(fixture), *b = actor_join(fixture, 1), *c = actor_join(fixture, 0);

        assert_true(first_deadline(a) == REPLIES_NEVER);
        set_time(fixture, 1000);
        call(a, b, 1);
        call(a, c, 2);
        set_time(fixture, 2000);
        call(a, b, 3);
        assert_int_equal(first_deadline(a), 1000 + TIMEOUT_NS);
        set_time(fixture, 999 + TIMEOUT_NS);
        assert_int_equal(expire(a), 1000 + TIMEOUT_NS);
        assert_int_equal(n_answered, 0);
        set_time(fixture, 1000 + TIMEOUT_NS);
        assert_int_equal(expire(a), 2000 + TIMEOUT_NS);
        assert_int_equal(n_answered, 2);
        assert_int_equal(answered[0], 1);
        assert_int_equal(answered[1], 2);
        assert_int_equal(counter_read(&a->endpoint.n_owed_to), 1);
        assert_false(consume(b, a, 1));
        assert_true(consume(b, a, 3));
        assert_true(expire(a) == REPLIES_NEVER);
        assert_int_equal(n_answered, 2);
}

static void test_expire_skips_what_was_answered(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = begin(fixture), *b = actor_join(fixture, 1);

        set_time(fixture, 1000);
        call(a, b, 1);
        call(a, b, 2);
        assert_true(consume(b, a, 1));
        set_time(fixture, 1000 + 2 * TIMEOUT_NS);
        assert_true(expire(a) == REPLIES_NEVER);
        assert_int_equal(n_answered, 1);
        assert_int_equal(answered[0], 2);
        assert_int_equal(a->endpoint.n_owed_calls, 0);
}

static void test_expire_many_leaves_some_for_the_next_time(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = begin(fixture), *b = actor_join(fixture, 1);
        unsigned n_times = 0;

        set_time(fixture, 1000);
        for (uint32_t serial = 1; serial <= 1000; serial++)
                call(a, b, serial);
        set_time(fixture, 1000 + TIMEOUT_NS);
        while (expire(a) == 1001 + TIMEOUT_NS)
                assert_in_range(++n_times, 1, 900);
        assert_true(n_times > 1);
        assert_int_equal(n_answered, 1000);
        for (uint32_t i = 0; i < 1000; i++)
                assert_int_equal(answered[i], i + 1);
        assert_int_equal(counter_read(&a->endpoint.n_owed_to), 0);
}

/* A call that waits for a service to start: its time begins when it is delivered. Others that are
 * due are not held up by it. */
static void test_expire_counts_from_delivery(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = begin(fixture), *b = actor_join(fixture, 1);
        Owed *owed;

        set_time(fixture, 1000);
        owed = expect(a, ENDPOINT_NO_ID, 1);
        assert_int_equal(first_deadline(a), 1000 + TIMEOUT_NS); /* to look again */
        set_time(fixture, 2000);
        call(a, b, 2);
        set_time(fixture, 2000 + TIMEOUT_NS);
        assert_int_equal(expire(a), 2000 + 2 * TIMEOUT_NS);
        assert_int_equal(n_answered, 1);
        assert_int_equal(answered[0], 2);
        set_time(fixture, 3000 + TIMEOUT_NS);
        assert_true(replies_assign(b->thread, owed, &b->endpoint));
        set_time(fixture, 2000 + 2 * TIMEOUT_NS);
        call(a, b, 3);
        assert_int_equal(expire(a), 3000 + 2 * TIMEOUT_NS);
        set_time(fixture, 3000 + 2 * TIMEOUT_NS);
        (void)expire(a);
        assert_int_equal(n_answered, 2);
        assert_int_equal(answered[1], 1);
        assert_true(consume(b, a, 3));
}

static void test_expire_without_a_timeout_has_no_deadline(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = begin(fixture), *b = actor_join(fixture, 1);

        fixture->root->limits.reply_timeout_ms = 0;
        set_time(fixture, 1000);
        call(a, b, 1);
        assert_true(first_deadline(a) == REPLIES_NEVER);
        set_time(fixture, UINT64_MAX / 2);
        assert_true(expire(a) == REPLIES_NEVER);
        assert_int_equal(n_answered, 0);
        assert_true(consume(b, a, 1));
}

/* What the bus says, and that the serial may be used again. */
static void test_expire_answer_is_no_reply(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = begin(fixture), *b = actor_join(fixture, 1);

        set_time(fixture, 1000);
        call(a, b, 7);
        set_time(fixture, 1000 + TIMEOUT_NS);
        (void)replies_expire(a->thread, &a->endpoint, replies_time_out);
        actor_expect(a, "error 7 NoReply");
        call(a, b, 7);
        assert_true(consume(b, a, 7));
        assert_false(consume(b, a, 7));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_expire_calls_settles_those_that_are_due_in_order),
                ROUTER_TEST(test_expire_skips_what_was_answered),
                ROUTER_TEST(test_expire_many_leaves_some_for_the_next_time),
                ROUTER_TEST(test_expire_counts_from_delivery),
                ROUTER_TEST(test_expire_without_a_timeout_has_no_deadline),
                ROUTER_TEST(test_expire_answer_is_no_reply),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
