/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/assert.h"
#include "broker/router/replies.h"
#include "broker/router/send.h"
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

/* The locks of broker/sync/lock.h, for coroutines. */
static bool turn_held, registry_held;

static bool turn_is_free(void)
{
        return !turn_held;
}

static bool registry_is_free(void)
{
        return !registry_held;
}

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
        const bool is_turn = lock == &fixture.router.turn.lock;
        bool *held = is_turn ? &turn_held : &registry_held;

        explorer_point();
        while (*held)
                explorer_wait(is_turn ? turn_is_free : registry_is_free);
        *held = true;
}

void lock_release(Lock *lock) LOCK_UNCHECKED
{
        bool *held = lock == &fixture.router.turn.lock ? &turn_held : &registry_held;

        ASSERT(*held);
        *held = false;
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

static void note_time_out(RouterThread *thread, Owed *owed)
{
        const uint32_t serial = owed->serial;

        if (replies_settle(owed))
                note_answer(thread, owed->caller, serial);
}

static void expire(void)
{
        uint64_t next_ns =
                replies_expire(&fixture.threads[CALLER], &clients[CALLER].endpoint, note_time_out);

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

/* The same with what is really sent: NoReply, and the reply that is too late for it, in this order.
 */

static bool got_error, got_return;

static void receive(Client *client, const Message *message, const Header *header)
{
        (void)message;
        ASSERT(client->index == CALLER);
        if (header->reply_serial != FIRST_SERIAL)
                return;
        if (header->frame.type == FRAME_TYPE_METHOD_RETURN) {
                ASSERT(!got_return);
                got_return = true;
                return;
        }
        ASSERT(header->frame.type == FRAME_TYPE_ERROR && !got_error && !got_return);
        got_error = true;
}

static void begin_sending(void)
{
        begin();
        clients[CALLER].receive = receive;
        got_error = false;
        got_return = false;
}

static void expire_and_send(void)
{
        (void)replies_expire(&fixture.threads[CALLER], &clients[CALLER].endpoint, replies_time_out);
        fixture_flush(&fixture, CALLER);
}

static void send_reply(void)
{
        const WriterHeader header = {.type = FRAME_TYPE_METHOD_RETURN,
                                     .serial = 1,
                                     .reply_serial = FIRST_SERIAL,
                                     .destination = endpoint_name(&clients[CALLER].endpoint)};
        uint8_t bytes[FIXTURE_BYTES_MAX] __attribute__((aligned(8)));
        SendResult result;
        Incoming incoming;

        fixture_message(bytes, &header, &clients[CALLEE], &incoming);
        result = send_unicast(&fixture.threads[CALLEE], &clients[CALLEE].endpoint, &incoming);
        ASSERT(result == SEND_OK);
        fixture_flush(&fixture, CALLEE);
}

static void check_sent(void)
{
        for (unsigned i = 0; i < N_THREADS; i++)
                fixture_flush(&fixture, i);
        clients[CALLER].receive = NULL;
        ASSERT(got_return);
        replies_forget_calls(&fixture.threads[CALLER], &clients[CALLER].endpoint);
        seal();
        owed_list_init(&clients[CALLEE].endpoint.owed_incoming);
        ASSERT(counter_read(&clients[CALLER].endpoint.n_owed_to) == 0);
}

static void explore(void (*caller)(void), void (*callee)(void))
{
        Explorer explorer = {.n_threads = N_THREADS,
                             .threads = {caller, callee},
                             .begin = caller == expire_and_send ? begin_sending : begin,
                             .end = caller == expire_and_send ? check_sent : check,
                             .preemptions_max = caller == expire_and_send ? 3 : 4};

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

static void test_replies_time_out_comes_before_a_late_reply(void **state)
{
        (void)state;
        explore(expire_and_send, send_reply);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_replies_time_out_against_the_reply),
                cmocka_unit_test(test_replies_time_out_against_the_callees_end),
                cmocka_unit_test(test_replies_time_out_and_callers_end_against_the_callees),
                cmocka_unit_test(test_replies_callers_end_against_the_callees),
                cmocka_unit_test(test_replies_time_out_comes_before_a_late_reply),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
