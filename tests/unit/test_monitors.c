/* SPDX-License-Identifier: Apache-2.0 */
/* Monitors: what becoming one does, and that they hold up nobody. */
#include "tests/unit/router_fixture.h"

/* Somebody who sees everything from now on. */
static Actor *join_monitor(RouterFixture *fixture, const char *rule)
{
        Actor *monitor = actor_join(fixture, 0);

        actor_become_monitor(monitor, rule);
        router_fixture_drop_all(fixture);
        return monitor;
}

static uint64_t charged(const Actor *actor)
{
        return counter_read(&actor->endpoint.account->bytes);
}

/* The reply, the unique name, the others in order of acquisition; each NameLost before its news. */
static void test_monitors_become_in_one_step_names_in_order(void **state)
{
        RouterFixture *fixture = *state;
        Actor *m = actor_join(fixture, 0), *heir = actor_join(fixture, 1),
              *w = actor_join(fixture, 1);

        actor_add_rule(w, "member=NameOwnerChanged");
        actor_request(m, "com.example.B", 0);
        actor_request(m, "com.example.A", 0);
        actor_request(heir, "com.example.C", 0);
        actor_request(m, "com.example.C", 0); /* queued: goes without a word */
        actor_request(heir, "com.example.B", 0);
        actor_add_rule(m, "member=Mine");
        actor_add_rule(w, "sender=:1.0");
        router_fixture_drop_all(fixture);
        actor_become_monitor(m, "");
        actor_expect(m, "return %u", m->serial);
        actor_expect(m, "signal NameLost :1.0");
        actor_expect(m, "signal NameLost com.example.B");
        actor_expect(m, "signal NameLost com.example.A");
        actor_expect_nothing(m);
        actor_expect(w, "signal NameOwnerChanged :1.0,:1.0,");
        actor_expect(w, "signal NameOwnerChanged com.example.B,:1.0,:1.1");
        actor_expect(w, "signal NameOwnerChanged com.example.A,:1.0,");
        actor_expect_nothing(w);
        actor_expect(heir, "signal NameAcquired com.example.B");
        assert_null(names_find_unique(&fixture->router.names, TEXT(":1.0")));
        assert_int_equal(fixture->router.names.n_endpoints, 3); /* still a connection */
        assert_int_equal(m->endpoint.n_owners, 0);
        assert_int_equal(rules_count(m->thread, &m->endpoint), 1);
        assert_int_equal(rules_count(w->thread, &w->endpoint), 1);
        assert_int_equal(actor_signal(heir, ":1.0", "S"), SEND_NO_OWNER);
        actor_broadcast(heir, "Mine", "");
        actor_expect(m, "signal Mine ");
        actor_expect_nothing(m); /* once */
        actor_leave(m);
        actor_expect_nothing(w);
        assert_int_equal(counter_read(&fixture->router.n_capturing), 0);
        assert_int_equal(fixture->router.names.n_endpoints, 2);
}

/* What it owed is answered for, behind the news; what it was owed is forgotten. */
static void test_monitors_owe_nothing_and_are_owed_nothing(void **state)
{
        RouterFixture *fixture = *state;
        Actor *m = actor_join(fixture, 0), *a = actor_join(fixture, 1);

        actor_add_rule(a, "member=NameOwnerChanged");
        actor_call(a, 5, ":1.0");
        actor_call(m, 6, ":1.1");
        router_fixture_drop_all(fixture);
        actor_become_monitor(m, "");
        actor_expect(a, "signal NameOwnerChanged :1.0,:1.0,");
        actor_expect(a, "error 5 NoReply");
        actor_expect_nothing(a);
        actor_drop(m);
        assert_int_equal(counter_read(&m->endpoint.n_owed_to), 0);
        assert_int_equal(actor_reply(a, 6, ":1.0"), SEND_NO_OWNER);
        actor_leave(a);
        actor_expect(m, "signal NameLost :1.1");
        actor_expect(m, "signal NameOwnerChanged :1.1,:1.1,");
        actor_expect_nothing(m); /* not NoReply: nobody can send to it */
}

