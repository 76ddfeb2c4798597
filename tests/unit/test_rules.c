/* SPDX-License-Identifier: Apache-2.0 */
/* AddMatch and RemoveMatch: counting, limits, what goes with whom, and the order of their effects.
 */
#include <stdio.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/router/busmessage.h"
#include "tests/unit/router_fixture.h"

static void write_nothing(Writer *writer, const void *context)
{
        (void)writer;
        (void)context;
}

static Message *build_ack(Actor *actor)
{
        WriterHeader header = {.type = FRAME_TYPE_METHOD_RETURN,
                               .sender = BUSMESSAGE_BUS_NAME,
                               .reply_serial = 77,
                               .destination = actor_name(actor)};

        return busmessage_build(actor->thread, &header, write_nothing, NULL);
}

static MatchRule parse(const char *text, char *scratch)
{
        MatchRule rule;

        assert_int_equal(matchrule_parse(text_from(text), scratch, &rule, NULL), MATCHRULE_OK);
        return rule;
}

static void test_rules_ack_separates_before_and_after(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);
        char scratch[MATCHRULE_TEXT_MAX];
        MatchRule rule = parse("interface=a.b", scratch);

        actor_broadcast(b, "Before", "");
        assert_int_equal(rules_add(a->thread, &a->endpoint, &rule, build_ack(a)), RULES_OK);
        actor_broadcast(b, "Between", "");
        assert_int_equal(rules_remove(a->thread, &a->endpoint, &rule, build_ack(a)), RULES_OK);
        actor_broadcast(b, "After", "");
        actor_expect(a, "return 77");
        actor_expect(a, "signal Between ");
        actor_expect(a, "return 77");
        actor_expect_nothing(a);
}

/* Keys in another order, quoted or not, are the same rule; it counts as often as it was added. */
static void test_rules_equal_rules_are_counted(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);

        assert_int_equal(actor_add_rule(a, "interface=a.b,member=M"), RULES_OK);
        assert_int_equal(actor_add_rule(a, "member='M',interface='a.b'"), RULES_OK);
        assert_int_equal(rules_count(a->thread, &a->endpoint), 2);
        actor_broadcast(b, "M", "");
        actor_expect(a, "signal M ");
        actor_expect_nothing(a); /* once, however many rules match */
        assert_int_equal(actor_remove_rule(a, "interface=a.b,member=M"), RULES_OK);
        actor_broadcast(b, "M", "");
        actor_expect(a, "signal M ");
        assert_int_equal(actor_remove_rule(a, "interface=a.b,member=M"), RULES_OK);
        actor_broadcast(b, "M", "");
        actor_expect_nothing(a);
        assert_int_equal(actor_remove_rule(a, "interface=a.b,member=M"), RULES_NOT_FOUND);
        assert_int_equal(rules_count(a->thread, &a->endpoint), 0);
}

static void test_rules_totals_and_peaks_are_counted(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);
        const Router *router = &fixture->router;
        unsigned n, peak;

        assert_int_equal(actor_add_rule(a, "member=M"), RULES_OK);
        assert_int_equal(actor_add_rule(a, "member=M"), RULES_OK);
        assert_int_equal(actor_add_rule(b, "member=N"), RULES_OK);
        assert_int_equal(tally_read(&router->n_rules), 3);
        assert_int_equal(actor_remove_rule(a, "member=M"), RULES_OK);
        rules_read_counts(a->thread, &a->endpoint, &n, &peak);
        assert_int_equal(n, 1);
        assert_int_equal(peak, 2);
        actor_leave(a);
        assert_int_equal(tally_read(&router->n_rules), 1);
        assert_int_equal(tally_read(&router->peak_rules), 3);
        assert_int_equal(tally_read(&router->peak_rules_per_connection), 2);
}

