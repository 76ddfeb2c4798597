/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/assert.h"
#include "broker/router/ownership.h"
#include "broker/router/rules.h"
#include "broker/router/send.h"
#include "tests/race/explorer.h"
#include "tests/race/router_fixture.h"

/*
 * The routing code itself, with few preemptions, through every place where they can happen: a name
 * changes hands against a sender by name (rule R3), a call meets its callee's leaving, and a
 * receiver replaces its rule against a broadcast (rule R2). All of broker/router, the mailbox, the
 * tables and the locks are stepped.
 */
enum { OLD = 0, NEW = 1, SENDER = 2, N_CLIENTS = 3, N_SENDS = 2 };

#define NAME TEXT("com.example.Name")

static Fixture fixture;
static Client clients[N_CLIENTS]; /* each one's home is the thread of that index */
static unsigned n_accepted, n_received;
static uint32_t last_serial;
static bool owns[N_CLIENTS];
static Client *called;     /* who got the call */
static unsigned n_answers; /* that the caller got, or would get from its worker */

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

static void receive(Client *client, const Message *message, const Header *header)
{
        (void)message;
        if (text_equal(header->member, TEXT("NameAcquired"))) {
                owns[client->index] = true;
        } else if (text_equal(header->member, TEXT("NameLost"))) {
                owns[client->index] = false;
        } else if (text_equal(header->member, TEXT("Member"))) {
                ASSERT(!text_present(header->destination) || owns[client->index]);
                ASSERT(header->frame.serial > last_serial);
                last_serial = header->frame.serial;
                n_received++;
        } else if (text_equal(header->member, TEXT("Call"))) {
                ASSERT(!called);
                called = client;
        } else if (header->reply_serial > 0) {
                ASSERT(client->index == SENDER);
                n_answers++;
        }
}

static void flush_all(void)
{
        for (unsigned i = 0; i < N_CLIENTS; i++)
                fixture_flush(&fixture, i);
        while (qsbr_reclaim(&fixture.qsbr) > 0)
                continue;
}

static void set_up(void)
{
        fixture_init(&fixture, N_CLIENTS);
        for (unsigned i = 0; i < N_CLIENTS; i++) {
                clients[i] = (Client){.index = i};
                fixture_add_client(&fixture, &clients[i], i);
                clients[i].receive = receive;
        }
}

static void tear_down(void)
{
        for (unsigned i = 0; i < N_CLIENTS; i++)
                fixture_remove_client(&fixture, &clients[i]);
        fixture_deinit(&fixture);
}

static void request(unsigned index)
{
        const uint32_t flags =
                NAMES_ALLOW_REPLACEMENT | NAMES_REPLACE_EXISTING | NAMES_DO_NOT_QUEUE;

        ASSERT(ownership_request(&fixture.threads[index], &clients[index].endpoint, NAME, flags,
                                 NULL) == OWNERSHIP_OK);
}

static void send_message(uint32_t serial, Text destination)
{
        RouterThread *thread = &fixture.threads[SENDER];
        Client *client = &clients[SENDER];
        uint8_t bytes[FIXTURE_BYTES_MAX] __attribute__((aligned(8)));
        Incoming incoming;
        SendResult result;

        fixture_signal(bytes, serial, destination, client, &incoming);
        if (text_present(destination))
                result = send_unicast(thread, &client->endpoint, &incoming);
        else
                result = send_broadcast(thread, &client->endpoint, &incoming);
        ASSERT(result == SEND_OK);
        n_accepted++;
}

/* A name changes hands. */

static void begin_names(void)
{
        request(OLD);
        flush_all();
        ASSERT(owns[OLD]);
        n_accepted = 0;
        n_received = 0;
        last_serial = 0;
}

static void take_name(void)
{
        request(NEW);
        fixture_flush(&fixture, NEW);
}

static void send_to_name(void)
{
        for (uint32_t serial = 1; serial <= N_SENDS; serial++) {
                send_message(serial, NAME);
                fixture_flush(&fixture, SENDER);
        }
}

static void check_received(void)
{
        flush_all();
        ASSERT(n_received == n_accepted);
}

/* A receiver replaces its rule by another that overlaps it. */

static const MatchRule by_interface = {.interface = {"com.example.Interface", 21},
                                       .type = FRAME_TYPE_SIGNAL};
static const MatchRule by_member = {.member = {"Member", 6}, .type = FRAME_TYPE_SIGNAL};

static void replace(const MatchRule *from, const MatchRule *to)
{
        RouterThread *thread = &fixture.threads[OLD];

        ASSERT(rules_add(thread, &clients[OLD].endpoint, to, NULL) == RULES_OK);
        ASSERT(rules_remove(thread, &clients[OLD].endpoint, from, NULL) == RULES_OK);
}

static void begin_rules(void)
{
        replace(&by_interface, &by_member);
        flush_all();
        n_accepted = 0;
        n_received = 0;
        last_serial = 0;
}

static void replace_rule(void)
{
        replace(&by_member, &by_interface);
        fixture_flush(&fixture, OLD);
}

