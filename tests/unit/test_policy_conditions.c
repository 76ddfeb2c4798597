/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions that rules add: broadcasts, fds, replies, eavesdropping; what rules discard, count and
 * log. */

#include "broker/base/hash.h"
#include "tests/unit/policy_fixture.h"

static void test_policy_conditions_broadcast_or_not(void **state)
{
        Header signal = policy_fixture_call();
        Header call = policy_fixture_call();

        (void)state;
        signal.frame.type = FRAME_TYPE_SIGNAL;
        assert_false(
                policy_fixture_may_send(COMPILE({ALLOW_SEND, .broadcast = POLICY_BROADCAST_YES}),
                                        &signal, &policy_fixture_me, 0));
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .broadcast = POLICY_BROADCAST_NO}),
                                            &signal, &policy_fixture_me, 0));
        signal.destination = call.destination = TEXT_NONE;
        assert_true(
                policy_fixture_may_send(COMPILE({ALLOW_SEND, .broadcast = POLICY_BROADCAST_YES}),
                                        &signal, &policy_fixture_me, 0));
        assert_false(
                policy_fixture_may_send(COMPILE({ALLOW_SEND, .broadcast = POLICY_BROADCAST_NO}),
                                        &signal, &policy_fixture_me, 0));
        assert_false(
                policy_fixture_may_send(COMPILE({ALLOW_SEND, .broadcast = POLICY_BROADCAST_YES}),
                                        &call, &policy_fixture_me, 0));
}

static void test_policy_conditions_fds_within_bounds(void **state)
{
        Header call = policy_fixture_call();

        (void)state;
        for (uint32_t n = 0; n < 5; n++) {
                call.n_unix_fds = n;
                assert_int_equal(policy_fixture_may_send(
                                         COMPILE({ALLOW_SEND, .min_fds = 1, .max_fds = 3 + 1}),
                                         &call, &policy_fixture_me, 0),
                                 n >= 1 && n <= 3);
                assert_int_equal(
                        policy_fixture_may_receive(COMPILE({ALLOW_RECEIVE, .max_fds = 0 + 1}),
                                                   &call, &policy_fixture_me, 0),
                        n == 0);
        }
}

static Header reply_header(void)
{
        return (Header){.frame.type = FRAME_TYPE_METHOD_RETURN,
                        .destination = TEXT(":1.5"),
                        .signature = TEXT(""),
                        .reply_serial = 9};
}

static void test_policy_conditions_allows_requested_replies(void **state)
{
        const unsigned requested = POLICY_SHAPE_REQUESTED;
        const Header reply = reply_header();

        (void)state;
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .type = 2}), &reply,
                                            &policy_fixture_me, requested));
        assert_false(policy_fixture_may_send(COMPILE({ALLOW_SEND, .type = 2}), &reply,
                                             &policy_fixture_me, 0));
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .type = 2, .requested_reply = 2}),
                                            &reply, &policy_fixture_me, 0));
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .type = 2, .eavesdrop = true}),
                                            &reply, &policy_fixture_me, 0));
        assert_false(policy_fixture_may_receive(COMPILE({ALLOW_RECEIVE, .type = 2}), &reply,
                                                &policy_fixture_me, 0));
        assert_true(policy_fixture_may_receive(COMPILE({ALLOW_RECEIVE, .type = 2}), &reply,
                                               &policy_fixture_me, requested));
}

static void test_policy_conditions_denies_unrequested_replies(void **state)
{
        const PolicySpec all = {ALLOW_SEND, .eavesdrop = true};
        const unsigned requested = POLICY_SHAPE_REQUESTED;
        const Header reply = reply_header();

        (void)state;
        assert_true(policy_fixture_may_send(COMPILE(all, {DENY_SEND, .type = 2}), &reply,
                                            &policy_fixture_me, requested));
        assert_false(policy_fixture_may_send(COMPILE(all, {DENY_SEND, .type = 2}), &reply,
                                             &policy_fixture_me, 0));
        assert_false(
                policy_fixture_may_send(COMPILE(all, {DENY_SEND, .type = 2, .requested_reply = 1}),
                                        &reply, &policy_fixture_me, requested));
}

/* A call or signal may carry REPLY_SERIAL as well, and is then judged as a reply. */
static void test_policy_conditions_reply_is_what_has_a_reply_serial(void **state)
{
        Header signal = policy_fixture_call();

        (void)state;
        signal.frame.type = FRAME_TYPE_SIGNAL;
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .type = 4}), &signal,
                                            &policy_fixture_me, 0));
        signal.reply_serial = 4;
        assert_false(policy_fixture_may_send(COMPILE({ALLOW_SEND, .type = 4}), &signal,
                                             &policy_fixture_me, 0));
}