/* What was removed while the list was made is not on it. */
static void test_rules_list_holds_each_rule_with_its_count(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);
        char text[MATCHRULE_CANONICAL_MAX];
        MatchesListed *listed;
        size_t n;

        for (unsigned i = 0; i < 600; i++) {
                snprintf(text, sizeof(text), "arg0='%u'", i);
                assert_int_equal(actor_add_rule(i % 2 ? a : b, text), RULES_OK);
        }
        assert_int_equal(actor_add_rule(a, "arg0='1'"), RULES_OK);
        assert_int_equal(actor_remove_rule(b, "arg0='0'"), RULES_OK);
        assert_int_equal(matches_list(&fixture->router.matches, &fixture->router.turn, &listed, &n),
                         0);
        assert_int_equal(n, 599);
        for (size_t i = 0; i < n; i++) {
                bool twice;

                text[matches_entry_write(listed[i].entry, text)] = '\0';
                twice = !strcmp(text, "arg0='1'");
                assert_string_not_equal(text, "arg0='0'");
                assert_int_equal(listed[i].n, twice ? 2 : 1);
        }
        alloc_free(listed);
}

/* The reference's bug is not copied: another namespace is another rule. */
static void test_rules_namespaces_differ(void **state)
{
        Actor *a = actor_join(*state, 0);

        actor_add_rule(a, "path_namespace=/a");
        assert_int_equal(actor_remove_rule(a, "path_namespace=/b"), RULES_NOT_FOUND);
        assert_int_equal(actor_remove_rule(a, "path=/a"), RULES_NOT_FOUND);
        assert_int_equal(actor_remove_rule(a, "path_namespace=/a"), RULES_OK);
}

static void test_rules_of_another_connection_are_not_found(void **state)
{
        Actor *a = actor_join(*state, 0), *b = actor_join(*state, 0);

        actor_add_rule(a, "member=M");
        assert_int_equal(actor_remove_rule(b, "member=M"), RULES_NOT_FOUND);
        assert_int_equal(actor_remove_rule(a, "member=M"), RULES_OK);
}

static void test_rules_limit_counts_repetitions(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0);

        fixture->root->limits.max_match_rules_per_connection = 2;
        assert_int_equal(actor_add_rule(a, "member=M"), RULES_OK);
        assert_int_equal(actor_add_rule(a, "member=M"), RULES_OK);
        assert_int_equal(actor_add_rule(a, "member=M"), RULES_LIMIT);
        assert_int_equal(actor_add_rule(a, "sender=com.example.X"), RULES_LIMIT);
        assert_null(names_find(&fixture->router.names, TEXT("com.example.X")));
        assert_int_equal(actor_remove_rule(a, "member=M"), RULES_OK);
        assert_int_equal(actor_add_rule(a, "member=N"), RULES_OK);
}

/* A connection's end frees the rules of others that could only match it. */
static void test_rules_naming_a_connection_go_with_it(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);
        Actor *c = actor_join(fixture, 1);

        actor_add_rule(a, "sender=:1.1");
        actor_add_rule(a, "sender=:1.1");
        actor_add_rule(a, "sender=:1.2,destination=:1.1,eavesdrop=true"); /* names two */
        actor_add_rule(a, "sender=:1.1,destination=:1.2,eavesdrop=true");
        actor_add_rule(a, "destination=:1.1,eavesdrop=true");
        actor_add_rule(a, "sender=com.example.X,destination=:1.1");
        actor_add_rule(a, "member=Stays");
        assert_int_equal(rules_count(a->thread, &a->endpoint), 7);
        assert_int_equal(counter_read(&fixture->router.n_capturing), 3);
        actor_leave(b);
        assert_int_equal(rules_count(a->thread, &a->endpoint), 1);
        assert_int_equal(counter_read(&fixture->router.n_capturing), 0);
        assert_null(names_find(&fixture->router.names, TEXT("com.example.X")));
        assert_int_equal(actor_remove_rule(a, "sender=:1.1"), RULES_NOT_FOUND);
        assert_int_equal(fixture->router.matches.n_entries, 1);
        assert_null(matches_first_naming(&c->endpoint));
}

