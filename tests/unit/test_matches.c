/* SPDX-License-Identifier: Apache-2.0 */
/* The match index: what the random test does not get to: sizes, shapes, stamps, memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/router/matches_private.h"
#include "tests/unit/router_fixture.h"

static void test_matches_many_endpoints_each_once(void **state)
{
        enum { MANY = 2000 };
        RouterFixture *fixture = *state;
        Actor *sender = actor_join(fixture, 0), *first = NULL;

        for (int i = 0; i < MANY; i++) {
                Actor *actor = actor_join(fixture, 1);

                first = first ? first : actor;
                actor_add_rule(actor, "member=M");
                actor_add_rule(actor, "interface=a.b");
                actor_add_rule(actor, "interface=a.b,arg0=x");
                actor_add_rule(actor, "path_namespace=/");
                actor_add_rule(actor, "");
        }
        actor_broadcast(sender, "M", "x");
        assert_int_equal(sender->thread->n_targets, MANY);
        actor_leave(first);
        actor_broadcast(sender, "M", "x");
        assert_int_equal(sender->thread->n_targets, MANY - 1);
        router_fixture_drop_all(fixture);
}

/* A new endpoint on the slot of one that left is not the old one. */
static void test_matches_slot_is_used_again(void **state)
{
        RouterFixture *fixture = *state;
        Actor *sender = actor_join(fixture, 0), *a = actor_join(fixture, 1), *b;
        uint32_t slot = a->endpoint.slot;

        actor_add_rule(a, "member=M");
        actor_broadcast(sender, "M", "");
        actor_leave(a);
        router_fixture_reclaim(fixture);
        b = actor_join(fixture, 1);
        assert_int_equal(b->endpoint.slot, slot);
        actor_broadcast(sender, "M", "");
        actor_expect_nothing(b);
        actor_add_rule(b, "member=M");
        actor_broadcast(sender, "M", "");
        actor_expect(b, "signal M ");
}

/* After 2^32 look-ups the stamps begin again: an old stamp must not look like a new one. */
static void test_matches_stamps_wrap(void **state)
{
        RouterFixture *fixture = *state;
        Actor *sender = actor_join(fixture, 0), *a = actor_join(fixture, 1);

        actor_add_rule(a, "member=M");
        for (uint32_t i = 0; i < 3; i++) {
                sender->thread->stamps[a->endpoint.slot] = i; /* found in a look-up of old */
                sender->thread->stamp = UINT32_MAX;
                actor_broadcast(sender, "M", "");
                actor_expect(a, "signal M ");
        }
}

/* A shape for every argument number, and every depth of three namespaces. */
static void test_matches_every_shape(void **state)
{
        RouterFixture *fixture = *state;
        Actor *sender = actor_join(fixture, 0), *a = actor_join(fixture, 1);
        char rule[MATCHRULE_TEXT_MAX], path[600], value[600];

        for (int i = 0; i < 64; i++) {
                snprintf(rule, sizeof(rule), "arg%d=x", i);
                assert_int_equal(actor_add_rule(a, rule), RULES_OK);
        }
        for (size_t depth = 1; depth <= 240; depth++) {
                for (size_t i = 0; i < depth; i++) {
                        memcpy(path + 2 * i, "/p", 3);
                        memcpy(value + 2 * i, "n.", 3);
                }
                value[2 * depth - 1] = '\0';
                snprintf(rule, sizeof(rule), "path_namespace='%s'", path);
                assert_int_equal(actor_add_rule(a, rule), RULES_OK);
                if (2 * depth - 1 > 255)
                        continue;
                snprintf(rule, sizeof(rule), "arg0namespace='%s'", value);
                assert_int_equal(actor_add_rule(a, rule), RULES_OK);
        }
        actor_broadcast(sender, "M", "y");
        actor_expect_nothing(a);
        actor_broadcast(sender, "M", "x");
        actor_expect(a, "signal M x");
        actor_broadcast(sender, "M", "n.n.n.");
        actor_expect(a, "signal M n.n.n.");
        actor_broadcast(sender, "M", "nn");
        actor_expect_nothing(a);
        actor_leave(a);
        assert_int_equal(table_count(&fixture->router.matches.groups), 0);
        assert_null(cell_get(&fixture->router.matches.any->shapes));
}

