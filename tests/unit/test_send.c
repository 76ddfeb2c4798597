/* SPDX-License-Identifier: Apache-2.0 */
/* Unicasts and broadcasts: results that leave no trace, order, quotas, fds, eavesdroppers. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/router/busmessage.h"
#include "tests/unit/router_fixture.h"

/* What a sender has in memory and is owed; a refused message must not change it. */
typedef struct Trace {
        uint64_t bytes, fds, owed, deliveries;
} Trace;

static Trace trace_of(const Actor *actor)
{
        return (Trace){.bytes = counter_read(&actor->endpoint.account->bytes),
                       .fds = counter_read(&actor->endpoint.account->fds),
                       .owed = counter_read(&actor->endpoint.n_owed_to),
                       .deliveries = router_fixture_deliveries(actor->fixture)};
}

static void expect_no_trace(const Actor *actor, Trace before)
{
        Trace after = trace_of(actor);

        assert_memory_equal(&before, &after, sizeof(before));
}

static void test_send_call_and_reply_arrive_stamped(void **state)
{
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 1);
        RawHeader header = {.type = RAWMESSAGE_CALL,
                            .serial = 5,
                            .path = "/a",
                            .member = "Call",
                            .destination = ":1.1",
                            .sender = ":1.77",
                            .signature = "su"};
        const RawMessage *message;
        const char *text;
        unsigned number;

        assert_int_equal(actor_send(a, &header, "hello", 7), SEND_OK);
        message = actor_next(b);
        assert_non_null(message);
        assert_string_equal(message->sender, ":1.0");
        assert_string_equal(message->destination, ":1.1");
        assert_int_equal(message->serial, 5);
        assert_true(rawmessage_read(message, "su", &text, &number));
        assert_string_equal(text, "hello");
        assert_int_equal(number, 7);
        assert_int_equal(actor_reply(b, 5, ":1.0"), SEND_OK);
        actor_expect(a, "return 5");
        assert_int_equal(counter_read(&a->endpoint.n_owed_to), 0);
}

static void test_send_to_nobody_no_owner(void **state)
{
        static const char *const names[] = {":1.9", ":1.00", "com.example.X", "com.example.Watched",
                                            ":2.0"};
        Actor *a = actor_join(*state, 0);
        Trace before = trace_of(a);

        actor_add_rule(a, "sender=com.example.Watched");
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                assert_int_equal(actor_call(a, 5, names[i]), SEND_NO_OWNER);
        expect_no_trace(a, before);
}

static void test_send_refused_results_leave_no_trace(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);
        RawHeader unknown = {.type = 5, .serial = 1, .destination = ":1.1"};
        Trace before;

        assert_int_equal(actor_call(a, 1, ":1.1"), SEND_OK);
        before = trace_of(a);
        assert_int_equal(actor_send(a, &unknown), SEND_UNKNOWN_TYPE);
        assert_int_equal(actor_call(a, 1, ":1.1"), SEND_DUPLICATE_SERIAL);
        fixture->root->limits.max_replies_per_connection = 1;
        assert_int_equal(actor_call(a, 2, ":1.1"), SEND_TOO_MANY_REPLIES);
        fixture->root->limits.max_replies_per_connection = 10;
        owed_list_seal(&b->endpoint.owed_incoming); /* b has just left */
        assert_int_equal(actor_call(a, 2, ":1.1"), SEND_CALLEE_GONE);
        owed_list_init(&b->endpoint.owed_incoming);
        fixture->root->limits.max_outgoing_bytes = 1;
        assert_int_equal(actor_call(a, 2, ":1.1"), SEND_FULL);
        assert_int_equal(actor_signal(a, ":1.1", "S"), SEND_FULL);
        expect_no_trace(a, before);
        actor_expect(b, "call Call");
        actor_expect_nothing(b);
        assert_int_equal(actor_call(a, 2, ":1.1"), SEND_OK); /* read: there is room again */
        actor_expect(b, "call Call");
}

/* The limit is looked at before the push: one message may go over it. */
static void test_send_quota_is_over_not_at_the_limit(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);

        actor_signal(a, ":1.1", "S");
        fixture->root->limits.max_outgoing_bytes = endpoint_queued_bytes(&b->endpoint);
        assert_int_equal(actor_signal(a, ":1.1", "S"), SEND_OK);
        assert_int_equal(actor_signal(a, ":1.1", "S"), SEND_FULL);
        actor_expect(b, "signal S");
        assert_int_equal(actor_signal(a, ":1.1", "S"), SEND_OK);
        assert_int_equal(actor_drop(b), 2);
        assert_int_equal(endpoint_queued_bytes(&b->endpoint), 0);
}

