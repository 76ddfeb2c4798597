/* SPDX-License-Identifier: Apache-2.0 */
/* What monitors see, and in which order. */
#include <string.h>

#include "broker/router/busmessage.h"
#include "tests/unit/router_fixture.h"

/* Somebody who sees everything from now on. */
static Actor *join_monitor(RouterFixture *fixture, const char *rule)
{
        Actor *monitor = actor_join(fixture, 0);

        actor_become_monitor(monitor, rule);
        router_fixture_drop_all(fixture);
        return monitor;
}

static void test_monitors_see_unicasts_first_and_in_order(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1),
              *m = join_monitor(fixture, "");

        actor_call(a, 5, ":1.1");
        router_fixture_collect(fixture);
        assert_ptr_equal(list_first(&fixture->duties), &m->duty_node);
        actor_reply(b, 5, ":1.0");
        actor_signal(a, ":1.1", "S");
        actor_broadcast(b, "Nobody", "x");
        actor_expect(m, "call Call");
        actor_expect(m, "return 5");
        actor_expect(m, "signal S");
        actor_expect(m, "signal Nobody x");
        actor_expect_nothing(m);
        actor_expect(b, "call Call");
        actor_expect(b, "signal S");
        actor_expect(a, "return 5");
}

/* A refused message, and directly behind it the answer, whatever the reason. */
static void test_monitors_see_refused_messages_and_their_errors(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1),
              *m = join_monitor(fixture, ""), *other = join_monitor(fixture, "type=error"),
              *to_b = join_monitor(fixture, "destination=com.example.B");
        RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                            .serial = 7,
                            .path = "/a",
                            .interface = "a.b",
                            .member = "S",
                            .destination = ":1.1"};
        Parcel parcel;

        actor_request(b, "com.example.B", 0);
        router_fixture_drop_all(fixture);
        parcel_init(&parcel, a, &header, NULL, NULL);
        send_refuse(a->thread, &a->endpoint, &parcel.incoming,
                    busmessage_error(a->thread, &a->endpoint, 7, "AccessDenied", TEXT("no")));
        parcel_deinit(&parcel, a);
        actor_expect(m, "signal S");
        actor_expect(m, "error 7 AccessDenied");
        actor_expect_nothing(m);
        actor_expect(other, "error 7 AccessDenied");
        actor_expect_nothing(other);
        actor_expect(to_b, "signal S"); /* the recipient is known, though it does not get it */
        actor_expect_nothing(to_b);
        actor_expect(a, "error 7 AccessDenied");
        actor_expect_nothing(b);
}

static Message *refuse_unknown(RouterThread *thread, Endpoint *sender, const Incoming *incoming)
{
        return busmessage_error(thread, sender, incoming->header.frame.serial, "ServiceUnknown",
                                TEXT(""));
}

static void test_monitors_see_messages_for_nobody(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *m = join_monitor(fixture, "");
        Actor *text = join_monitor(fixture, "destination=com.example.Nobody");
        RawHeader header = {.type = RAWMESSAGE_CALL,
                            .serial = 7,
                            .path = "/a",
                            .member = "M",
                            .destination = "com.example.Nobody"};
        Parcel parcel;

        router_fixture_drop_all(fixture);
        parcel_init(&parcel, a, &header, NULL, NULL);
        assert_int_equal(send_unicast(a->thread, &a->endpoint, &parcel.incoming), SEND_NO_OWNER);
        assert_true(send_refuse_without_owner(a->thread, &a->endpoint, &parcel.incoming,
                                              refuse_unknown));
        actor_expect(m, "call M");
        actor_expect(m, "error 7 ServiceUnknown");
        actor_expect(text, "call M"); /* nobody has the name: what the header says */
        actor_expect_nothing(text);
        actor_expect(a, "error 7 ServiceUnknown");
        actor_request(a, "com.example.Nobody", 0);
        router_fixture_drop_all(fixture);
        assert_false(send_refuse_without_owner(a->thread, &a->endpoint, &parcel.incoming,
                                               refuse_unknown));
        actor_expect_nothing(m);
        assert_int_equal(send_unicast(a->thread, &a->endpoint, &parcel.incoming), SEND_OK);
        parcel_deinit(&parcel, a);
        actor_expect(m, "call M");
        actor_expect_nothing(m);
        actor_expect(a, "call M");
        assert_int_equal(counter_read(&a->endpoint.account->bytes), 0);
}

/* One error for each that a broadcast does not go to, behind the broadcast; nobody is answered. */
static void test_monitors_see_why_a_broadcast_skips_receivers(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1), *c = actor_join(fixture, 1),
              *d = actor_join(fixture, 1), *m = join_monitor(fixture, "");

        actor_add_rule(b, "member=M");
        actor_add_rule(c, "member=M");
        actor_add_rule(d, "member=M");
        for (int i = 0; i < 10; i++) {
                actor_signal(a, ":1.1", "Fill");
                actor_signal(a, ":1.3", "Fill");
        }
        actor_drop(m);
        fixture->root->limits.max_outgoing_bytes = 1000;
        assert_int_equal(actor_broadcast(a, "M", ""), SEND_OK);
        actor_expect(m, "signal M ");
        actor_expect(m, "error 9 LimitsExceeded");
        actor_expect(m, "error 9 LimitsExceeded");
        actor_expect_nothing(m);
        actor_expect(c, "signal M ");
        actor_expect_nothing(a);
        /* The bus's own answer to one that is full: as if it had sent that to itself. */
        actor_request(b, "com.example.B", 0);
        actor_expect(m, "signal NameOwnerChanged com.example.B,,:1.1");
        actor_expect(m, "signal NameAcquired com.example.B");
        assert_int_equal(actor_next(m)->type, RAWMESSAGE_ERROR);
        assert_string_equal(m->last->destination, "org.freedesktop.DBus");
        actor_expect(m, "return %u 1", b->serial);
        assert_int_equal(actor_next(m)->type, RAWMESSAGE_ERROR);
        actor_expect_nothing(m);
        assert_int_equal(actor_drop(b), 10);
}

