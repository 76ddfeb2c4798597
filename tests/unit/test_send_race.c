/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may happen between a sender's look-up and its push, made to happen there: the linker puts
 * this program between send.c and what it calls in between.
 */
#include "tests/unit/router_fixture.h"

static void (*between)(RouterFixture *fixture); /* once, at the next call of what is wrapped */
static RouterFixture *between_fixture;

static void run_between(void)
{
        void (*now)(RouterFixture * fixture) = between;

        between = NULL;
        if (now)
                now(between_fixture);
}

Message *__real_message_new_relay(Pool *pool, Incoming *incoming, Text sender,
                                  unsigned n_deliveries, bool own);
Message *__wrap_message_new_relay(Pool *pool, Incoming *incoming, Text sender,
                                  unsigned n_deliveries, bool own);
void __real_matches_find(const Matches *matches, MatchQuery *query, RouterThread *thread);
void __wrap_matches_find(const Matches *matches, MatchQuery *query, RouterThread *thread);

/* In send_unicast(): the route is known, the record is on the callee's list. */
Message *__wrap_message_new_relay(Pool *pool, Incoming *incoming, Text sender,
                                  unsigned n_deliveries, bool own)
{
        run_between();
        return __real_message_new_relay(pool, incoming, sender, n_deliveries, own);
}

void __real_matches_query_read_args(MatchQuery *query);
void __wrap_matches_query_read_args(MatchQuery *query);

static bool after_find, at_args;

/* In the middle of a look-up: rules with the message's interface come before those without. */
void __wrap_matches_query_read_args(MatchQuery *query)
{
        if (at_args)
                run_between();
        __real_matches_query_read_args(query);
}

/* In send_broadcast(): after the look-up without the turn. */
void __wrap_matches_find(const Matches *matches, MatchQuery *query, RouterThread *thread)
{
        __real_matches_find(matches, query, thread);
        if (after_find)
                run_between();
}

/* The actors of a test; the thread that races with the sender is the other worker's. */
static struct {
        Actor *sender, *first, *second;
} cast;

static RouterFixture *begin(void **state, void (*what)(RouterFixture *fixture))
{
        RouterFixture *fixture = *state;

        between = NULL;
        after_find = false;
        at_args = false;
        between_fixture = fixture;
        cast.sender = actor_join(fixture, 0);
        cast.first = actor_join(fixture, 1);
        cast.second = actor_join(fixture, 1);
        actor_request(cast.first, "com.example.X", NAMES_ALLOW_REPLACEMENT);
        router_fixture_drop_all(fixture);
        between = what;
        return fixture;
}

static void replace_owner(RouterFixture *fixture)
{
        (void)fixture;
        actor_request(cast.second, "com.example.X", NAMES_REPLACE_EXISTING);
}

static void release_name(RouterFixture *fixture)
{
        (void)fixture;
        actor_release(cast.first, "com.example.X");
}

static void leave(RouterFixture *fixture)
{
        (void)fixture;
        actor_leave(cast.first);
}

static void test_send_race_owner_changes_new_owner_gets_it(void **state)
{
        begin(state, replace_owner);
        assert_int_equal(actor_call(cast.sender, 5, "com.example.X"), SEND_OK);
        actor_expect(cast.first, "signal NameLost com.example.X"); /* and nothing after it */
        actor_expect_nothing(cast.first);
        actor_expect(cast.second, "signal NameAcquired com.example.X");
        actor_expect(cast.second, "return %u 1", cast.second->serial);
        actor_expect(cast.second, "call Call");
        assert_int_equal(counter_read(&cast.sender->endpoint.n_owed_to), 1);
        assert_int_equal(actor_reply(cast.second, 5, ":1.0"), SEND_OK);
        assert_int_equal(counter_read(&cast.sender->endpoint.n_owed_to), 0);
        actor_expect(cast.sender, "return 5");
        actor_leave(cast.first); /* owes nothing any more */
        actor_expect_nothing(cast.sender);
}

/* The same while somebody eavesdrops, who must see it once. */
static void test_send_race_owner_changes_while_captured(void **state)
{
        RouterFixture *fixture = begin(state, NULL);
        Actor *e = actor_join(fixture, 0);

        actor_add_rule(e, "eavesdrop=true,type=method_call");
        between = replace_owner;
        assert_int_equal(actor_call(cast.sender, 5, "com.example.X"), SEND_OK);
        actor_expect(e, "call Call");
        actor_expect_nothing(e);
        actor_expect(cast.first, "signal NameLost com.example.X");
        actor_expect_nothing(cast.first);
        assert_int_equal(actor_drop(cast.second), 3);
}

static void test_send_race_name_is_released_no_owner(void **state)
{
        begin(state, release_name);
        assert_int_equal(actor_call(cast.sender, 5, "com.example.X"), SEND_NO_OWNER);
        assert_int_equal(counter_read(&cast.sender->endpoint.account->bytes), 0);
        assert_int_equal(counter_read(&cast.sender->endpoint.n_owed_to), 0);
        actor_expect(cast.first, "signal NameLost com.example.X");
        actor_expect(cast.first, "return %u 1", cast.first->serial);
        actor_expect_nothing(cast.first);
}