static void test_send_queue_counts_messages_and_notes_peaks(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);
        uint64_t bytes;

        for (int i = 0; i < 3; i++)
                assert_int_equal(actor_signal(a, ":1.1", "S"), SEND_OK);
        assert_int_equal(endpoint_queued_messages(&b->endpoint), 3);
        bytes = endpoint_queued_bytes(&b->endpoint);
        assert_true(bytes > 0 && bytes % 3 == 0);
        actor_expect(b, "signal S");
        assert_int_equal(endpoint_queued_messages(&b->endpoint), 2);
        assert_int_equal(endpoint_queued_bytes(&b->endpoint), bytes / 3 * 2);
        assert_int_equal(actor_drop(b), 2);
        assert_int_equal(endpoint_queued_messages(&b->endpoint), 0);
        assert_int_equal(tally_read(&b->endpoint.peak_queued_bytes), bytes);
}

static SendResult send_fds(Actor *from, const char *destination, uint32_t n, bool *ret_taken)
{
        RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                            .serial = 3,
                            .path = "/a",
                            .interface = "a.b",
                            .member = "Fds",
                            .destination = destination,
                            .unix_fds = n};
        int fds[4] = {0, 1, 2, 0};
        SendResult result;
        Parcel parcel;

        parcel_init(&parcel, from, &header, NULL, fds);
        result = destination ? send_unicast(from->thread, &from->endpoint, &parcel.incoming)
                             : send_broadcast(from->thread, &from->endpoint, &parcel.incoming);
        *ret_taken = !parcel.incoming.fds;
        parcel_deinit(&parcel, from);
        return result;
}

static void test_send_fds_only_to_who_takes_them(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1), *c = actor_join(fixture, 1);
        Trace before = trace_of(a);
        bool taken;

        c->endpoint.passes_fds = false;
        assert_int_equal(send_fds(a, ":1.2", 2, &taken), SEND_NO_FDS);
        assert_false(taken);
        expect_no_trace(a, before);
        assert_int_equal(send_fds(a, ":1.1", 3, &taken), SEND_OK);
        assert_true(taken);
        assert_int_equal(counter_read(&b->endpoint.queued_fds), 3);
        assert_int_equal(counter_read(&a->endpoint.account->fds), 3);
        fixture->root->limits.max_outgoing_unix_fds = 2;
        assert_int_equal(send_fds(a, ":1.1", 1, &taken), SEND_FULL);
        assert_false(taken);
        actor_expect(b, "signal Fds");
        assert_int_equal(counter_read(&a->endpoint.account->fds), 0); /* closed with the message */
        assert_int_equal(send_fds(a, ":1.9", 1, &taken), SEND_NO_OWNER);
        assert_false(taken);
}

static void test_send_broadcast_of_fds_skips_who_does_not_take_them(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1), *c = actor_join(fixture, 1);
        bool taken;

        c->endpoint.passes_fds = false;
        actor_add_rule(b, "member=Fds");
        actor_add_rule(c, "member=Fds");
        assert_int_equal(send_fds(a, NULL, 2, &taken), SEND_OK);
        assert_true(taken);
        actor_expect(b, "signal Fds");
        actor_expect_nothing(b);
        actor_expect_nothing(c);
}

static void test_send_broadcast_skips_full_receivers(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1), *c = actor_join(fixture, 1);

        actor_add_rule(b, "member=M");
        actor_add_rule(c, "member=M");
        actor_signal(a, ":1.1", "Fill");
        fixture->root->limits.max_outgoing_bytes = 1;
        assert_int_equal(actor_broadcast(a, "M", ""), SEND_OK);
        assert_int_equal(tally_read(&a->thread->n_dropped), 1);
        actor_expect(b, "signal Fill");
        actor_expect_nothing(b);
        actor_expect(c, "signal M ");
        actor_expect_nothing(c);
}

/* Ordering contract, a: whatever kind the messages are. */
static void test_send_is_fifo_across_kinds(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);

        actor_request(b, "com.example.B", 0);
        actor_drop(b);
        actor_add_rule(b, "interface=a.b");
        actor_call(b, 40, ":1.0");
        actor_call(a, 1, ":1.1");
        actor_broadcast(a, "One", "");
        actor_call(a, 2, "com.example.B");
        actor_signal(a, ":1.1", "Two");
        actor_reply(a, 40, ":1.1");
        actor_broadcast(a, "Three", "");
        actor_expect(b, "call Call");
        actor_expect(b, "signal One ");
        actor_expect(b, "call Call");
        actor_expect(b, "signal Two");
        actor_expect(b, "return 40");
        actor_expect(b, "signal Three ");
        actor_expect_nothing(b);
}