/* Before Hello it has no name: nobody can pretend to have one, and no rule by sender is satisfied.
 */
static void test_monitors_see_strangers_as_such(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_new(fixture, 0), *m = join_monitor(fixture, ""),
              *named = join_monitor(fixture, "sender=:not.active.yet");
        RawHeader header = {.type = RAWMESSAGE_CALL,
                            .serial = 3,
                            .path = "/a",
                            .member = "Hello",
                            .sender = ":1.99",
                            .destination = "org.freedesktop.DBus"};
        Message *shown;
        Parcel parcel;

        router_fixture_drop_all(fixture);
        parcel_init(&parcel, a, &header, NULL, NULL);
        shown = send_capture(a->thread, &a->endpoint, &parcel.incoming);
        send_end_capture(a->thread, &a->endpoint, &parcel.incoming, shown, false);
        parcel_deinit(&parcel, a);
        actor_expect(m, "call Hello");
        assert_string_equal(m->last->sender, ":not.active.yet");
        actor_expect_nothing(named);
        actor_hello(a);
        actor_expect(m, "return 1 0"); /* the fixture's Hello returns a code */
        actor_expect(m, "signal NameOwnerChanged :1.2,,:1.2");
        actor_expect(m, "signal NameAcquired :1.2");
        actor_expect_nothing(m);
        assert_int_equal(counter_read(&a->endpoint.account->bytes), 0);
}

/* One letter for each message, as the test's table has them. */
static void note_seen(Actor *monitor, char *seen, size_t size)
{
        const RawMessage *message;
        size_t n = 0;

        while ((message = actor_next(monitor)) && n + 1 < size) {
                if (message->reply_serial == 5000)
                        seen[n++] = 'R';
                if (!message->member)
                        continue;
                if (strcmp(message->member, "NameAcquired") == 0)
                        seen[n++] = 'N';
                else if (strcmp(message->member, "NameOwnerChanged") == 0)
                        seen[n++] = 'O';
                else
                        seen[n++] = message->member[0];
        }
        seen[n] = '\0';
}

/* What a rule asks for; by whom and to whom in any of their names. Which of these it satisfies:
 * a call of a's to b, b's return to a, a signal of b's to a, a broadcast of a's, b's request of a
 * name as the bus tells it to all, and to b. */
static void test_monitors_filters_filter(void **state)
{
        static const struct {
                const char *rule, *seen;
        } cases[] = {
                {"", "CRSBON"},
                {"eavesdrop=false", "CRSBON"},
                {"type=signal", "SBON"},
                {"type=method_return", "R"},
                {"sender=:1.0", "CB"},
                {"sender=com.example.A", "CB"},
                {"sender=com.example.B", "RS"},
                {"sender=org.freedesktop.DBus", "ON"},
                {"sender=com.example.None", ""},
                {"destination=:1.1", "CN"},
                {"destination=com.example.B", "CN"},
                {"destination=com.example.A", "RS"},
                {"destination=org.freedesktop.DBus", ""},
                {"interface=a.b", "SB"},
                {"member=Call", "C"},
                {"member=B,type=signal", "B"},
                {"path=/a", "CSB"},
                {"path_namespace=/org", "ON"},
                {"arg0=x", "B"},
                {"arg0namespace=com.example", "ON"},
                {"sender=com.example.A,destination=com.example.B", "C"},
        };
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);

        actor_request(a, "com.example.A", 0);
        actor_request(b, "com.example.B", 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                Actor *m = join_monitor(fixture, cases[i].rule);
                char seen[16];

                actor_call(a, 5000, "com.example.B");
                actor_reply(b, 5000, ":1.0");
                actor_signal(b, ":1.0", "S");
                actor_broadcast(a, "B", "x");
                actor_request(b, "com.example.X", 0);
                note_seen(m, seen, sizeof(seen));
                if (strcmp(seen, cases[i].seen) != 0)
                        fail_msg("\"%s\" let through %s instead of %s", cases[i].rule, seen,
                                 cases[i].seen);
                actor_leave(m);
                actor_release(b, "com.example.X");
                router_fixture_drop_all(fixture);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_monitors_see_unicasts_first_and_in_order),
                ROUTER_TEST(test_monitors_see_refused_messages_and_their_errors),
                ROUTER_TEST(test_monitors_see_messages_for_nobody),
                ROUTER_TEST(test_monitors_see_why_a_broadcast_skips_receivers),
                ROUTER_TEST(test_monitors_see_strangers_as_such),
                ROUTER_TEST(test_monitors_filters_filter),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