static void broadcast(void)
{
        for (uint32_t serial = 1; serial <= N_SENDS; serial++)
                send_message(serial, TEXT_NONE);
        fixture_flush(&fixture, SENDER);
}

/* A call against its callee: each call has one answer. */

static SendResult send_from(Client *client, const WriterHeader *header)
{
        RouterThread *thread = &fixture.threads[client->index];
        uint8_t bytes[FIXTURE_BYTES_MAX] __attribute__((aligned(8)));
        Incoming incoming;

        fixture_message(bytes, header, client, &incoming);
        return send_unicast(thread, &client->endpoint, &incoming);
}

static void call(Text destination)
{
        const WriterHeader header = {.type = FRAME_TYPE_METHOD_CALL,
                                     .serial = 7,
                                     .path = TEXT("/com/example"),
                                     .member = TEXT("Call"),
                                     .destination = destination};
        SendResult result = send_from(&clients[SENDER], &header);

        ASSERT(result == SEND_OK || result == SEND_NO_OWNER || result == SEND_CALLEE_GONE);
        n_answers += result != SEND_OK; /* an error from the caller's own worker */
        fixture_flush(&fixture, SENDER);
}

static void call_name(void)
{
        call(NAME);
}

static void call_unique_name(void)
{
        call(endpoint_name(&clients[NEW].endpoint));
}

static void begin_call(void)
{
        request(OLD);
        flush_all();
        called = NULL;
        n_answers = 0;
}

/* Whoever got the call answers it. */
static void check_answered(void)
{
        flush_all();
        if (called && n_answers == 0) {
                const WriterHeader header = {.type = FRAME_TYPE_METHOD_RETURN,
                                             .serial = 8,
                                             .reply_serial = 7,
                                             .destination =
                                                     endpoint_name(&clients[SENDER].endpoint)};

                ASSERT(send_from(called, &header) == SEND_OK);
                flush_all();
        }
        ASSERT(n_answers == 1);
        ASSERT(counter_read(&clients[SENDER].endpoint.n_owed_to) == 0);
}

static void begin_leave(void)
{
        clients[NEW] = (Client){.index = NEW, .receive = receive};
        fixture_add_client(&fixture, &clients[NEW], NEW);
        flush_all();
        called = NULL;
        n_answers = 0;
}

static void leave(void)
{
        fixture_leave(&fixture, &clients[NEW]);
        fixture_flush(&fixture, NEW);
}

/* If the call was delivered before the callee left, NoReply is its answer. */
static void check_answered_and_gone(void)
{
        flush_all();
        ASSERT(n_answers == 1);
        ASSERT(counter_read(&clients[SENDER].endpoint.n_owed_to) == 0);
        fixture_free_client(&fixture, &clients[NEW]);
}

static void explore(Explorer *explorer)
{
        explorer_run(explorer);
        print_message("%llu interleavings, %llu points\n",
                      (unsigned long long)explorer->n_interleavings,
                      (unsigned long long)explorer->n_points);
        assert_true(explorer->n_interleavings > 1000);
}

static void test_router_name_changing_hands_against_a_sender(void **state)
{
        Explorer explorer = {.n_threads = 2,
                             .threads = {take_name, send_to_name},
                             .begin = begin_names,
                             .end = check_received,
                             .preemptions_max = 3};

        (void)state;
        set_up();
        explore(&explorer);
        tear_down();
}

static void test_router_rule_replaced_against_a_broadcast(void **state)
{
        Explorer explorer = {.n_threads = 2,
                             .threads = {replace_rule, broadcast},
                             .begin = begin_rules,
                             .end = check_received,
                             .preemptions_max = 3};

        (void)state;
        set_up();
        ASSERT(rules_add(&fixture.threads[OLD], &clients[OLD].endpoint, &by_interface, NULL) ==
               RULES_OK);
        explore(&explorer);
        tear_down();
}

static void test_router_call_by_name_that_changes_hands_has_one_answer(void **state)
{
        Explorer explorer = {.n_threads = 2,
                             .threads = {take_name, call_name},
                             .begin = begin_call,
                             .end = check_answered,
                             .preemptions_max = 3};

        (void)state;
        set_up();
        explore(&explorer);
        tear_down();
}

static void test_router_call_to_a_callee_that_leaves_has_one_answer(void **state)
{
        Explorer explorer = {.n_threads = 2,
                             .threads = {leave, call_unique_name},
                             .begin = begin_leave,
                             .end = check_answered_and_gone,
                             .preemptions_max = 3};

        (void)state;
        set_up();
        fixture_remove_client(&fixture, &clients[NEW]);
        explore(&explorer);
        begin_leave(); /* tear_down() removes it again */
        tear_down();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_router_name_changing_hands_against_a_sender),
                cmocka_unit_test(test_router_call_by_name_that_changes_hands_has_one_answer),
                cmocka_unit_test(test_router_call_to_a_callee_that_leaves_has_one_answer),
                cmocka_unit_test(test_router_rule_replaced_against_a_broadcast),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