/* Rules that were added are taken back when it does not come to that. */
static void test_monitors_rules_can_be_taken_back(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0);
        MatchRule rule = {.sender = TEXT("com.example.X")}, plain = {.member = TEXT("M")};

        actor_add_rule(a, "member=M");
        assert_int_equal(rules_add_monitoring(a->thread, &a->endpoint, &rule), RULES_OK);
        assert_int_equal(rules_add_monitoring(a->thread, &a->endpoint, &plain), RULES_OK);
        assert_non_null(names_find(&fixture->router.names, TEXT("com.example.X")));
        actor_broadcast(a, "N", "");
        actor_expect_nothing(a); /* they do not hold yet */
        rules_forget_monitoring(a->thread, &a->endpoint);
        assert_null(names_find(&fixture->router.names, TEXT("com.example.X")));
        assert_int_equal(fixture->router.matches.n_entries, 1);
        actor_broadcast(a, "M", "");
        actor_expect(a, "signal M ");
        assert_int_equal(counter_read(&fixture->router.n_capturing), 0);
}

/* Only those who are meant count against the sender, whoever else has the message. */
static void test_monitors_hold_up_no_sender(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1), *c = actor_join(fixture, 1),
              *e = actor_join(fixture, 1), *m = join_monitor(fixture, "");

        actor_add_rule(b, "member=M");
        actor_add_rule(c, "member=M");
        actor_signal(a, ":1.1", "S");
        assert_true(charged(a) > 0);
        actor_expect(b, "signal S");
        assert_int_equal(charged(a), 0);
        actor_broadcast(a, "M", "");
        actor_expect(b, "signal M ");
        assert_true(charged(a) > 0);
        actor_expect(c, "signal M ");
        assert_int_equal(charged(a), 0);
        actor_broadcast(a, "ForNobody", "");
        assert_int_equal(charged(a), 0);
        actor_add_rule(e, "eavesdrop=true");
        actor_signal(a, ":1.1", "S");
        actor_expect(b, "signal S");
        assert_int_equal(charged(a), 0);
        actor_signal(a, ":1.1", "S");
        actor_leave(b);
        assert_int_equal(charged(a), 0);
        actor_broadcast(a, "M", ""); /* to the eavesdropper, who is meant now, and to c */
        actor_drop(c);
        assert_true(charged(a) > 0);
        assert_int_equal(actor_drop(e), 4); /* with the NameOwnerChanged of b */
        assert_int_equal(charged(a), 0);
        assert_true(endpoint_queued_bytes(&m->endpoint) > 0);
}

/* The places for who watches are at hand: a further piece for each message is 8 KiB. */
static void test_monitors_cost_places_not_pieces(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1), *e = actor_join(fixture, 1);

        join_monitor(fixture, "");
        join_monitor(fixture, "");
        actor_add_rule(e, "eavesdrop=true");
        router_fixture_drop_all(fixture);
        actor_signal(a, ":1.1", "S");
        router_fixture_collect(fixture);
        b->mail = mailbox_take(&b->endpoint.mailbox);
        assert_non_null(b->mail);
        assert_null(CONTAINER_OF(b->mail, Delivery, node)->message->chunks);
        actor_expect(b, "signal S");
}

/* Over its limit it gets nothing more, and its home is told; nobody else notices. */
static void test_monitors_over_their_limit_get_nothing_more(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1),
              *m = join_monitor(fixture, "type=signal,interface=a.b"),
              *other = join_monitor(fixture, "type=signal,interface=a.b");
        unsigned n = 0;

        router_fixture_drop_all(fixture);
        fixture->root->limits.max_outgoing_bytes = 1000;
        while (!switch_is_on(&m->endpoint.overflown)) {
                assert_int_equal(actor_signal(a, ":1.1", "S"), SEND_OK);
                actor_expect(b, "signal S");
                actor_expect(other, "signal S");
                assert_true(++n < 20);
        }
        assert_true(n > 4);
        assert_int_equal(actor_drop(m), n - 1);
        actor_signal(a, ":1.1", "S"); /* there is room again, but it would have missed one */
        actor_expect(b, "signal S");
        actor_expect(other, "signal S");
        actor_expect_nothing(m);
        assert_true(switch_is_on(&m->endpoint.may_post_collect)); /* asked for, and done */
        assert_false(switch_is_on(&other->endpoint.overflown));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_monitors_become_in_one_step_names_in_order),
                ROUTER_TEST(test_monitors_owe_nothing_and_are_owed_nothing),
                ROUTER_TEST(test_monitors_rules_can_be_taken_back),
                ROUTER_TEST(test_monitors_hold_up_no_sender),
                ROUTER_TEST(test_monitors_cost_places_not_pieces),
                ROUTER_TEST(test_monitors_over_their_limit_get_nothing_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
