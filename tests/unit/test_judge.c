/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy on the way of a message, while others change what it is judged by: the linker puts
 * this program between send.c and what it calls.
 */
#include "broker/router/judge.h"
#include "tests/unit/router_fixture.h"

/* What happens once, at the next call of what is wrapped. */
static void (*before_verdict)(void);
static void (*before_push)(void);
static void (*after_find)(void);

static void run(void (**what)(void))
{
        void (*now)(void) = *what;

        *what = NULL;
        if (now)
                now();
}

Verdict __real_judge_unicast(RouterThread *thread, const Endpoint *sender, const Endpoint *to,
                             const Header *header, bool requested);
Verdict __wrap_judge_unicast(RouterThread *thread, const Endpoint *sender, const Endpoint *to,
                             const Header *header, bool requested);
Message *__real_message_new_relay(Pool *pool, Incoming *incoming, Text sender,
                                  unsigned n_deliveries, bool own);
Message *__wrap_message_new_relay(Pool *pool, Incoming *incoming, Text sender,
                                  unsigned n_deliveries, bool own);
void __real_matches_find(const Matches *matches, MatchQuery *query, RouterThread *thread);
void __wrap_matches_find(const Matches *matches, MatchQuery *query, RouterThread *thread);

/* The route is known, nothing is judged yet. */
Verdict __wrap_judge_unicast(RouterThread *thread, const Endpoint *sender, const Endpoint *to,
                             const Header *header, bool requested)
{
        run(&before_verdict);
        return __real_judge_unicast(thread, sender, to, header, requested);
}

/* It was judged and is not pushed yet. */
Message *__wrap_message_new_relay(Pool *pool, Incoming *incoming, Text sender,
                                  unsigned n_deliveries, bool own)
{
        run(&before_push);
        return __real_message_new_relay(pool, incoming, sender, n_deliveries, own);
}

void __wrap_matches_find(const Matches *matches, MatchQuery *query, RouterThread *thread)
{
        __real_matches_find(matches, query, thread);
        run(&after_find);
}

/* Who acts in a test; the thread that races with the sender is the other worker's. */
static struct {
        Actor *sender, *first, *second;
} cast;

static void add(PolicyRules *rules, bool allow, uint8_t type, const char *name)
{
        PolicyRule rule;

        policyrule_init(&rule, POLICY_CONTEXT_DEFAULT, POLICY_RULE_SEND, allow);
        rule.type = type;
        rule.name = name ? strdup(name) : NULL;
        assert_int_equal(policyrules_add(rules, &rule), 0);
}

/* Calls only to X, replies only if asked for, signals to all but Y; all may be received. */
static void set_policy(RouterRoot *root)
{
        PolicyRules rules = {0};
        PolicyRule receive;

        add(&rules, true, FRAME_TYPE_METHOD_CALL, "com.example.X");
        add(&rules, true, FRAME_TYPE_METHOD_RETURN, NULL);
        add(&rules, true, FRAME_TYPE_SIGNAL, NULL);
        add(&rules, false, FRAME_TYPE_SIGNAL, "com.example.Y");
        policyrule_init(&receive, POLICY_CONTEXT_DEFAULT, POLICY_RULE_RECEIVE, true);
        assert_int_equal(policyrules_add(&rules, &receive), 0);
        policy_free(root->policy);
        assert_int_equal(policy_compile(&rules, 2, &root->policy), 0);
        policyrules_deinit(&rules);
}

/* The first one owns X, the second one may take it. */
static RouterFixture *begin(void **state)
{
        RouterFixture *fixture = *state;

        before_verdict = before_push = after_find = NULL;
        set_policy(fixture->root);
        cast.sender = actor_join(fixture, 0);
        cast.first = actor_join(fixture, 1);
        cast.second = actor_join(fixture, 1);
        actor_request(cast.first, "com.example.X", NAMES_ALLOW_REPLACEMENT | NAMES_DO_NOT_QUEUE);
        router_fixture_drop_all(fixture);
        return fixture;
}

static void replace_owner(void)
{
        actor_request(cast.second, "com.example.X", NAMES_REPLACE_EXISTING | NAMES_DO_NOT_QUEUE);
}

static void release_name(void)
{
        actor_release(cast.first, "com.example.X");
}

static uint64_t denied(const Actor *actor)
{
        return tally_read(&actor->thread->n_denied);
}

static void test_judge_denied_call_leaves_no_trace(void **state)
{
        begin(state);
        assert_int_equal(actor_call(cast.sender, 5, ":1.2"), SEND_DENIED);
        assert_int_equal(counter_read(&cast.sender->endpoint.n_owed_to), 0);
        assert_int_equal(denied(cast.sender), 1);
        assert_string_equal(
                judge_refusal(cast.sender->thread),
                "Rejected send message, 0 matched rules; type=\"method_call\", "
                "sender=\":1.0\" (uid=1000) interface=\"(unset)\" member=\"Call\" error "
                "name=\"(unset)\" requested_reply=\"0\" destination=\":1.2\" (uid=1000)");
        assert_int_equal(actor_call(cast.sender, 5, "com.example.X"),
                         SEND_OK); /* the serial is free */
        actor_expect_nothing(cast.second);
}