/* A receiver that is closed already: dropped, and nothing is answered twice. */
static void test_send_to_closed_mailbox_is_dropped(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);
        MailNode *nodes;

        mailbox_close(&b->endpoint.mailbox, &nodes);
        assert_int_equal(actor_signal(a, ":1.1", "S"), SEND_OK);
        assert_int_equal(actor_call(a, 5, ":1.1"), SEND_OK);
        assert_int_equal(counter_read(&a->endpoint.account->bytes), 0);
        assert_int_equal(endpoint_queued_bytes(&b->endpoint), 0);
        actor_leave(b);
        actor_expect(a, "error 5 NoReply");
        actor_expect_nothing(a);
}

static unsigned n_refused;

static Message *note_refusal(RouterThread *thread, Endpoint *sender, const Incoming *incoming)
{
        n_refused++;
        return busmessage_error(thread, sender, incoming->header.frame.serial, "Refused", TEXT(""));
}

static void test_send_refusal_looks_again(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);
        RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                            .serial = 3,
                            .path = "/a",
                            .interface = "a.b",
                            .member = "S",
                            .destination = "com.example.X"};
        Parcel parcel;

        n_refused = 0;
        parcel_init(&parcel, a, &header, NULL, NULL);
        assert_int_equal(send_unicast(a->thread, &a->endpoint, &parcel.incoming), SEND_NO_OWNER);
        assert_true(
                send_refuse_without_owner(a->thread, &a->endpoint, &parcel.incoming, note_refusal));
        assert_int_equal(n_refused, 1);
        actor_expect(a, "error 3 Refused");
        actor_request(b, "com.example.X", 0);
        assert_false(
                send_refuse_without_owner(a->thread, &a->endpoint, &parcel.incoming, note_refusal));
        assert_int_equal(n_refused, 1);
        assert_int_equal(send_unicast(a->thread, &a->endpoint, &parcel.incoming), SEND_OK);
        parcel_deinit(&parcel, a);
        router_fixture_drop_all(fixture);
}

/* A sender that meets a mark waits for the end of the change, and then goes to the new owner. */
typedef struct Sender {
        Actor *actor;
        Switch done;
} Sender;

static void *send_in_thread(void *argument)
{
        Sender *sender = argument;

        assert_int_equal(actor_call(sender->actor, 5, "com.example.X"), SEND_OK);
        switch_set(&sender->done);
        return NULL;
}

static void test_send_waits_while_the_name_is_marked(void **state) LOCK_UNCHECKED
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1), *c = actor_join(fixture, 1);
        Names *names = &fixture->router.names;
        Sender sender = {.actor = a};
        pthread_t thread;
        Name *name;

        actor_request(b, "com.example.X", NAMES_ALLOW_REPLACEMENT);
        router_fixture_drop_all(fixture);
        name = names_find(names, TEXT("com.example.X"));
        lock_acquire(&names->lock);
        names_mark(name);
        assert_int_equal(pthread_create(&thread, NULL, send_in_thread, &sender), 0);
        usleep(50000);
        assert_false(switch_is_on(&sender.done));
        names_publish(name, &c->endpoint); /* half a change, for the sender's eyes only */
        lock_release(&names->lock);
        pthread_join(thread, NULL);
        names_publish(name, &b->endpoint);
        actor_expect_nothing(b);
        actor_expect(c, "call Call");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_send_call_and_reply_arrive_stamped),
                ROUTER_TEST(test_send_to_nobody_no_owner),
                ROUTER_TEST(test_send_refused_results_leave_no_trace),
                ROUTER_TEST(test_send_quota_is_over_not_at_the_limit),
                ROUTER_TEST(test_send_queue_counts_messages_and_notes_peaks),
                ROUTER_TEST(test_send_fds_only_to_who_takes_them),
                ROUTER_TEST(test_send_broadcast_of_fds_skips_who_does_not_take_them),
                ROUTER_TEST(test_send_broadcast_skips_full_receivers),
                ROUTER_TEST(test_send_is_fifo_across_kinds),
                ROUTER_TEST(test_send_to_closed_mailbox_is_dropped),
                ROUTER_TEST(test_send_refusal_looks_again),
                ROUTER_TEST(test_send_waits_while_the_name_is_marked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