static void test_policy_conditions_eavesdropping_is_allowed_by_name(void **state)
{
        const unsigned eavesdrops = POLICY_SHAPE_EAVESDROPS;
        const PolicySpec all = {ALLOW_RECEIVE, .eavesdrop = true};
        const Header call = policy_fixture_call();

        (void)state;
        assert_false(policy_fixture_may_receive(COMPILE({ALLOW_RECEIVE}), &call, &policy_fixture_me,
                                                eavesdrops));
        assert_true(
                policy_fixture_may_receive(COMPILE({ALLOW_RECEIVE}), &call, &policy_fixture_me, 0));
        assert_true(
                policy_fixture_may_receive(COMPILE(all), &call, &policy_fixture_me, eavesdrops));
        assert_false(policy_fixture_may_receive(
                COMPILE(all, {DENY_RECEIVE, .type = 1, .eavesdrop = true}), &call,
                &policy_fixture_me, eavesdrops));
        assert_true(policy_fixture_may_receive(
                COMPILE(all, {DENY_RECEIVE, .type = 1, .eavesdrop = true}), &call,
                &policy_fixture_me, 0));
        assert_false(policy_fixture_may_receive(COMPILE(all, {DENY_RECEIVE, .type = 1}), &call,
                                                &policy_fixture_me, eavesdrops));
}

/* A general rule makes those before it void, also where it does not match itself. */
static void test_policy_conditions_general_rule_discards(void **state)
{
        const Header call = policy_fixture_call();

        (void)state;
        assert_false(policy_fixture_may_send(
                COMPILE({ALLOW_SEND, .type = 1}, {ALLOW_SEND, .broadcast = POLICY_BROADCAST_YES}),
                &call, &policy_fixture_me, 0));
        assert_false(policy_fixture_may_send(
                COMPILE({ALLOW_SEND, .type = 1}, {ALLOW_SEND, .min_fds = 1}), &call,
                &policy_fixture_me, 0));
        assert_true(policy_fixture_may_receive(
                COMPILE({ALLOW_RECEIVE, .type = 1},
                        {ALLOW_SEND, .broadcast = POLICY_BROADCAST_YES}),
                &call, &policy_fixture_me, 0)); /* of its own kind only */
        assert_false(policy_fixture_may_send(
                COMPILE({ALLOW_SEND, .type = 1},
                        {.context = POLICY_CONTEXT_MANDATORY, DENY_SEND, .min_fds = 1}),
                &call, &policy_fixture_me, 0)); /* in other contexts too */
}

static void test_policy_conditions_counts_what_matches(void **state)
{
        Policy *policy = COMPILE({ALLOW_SEND, .type = 1}, {DENY_SEND}, {ALLOW_SEND, .path = "/p"},
                                 {ALLOW_SEND, .path = "/q"}, {DENY_SEND, .name = "com.x.y"});
        const Header call = policy_fixture_call();
        PolicyShape shape;

        (void)state;
        policy_shape(policy, &call, TEXT_NONE, &shape);
        assert_int_equal(policy_count_send(policy, &policy_fixture_me, &policy_fixture_me, &shape),
                         3);
        assert_int_equal(
                policy_count_receive(policy, &policy_fixture_me, &policy_fixture_me, &shape), 0);
        policy_free(policy);
}

static void test_policy_conditions_log_of_the_rule_that_wins(void **state)
{
        const Header call = policy_fixture_call();
        Policy *policy = COMPILE({ALLOW_SEND, .type = 1}, {ALLOW_SEND, .path = "/p", .log = true});
        PolicyVerdict verdict = policy_fixture_ask_send(policy, &call, &policy_fixture_me, 0);

        (void)state;
        assert_true(verdict.allowed && verdict.log);
        policy_free(policy);
        policy = COMPILE({ALLOW_SEND, .path = "/p", .log = true}, {ALLOW_SEND, .type = 1});
        verdict = policy_fixture_ask_send(policy, &call, &policy_fixture_me, 0);
        assert_true(verdict.allowed && !verdict.log);
        policy_free(policy);
}

static int setup_hash(void **state)
{
        (void)state;
        return hash_init();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_policy_conditions_broadcast_or_not),
                cmocka_unit_test(test_policy_conditions_fds_within_bounds),
                cmocka_unit_test(test_policy_conditions_allows_requested_replies),
                cmocka_unit_test(test_policy_conditions_denies_unrequested_replies),
                cmocka_unit_test(test_policy_conditions_reply_is_what_has_a_reply_serial),
                cmocka_unit_test(test_policy_conditions_eavesdropping_is_allowed_by_name),
                cmocka_unit_test(test_policy_conditions_general_rule_discards),
                cmocka_unit_test(test_policy_conditions_counts_what_matches),
                cmocka_unit_test(test_policy_conditions_log_of_the_rule_that_wins),
        };

        return cmocka_run_group_tests_name("policy_conditions", tests, setup_hash, NULL);
}