/* Judged by the names of the old owner the call would be denied. It never was when nobody, or
 * somebody else, owned the name. */
static void test_judge_owner_changes_call_is_judged_again(void **state)
{
        begin(state);
        before_verdict = replace_owner;
        assert_int_equal(actor_call(cast.sender, 5, "com.example.X"), SEND_OK);
        actor_expect(cast.first, "signal NameLost com.example.X");
        actor_expect_nothing(cast.first);
        actor_expect(cast.second, "signal NameAcquired com.example.X");
        actor_expect(cast.second, "return %u 1", cast.second->serial);
        actor_expect(cast.second, "call Call");
        assert_int_equal(denied(cast.sender), 0);
}

static void test_judge_name_released_is_no_owner_and_not_denied(void **state)
{
        begin(state);
        before_verdict = release_name;
        assert_int_equal(actor_call(cast.sender, 5, "com.example.X"), SEND_NO_OWNER);
        assert_int_equal(denied(cast.sender), 0);
}

/* The second attempt of a reply, whose record is used up, to the one that it was for. */
static void test_judge_reply_looked_up_again_is_still_requested(void **state)
{
        begin(state);
        actor_request(cast.second, "com.example.Z", 0);
        actor_drop(cast.second);
        assert_int_equal(actor_call(cast.first, 7, "com.example.X"), SEND_OK); /* to itself */
        actor_drop(cast.first);
        before_push = release_name;
        assert_int_equal(actor_reply(cast.first, 7, ":1.1"), SEND_OK);
        actor_expect(cast.first, "signal NameLost com.example.X");
        actor_expect(cast.first, "return %u 1", cast.first->serial);
        actor_expect(cast.first, "return 7");
        assert_int_equal(actor_reply(cast.first, 7, ":1.1"), SEND_DENIED);
}

/* By name, it would come to somebody who has not asked. */
static void test_judge_reply_to_another_owner_is_not_requested(void **state)
{
        begin(state);
        assert_int_equal(actor_call(cast.first, 7, "com.example.X"), SEND_OK); /* to itself */
        actor_drop(cast.first);
        before_push = replace_owner;
        assert_int_equal(actor_reply(cast.first, 7, "com.example.X"), SEND_DENIED);
        actor_expect(cast.second, "signal NameAcquired com.example.X");
        actor_expect(cast.second, "return %u 1", cast.second->serial);
        actor_expect_nothing(cast.second);
}

static void listen_second(void)
{
        assert_int_equal(actor_add_rule(cast.second, "member='Changed'"), RULES_OK);
}

/* Found by the second look-up, inside the turn. */
static void test_judge_late_subscriber_is_judged(void **state)
{
        begin(state);
        actor_request(cast.second, "com.example.Y", 0);
        actor_drop(cast.second);
        assert_int_equal(actor_add_rule(cast.first, "member='Changed'"), RULES_OK);
        after_find = listen_second;
        assert_int_equal(actor_broadcast(cast.sender, "Changed", "x"), SEND_OK);
        actor_expect(cast.first, "signal Changed x");
        actor_expect_nothing(cast.second);
        assert_int_equal(denied(cast.sender), 1);
        actor_release(cast.second, "com.example.Y");
        actor_drop(cast.second);
        assert_int_equal(actor_broadcast(cast.sender, "Changed", "y"), SEND_OK);
        actor_expect(cast.second, "signal Changed y");
}

/* The same question finds the same answer, until the names are others or the policy is. */
static void test_judge_verdicts_are_remembered(void **state)
{
        RouterFixture *fixture = begin(state);
        RouterThread *thread = cast.sender->thread;
        uint64_t n_misses;

        for (uint32_t serial = 1; serial <= 10; serial++)
                assert_int_equal(actor_call(cast.sender, serial, "com.example.X"), SEND_OK);
        assert_int_equal(tally_read(&thread->n_verdict_hits), 9);
        n_misses = tally_read(&thread->n_verdict_misses);
        actor_request(cast.first, "com.example.W", 0);
        assert_int_equal(actor_call(cast.sender, 11, "com.example.X"), SEND_OK);
        assert_int_equal(tally_read(&thread->n_verdict_misses), n_misses + 1);
        fixture->root->policy->generation = 3;
        assert_int_equal(actor_call(cast.sender, 12, "com.example.X"), SEND_OK);
        assert_int_equal(tally_read(&thread->n_verdict_misses), n_misses + 2);
        router_fixture_drop_all(fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_judge_denied_call_leaves_no_trace),
                ROUTER_TEST(test_judge_owner_changes_call_is_judged_again),
                ROUTER_TEST(test_judge_name_released_is_no_owner_and_not_denied),
                ROUTER_TEST(test_judge_reply_looked_up_again_is_still_requested),
                ROUTER_TEST(test_judge_reply_to_another_owner_is_not_requested),
                ROUTER_TEST(test_judge_late_subscriber_is_judged),
                ROUTER_TEST(test_judge_verdicts_are_remembered),
        };

        return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
