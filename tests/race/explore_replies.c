/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/assert.h"
#include "broker/router/replies.h"
#include "tests/race/explorer.h"
#include "tests/race/router_fixture.h"

/*
 * A call whose time is over, at the moment in which its answer comes, its callee leaves or its
 * caller does: in every interleaving it has exactly one answer, none if its caller is gone, and
 * nobody uses a record that has been freed (each thread has its own pool, whose memory is taken
 * back at once).
 */
enum { CALLER = 0, CALLEE = 1, N_THREADS = 2, N_CALLS = 2, FIRST_SERIAL = 7 };

enum { CALLED_NS = 1000, LATE_NS = 10 * 1000 * 1000 };

static Fixture fixture;
static Client clients[N_THREADS];
static unsigned n_answers[N_CALLS];
static bool caller_left, callee_left;

/* No thread here takes a lock: nothing is pushed. */
void lock_init(Lock *lock)
{
        (void)lock;
}

void lock_deinit(Lock *lock)
{
        (void)lock;
}

void lock_acquire(Lock *lock) LOCK_UNCHECKED
{
        (void)lock;
}

void lock_release(Lock *lock) LOCK_UNCHECKED
{
        (void)lock;
}

static void note_answer(RouterThread *thread, Endpoint *caller, uint32_t serial)
{
        (void)thread;
        ASSERT(caller == &clients[CALLER].endpoint);
        ASSERT(serial - FIRST_SERIAL < N_CALLS);
        n_answers[serial - FIRST_SERIAL]++;
}

static void begin(void)
{
        Endpoint *caller = &clients[CALLER].endpoint, *callee = &clients[CALLEE].endpoint;

        memset(n_answers, 0, sizeof(n_answers));
        caller_left = false;
        callee_left = false;
        fixture.threads[CALLER].now_ns = CALLED_NS;
        for (uint32_t i = 0; i < N_CALLS; i++) {
                Owed *owed;
                RepliesResult result = replies_expect(&fixture.threads[CALLER], caller, callee->id,
                                                      FIRST_SERIAL + i, &owed);

                ASSERT(result == REPLIES_OK);
                ASSERT(replies_assign(&fixture.threads[CALLER], owed, callee));
        }
        fixture.threads[CALLER].now_ns = LATE_NS;
}

static void expire(void)
{
        uint64_t next_ns =
                replies_expire(&fixture.threads[CALLER], &clients[CALLER].endpoint, note_answer);

        ASSERT(next_ns == REPLIES_NEVER);
}

static void expire_and_leave(void)
{
        expire();
        replies_forget_calls(&fixture.threads[CALLER], &clients[CALLER].endpoint);
        caller_left = true;
}

static void leave(void)
{
        replies_forget_calls(&fixture.threads[CALLER], &clients[CALLER].endpoint);
        caller_left = true;
}

static void answer_first(void)
{
        if (replies_consume(&fixture.threads[CALLEE], &clients[CALLEE].endpoint,
                            &clients[CALLER].endpoint, FIRST_SERIAL))
                n_answers[0]++;
}

static void seal(void)
{
        replies_seal(&fixture.threads[CALLEE], &clients[CALLEE].endpoint, note_answer);
        callee_left = true;
}

static void answer_first_and_leave(void)
{
        answer_first();
        seal();
}

static void check(void)
{
        if (!caller_left)
                replies_forget_calls(&fixture.threads[CALLER], &clients[CALLER].endpoint);
        if (!callee_left)
                seal();
        owed_list_init(&clients[CALLEE].endpoint.owed_incoming);
        for (unsigned i = 0; i < N_CALLS; i++)
                ASSERT(caller_left ? n_answers[i] <= 1 : n_answers[i] == 1);
        ASSERT(counter_read(&clients[CALLER].endpoint.n_owed_to) == 0);
        ASSERT(clients[CALLEE].endpoint.n_owes == 0);
        for (unsigned i = 0; i < N_THREADS; i++)
                pool_replenish(&fixture.threads[i].pool);
}

static void explore(void (*caller)(void), void (*callee)(void))
{
        Explorer explorer = {.n_threads = N_THREADS,
                             .threads = {caller, callee},
                             .begin = begin,
                             .end = check,
                             .preemptions_max = 4};

        fixture_init(&fixture, N_THREADS);
        ((RouterRoot *)(uintptr_t)router_root(&fixture.router))->limits.reply_timeout_ms = 1;
        for (unsigned i = 0; i < N_THREADS; i++) {
                clients[i] = (Client){.index = i};
                fixture_add_client(&fixture, &clients[i], i);
        }
        explorer_run(&explorer);
        print_message("%llu interleavings, %llu points\n",
                      (unsigned long long)explorer.n_interleavings,
                      (unsigned long long)explorer.n_points);
        assert_true(explorer.n_interleavings > 500);
        for (unsigned i = 0; i < N_THREADS; i++)
                fixture_remove_client(&fixture, &clients[i]);
        fixture_deinit(&fixture);
}

static void test_replies_time_out_against_the_reply(void **state)
{
        (void)state;
        explore(expire, answer_first);
}

static void test_replies_time_out_against_the_callees_end(void **state)
{
        (void)state;
        explore(expire, answer_first_and_leave);
}

static void test_replies_time_out_and_callers_end_against_the_callees(void **state)
{
        (void)state;
        explore(expire_and_leave, answer_first_and_leave);
}

static void test_replies_callers_end_against_the_callees(void **state)
{
        (void)state;
        explore(leave, answer_first_and_leave);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_replies_time_out_against_the_reply),
                cmocka_unit_test(test_replies_time_out_against_the_callees_end),
                cmocka_unit_test(test_replies_time_out_and_callers_end_against_the_callees),
                cmocka_unit_test(test_replies_callers_end_against_the_callees),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