/* Rules that differ only in what the shape cannot fix share one group and are told apart. */
static void test_matches_rest_is_checked_for_each_rule(void **state)
{
        RouterFixture *fixture = *state;
        Actor *sender = actor_join(fixture, 0), *a = actor_join(fixture, 1);
        Actor *b = actor_join(fixture, 1), *c = actor_join(fixture, 1);
        RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                            .serial = 1,
                            .path = "/a",
                            .interface = "a.b",
                            .member = "M",
                            .signature = "sos"};

        actor_add_rule(a, "arg0=x,arg2=y");
        actor_add_rule(b, "arg0=x,arg1path=/p/");
        actor_add_rule(c, "arg0=x,arg1=/p/q"); /* an object path is no string */
        assert_int_equal(table_count(&fixture->router.matches.groups), 1);
        actor_send(sender, &header, "x", "/p/q", "z");
        actor_expect_nothing(a);
        actor_expect(b, "signal M x,/p/q,z");
        actor_expect_nothing(c);
        actor_send(sender, &header, "x", "/p", "y");
        actor_expect(a, "signal M x,/p,y");
        actor_expect_nothing(b);
        actor_remove_rule(b, "arg0=x,arg1path=/p/"); /* in the middle of the group */
        actor_send(sender, &header, "x", "/p/q", "y");
        actor_expect(a, "signal M x,/p/q,y");
        actor_expect_nothing(b);
}

/* A path with more elements than any rule can have. */
static void test_matches_path_of_thousands_of_elements(void **state)
{
        RouterFixture *fixture = *state;
        Actor *sender = actor_join(fixture, 0), *a = actor_join(fixture, 1);
        RawHeader header = {
                .type = RAWMESSAGE_SIGNAL, .serial = 1, .interface = "a.b", .member = "M"};
        char *path = calloc(1, 20001);

        for (int i = 0; i < 10000; i++)
                memcpy(path + 2 * i, "/p", 2);
        header.path = path;
        actor_add_rule(a, "path_namespace=/p/p");
        actor_send(sender, &header);
        actor_expect(a, "signal M");
        actor_remove_rule(a, "path_namespace=/p/p");
        actor_add_rule(a, "path_namespace=/p/q");
        actor_send(sender, &header);
        actor_expect_nothing(a);
        free(path);
}

/* So many shapes that further rules are loose; so many of those that differ in their sender that
 * they form groups by name; and a sender with more names than there are rules for. */
static void test_matches_many_names_of_one_sender(void **state)
{
        enum { NAMES = 300, FIRST = 100 };
        RouterFixture *fixture = *state;
        Actor *sender = actor_join(fixture, 0), *a = actor_join(fixture, 1), *b;
        char text[128];

        for (int i = 0; i < 2 * MATCHES_SHAPES_MAX; i++) {
                snprintf(text, sizeof(text), "interface=a.b,arg%d=x", i + 1);
                actor_add_rule(a, text);
        }
        for (int i = 0; i < NAMES; i++) {
                snprintf(text, sizeof(text), "n.v%d", i);
                if (i >= FIRST)
                        actor_request(sender, text, 0);
                snprintf(text, sizeof(text), "interface=a.b,sender=n.v%d", i);
                actor_add_rule(a, text);
                snprintf(text, sizeof(text), "sender=n.v%d,member=Other,arg0path=/", i);
                actor_add_rule(a, text);
        }
        router_fixture_drop_all(fixture);
        actor_broadcast(sender, "M", "");
        actor_expect(a, "signal M ");
        b = actor_join(fixture, 0);
        actor_request(b, "n.v17", 0);
        router_fixture_drop_all(fixture);
        actor_broadcast(b, "M", "");
        actor_expect(a, "signal M ");
        actor_remove_rule(a, "interface=a.b,sender=n.v17");
        actor_broadcast(b, "M", "");
        actor_expect_nothing(a);
        for (int i = FIRST; i < NAMES; i++) {
                snprintf(text, sizeof(text), "interface=a.b,sender=n.v%d", i);
                assert_int_equal(actor_remove_rule(a, text), RULES_OK);
        }
        actor_broadcast(sender, "M", "");
        actor_expect_nothing(a);
        actor_broadcast(sender, "Other", "/x");
        actor_expect(a, "signal Other /x");
        actor_leave(a);
        assert_int_equal(table_count(&fixture->router.matches.groups), 0);
        assert_int_equal(tally_read(&fixture->router.matches.loose.words), 0);
}