/* The owner leaves: it answers what it owed, or the sender does, but exactly one of them. */
static void test_send_race_owner_leaves_one_answer(void **state)
{
        begin(state, leave);
        assert_int_equal(actor_call(cast.sender, 5, "com.example.X"), SEND_OK);
        actor_expect(cast.sender, "error 5 NoReply");
        actor_expect_nothing(cast.sender);
        assert_int_equal(counter_read(&cast.sender->endpoint.n_owed_to), 0);
        assert_int_equal(counter_read(&cast.sender->endpoint.account->bytes), 0);
}

static void test_send_race_unique_owner_leaves_one_answer(void **state)
{
        begin(state, leave);
        assert_int_equal(actor_call(cast.sender, 5, ":1.1"), SEND_OK);
        actor_expect(cast.sender, "error 5 NoReply");
        actor_expect_nothing(cast.sender);
}

/* By unique name the epoch does not matter: the message follows the NameLost. */
static void test_send_race_unique_name_ignores_epochs(void **state)
{
        begin(state, replace_owner);
        assert_int_equal(actor_call(cast.sender, 5, ":1.1"), SEND_OK);
        actor_expect(cast.first, "signal NameLost com.example.X");
        actor_expect(cast.first, "call Call");
}

/* fds of a message that had to look again and found nobody go back. */
static void test_send_race_fds_go_back(void **state)
{
        RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                            .serial = 3,
                            .path = "/a",
                            .interface = "a.b",
                            .member = "Fds",
                            .destination = "com.example.X",
                            .unix_fds = 2};
        const int fds[] = {0, 1};
        Parcel parcel;

        begin(state, release_name);
        parcel_init(&parcel, cast.sender, &header, NULL, fds);
        assert_int_equal(
                send_unicast(cast.sender->thread, &cast.sender->endpoint, &parcel.incoming),
                SEND_NO_OWNER);
        assert_non_null(parcel.incoming.fds);
        assert_int_equal(counter_read(&cast.sender->endpoint.account->fds), 0);
        assert_int_equal(counter_read(&cast.first->endpoint.queued_fds), 0);
        parcel_deinit(&parcel, cast.sender);
}

static void add_rule_to_second(RouterFixture *fixture)
{
        (void)fixture;
        actor_add_rule(cast.second, "member=M");
}

static void remove_rule_of_first(RouterFixture *fixture)
{
        (void)fixture;
        actor_remove_rule(cast.first, "member=M");
}

/* The look-up without the turn is only a guess: what changed since is seen inside the turn. */
static void test_send_race_rule_is_added_after_the_look_up(void **state)
{
        begin(state, NULL);
        actor_add_rule(cast.first, "member=M");
        after_find = true;
        between = add_rule_to_second;
        actor_broadcast(cast.sender, "M", "");
        actor_expect(cast.first, "signal M ");
        actor_expect(cast.second, "signal M ");
}

static void test_send_race_rule_is_removed_after_the_look_up(void **state)
{
        begin(state, NULL);
        actor_add_rule(cast.first, "member=M");
        actor_add_rule(cast.second, "member=M");
        after_find = true;
        between = remove_rule_of_first;
        actor_broadcast(cast.sender, "M", "");
        actor_expect_nothing(cast.first);
        actor_expect(cast.second, "signal M ");
}

static void replace_rule_of_first(RouterFixture *fixture)
{
        (void)fixture;
        actor_add_rule(cast.first, "interface=a.b");
        actor_remove_rule(cast.first, "member=M");
}

/* Ordering contract, e: nothing is missed while a rule is replaced by one that overlaps it,
 * although the look-up passed the new one's place before it came and the old one's after it went.
 */
static void test_send_race_rule_is_replaced_during_the_look_up(void **state)
{
        begin(state, NULL);
        actor_add_rule(cast.first, "member=M");
        actor_add_rule(cast.second, "interface=a.b,arg0=other"); /* makes it read arguments */
        at_args = true;
        between = replace_rule_of_first;
        actor_broadcast(cast.sender, "M", "");
        actor_expect(cast.first, "signal M ");
        actor_expect_nothing(cast.first);
        actor_expect_nothing(cast.second);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_send_race_owner_changes_new_owner_gets_it),
                ROUTER_TEST(test_send_race_owner_changes_while_captured),
                ROUTER_TEST(test_send_race_name_is_released_no_owner),
                ROUTER_TEST(test_send_race_owner_leaves_one_answer),
                ROUTER_TEST(test_send_race_unique_owner_leaves_one_answer),
                ROUTER_TEST(test_send_race_unique_name_ignores_epochs),
                ROUTER_TEST(test_send_race_fds_go_back),
                ROUTER_TEST(test_send_race_rule_is_added_after_the_look_up),
                ROUTER_TEST(test_send_race_rule_is_removed_after_the_look_up),
                ROUTER_TEST(test_send_race_rule_is_replaced_during_the_look_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