static void test_rules_end_with_their_connection(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);

        for (int i = 0; i < 3; i++)
                actor_add_rule(a, "interface=a.b,arg0=x");
        actor_add_rule(a, "eavesdrop=true");
        actor_add_rule(a, "type=method_call,destination=com.example.X");
        actor_leave(a);
        assert_int_equal(fixture->router.matches.n_entries, 0);
        assert_int_equal(table_count(&fixture->router.matches.groups), 0);
        assert_int_equal(table_count(&fixture->router.matches.interfaces), 0);
        assert_int_equal(counter_read(&fixture->router.n_capturing), 0);
        actor_broadcast(b, "M", "x");
        assert_int_equal(actor_drop(b), 0);
}

/* A rule by well-known sender follows the owner. */
static void test_rules_by_name_follow_the_owner(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1), *c = actor_join(fixture, 0);

        actor_request(b, "com.example.X", NAMES_ALLOW_REPLACEMENT);
        actor_add_rule(a, "sender=com.example.X"); /* its owner does not know yet that it matters */
        actor_broadcast(b, "One", "");
        actor_broadcast(c, "Two", "");
        actor_request(c, "com.example.X", NAMES_REPLACE_EXISTING);
        actor_broadcast(b, "Three", "");
        actor_broadcast(c, "Four", "");
        actor_release(c, "com.example.X");
        actor_broadcast(b, "Five", "");
        actor_broadcast(c, "Six", "");
        actor_expect(a, "signal One ");
        actor_expect(a, "signal Four ");
        actor_expect(a, "signal Five "); /* b had been waiting in the queue */
        actor_expect_nothing(a);
        actor_remove_rule(a, "sender=com.example.X");
        actor_broadcast(b, "Seven", "");
        actor_expect_nothing(a);
}

static void test_rules_by_bus_match_the_bus_only(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);

        actor_add_rule(a, "sender=org.freedesktop.DBus,arg0=com.example.X");
        actor_broadcast(b, "NameOwnerChanged", "com.example.X");
        actor_request(b, "com.example.Y", 0);
        actor_request(b, "com.example.X", 0);
        actor_expect(a, "signal NameOwnerChanged com.example.X,,:1.1");
        actor_expect_nothing(a);
}

/* "Replaces one rule by another that overlaps it": the version tells a sender to look again. */
static void test_rules_every_change_bumps_the_version(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0);
        uint64_t version = turn_version(&fixture->router.turn);

        actor_add_rule(a, "member=M");
        assert_true(turn_version(&fixture->router.turn) > version);
        version = turn_version(&fixture->router.turn);
        actor_remove_rule(a, "member=M");
        assert_true(turn_version(&fixture->router.turn) > version);
        version = turn_version(&fixture->router.turn);
        actor_request(a, "com.example.X", 0);
        assert_true(turn_version(&fixture->router.turn) > version);
        version = turn_version(&fixture->router.turn);
        actor_release(a, "com.example.X");
        assert_true(turn_version(&fixture->router.turn) > version);
        actor_add_rule(a, "member=M");
        version = turn_version(&fixture->router.turn);
        actor_leave(a);
        assert_true(turn_version(&fixture->router.turn) > version);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_rules_ack_separates_before_and_after),
                ROUTER_TEST(test_rules_equal_rules_are_counted),
                ROUTER_TEST(test_rules_totals_and_peaks_are_counted),
                ROUTER_TEST(test_rules_list_holds_each_rule_with_its_count),
                ROUTER_TEST(test_rules_namespaces_differ),
                ROUTER_TEST(test_rules_of_another_connection_are_not_found),
                ROUTER_TEST(test_rules_limit_counts_repetitions),
                ROUTER_TEST(test_rules_naming_a_connection_go_with_it),
                ROUTER_TEST(test_rules_end_with_their_connection),
                ROUTER_TEST(test_rules_by_name_follow_the_owner),
                ROUTER_TEST(test_rules_by_bus_match_the_bus_only),
                ROUTER_TEST(test_rules_every_change_bumps_the_version),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