/* Rules about what is no broadcast: never found by one, and nowhere in the index. */
static void test_matches_rules_for_others_cost_nothing(void **state)
{
        RouterFixture *fixture = *state;
        Actor *sender = actor_join(fixture, 0), *a = actor_join(fixture, 1);

        actor_add_rule(a, "type=method_call");
        actor_add_rule(a, "type=error,member=M");
        actor_add_rule(a, "destination=:1.0");
        actor_add_rule(a, "destination=com.example.X,eavesdrop=true");
        assert_int_equal(table_count(&fixture->router.matches.groups), 0);
        assert_int_equal(fixture->router.matches.n_entries, 4);
        actor_broadcast(sender, "M", "");
        actor_expect_nothing(a);
}

/* The design's budget: 100 clients with 1000 rules each in 30 MB, that is 300 bytes a rule with all
 * that belongs to it; the entry itself is most of it. */
static void test_matches_entry_is_small(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 1);
        const MatchEntry *entry;

        actor_add_rule(a, "type=signal,sender=org.freedesktop.DBus,interface=org.freedesktop.DBus,"
                          "member=NameOwnerChanged,arg0=com.example.Some.Name");
        entry = matches_first_entry(&a->endpoint);
        assert_in_range(matches_entry_size(entry), 1, 192);
        assert_int_equal(matches_entry_count(entry), 1);
        assert_ptr_equal(matches_entry_endpoint(entry), &a->endpoint);
        assert_null(matches_entry_name(entry));
        assert_false(matches_entry_eavesdrops(entry));
}

/* So many rules that all tables grow; then they go in another order. */
static void test_matches_ten_thousand_rules(void **state)
{
        enum { MANY = 10000 };
        RouterFixture *fixture = *state;
        Actor *sender = actor_join(fixture, 0), *a = actor_join(fixture, 1);
        char text[64], value[16];

        for (int i = 0; i < MANY; i++) {
                snprintf(text, sizeof(text), "interface=a.i%d,arg0=v%d", i % 500, i);
                assert_int_equal(actor_add_rule(a, text), RULES_OK);
                snprintf(text, sizeof(text), "arg0=v%d", i);
                assert_int_equal(actor_add_rule(a, text), RULES_OK);
                if (i % 500 == 0)
                        router_fixture_reclaim(fixture);
        }
        for (int i = 0; i < MANY; i += 7) {
                snprintf(value, sizeof(value), "v%d", i);
                actor_broadcast(sender, "M", value);
                actor_expect(a, "signal M %s", value);
                snprintf(text, sizeof(text), "arg0=v%d", i);
                assert_int_equal(actor_remove_rule(a, text), RULES_OK);
                actor_broadcast(sender, "M", value);
                actor_expect_nothing(a);
        }
        actor_leave(a);
        assert_int_equal(fixture->router.matches.n_entries, 0);
        assert_int_equal(table_count(&fixture->router.matches.interfaces), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_matches_many_endpoints_each_once),
                ROUTER_TEST(test_matches_slot_is_used_again),
                ROUTER_TEST(test_matches_stamps_wrap),
                ROUTER_TEST(test_matches_every_shape),
                ROUTER_TEST(test_matches_rest_is_checked_for_each_rule),
                ROUTER_TEST(test_matches_path_of_thousands_of_elements),
                ROUTER_TEST(test_matches_many_names_of_one_sender),
                ROUTER_TEST(test_matches_rules_for_others_cost_nothing),
                ROUTER_TEST(test_matches_entry_is_small),
                ROUTER_TEST(test_matches_ten_thousand_rules),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
