/* SPDX-License-Identifier: Apache-2.0 */
/* What rules name, whom they concern, and in which order they count. */

#include "broker/base/hash.h"
#include "tests/unit/policy_fixture.h"

static void test_policy_without_rules_denies_all(void **state)
{
        const Header call = policy_fixture_call();

        (void)state;
        assert_false(policy_fixture_may_send(policy_fixture_compile(NULL, 0), &call,
                                             &policy_fixture_me, 0));
        assert_false(policy_fixture_may_receive(policy_fixture_compile(NULL, 0), &call,
                                                &policy_fixture_me, 0));
}

static void test_policy_last_rule_wins(void **state)
{
        const Header call = policy_fixture_call();

        (void)state;
        assert_true(policy_fixture_may_send(
                COMPILE({DENY_SEND, .type = 1}, {ALLOW_SEND, .interface = "a.I"}), &call,
                &policy_fixture_me, 0));
        assert_false(policy_fixture_may_send(
                COMPILE({ALLOW_SEND, .interface = "a.I"}, {DENY_SEND, .type = 1}), &call,
                &policy_fixture_me, 0));
}

/* Written in the opposite order, each context overrides the one below. */
static void test_policy_contexts_in_their_order(void **state)
{
        const PolicySpec specs[] = {
                {.context = POLICY_CONTEXT_MANDATORY, ALLOW_SEND, .type = 1},
                {.context = POLICY_CONTEXT_CONSOLE, DENY_SEND, .type = 1},
                {.context = POLICY_CONTEXT_USER, .context_id = 7, ALLOW_SEND, .type = 1},
                {.context = POLICY_CONTEXT_GROUP, .context_id = 30, DENY_SEND, .type = 1},
                {.context = POLICY_CONTEXT_GROUP, .context_id = 20, ALLOW_SEND, .type = 1},
                {.context = POLICY_CONTEXT_DEFAULT, DENY_SEND, .type = 1},
        };
        const Header call = policy_fixture_call();

        (void)state;
        for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
                assert_int_equal(policy_fixture_may_send(
                                         policy_fixture_compile(
                                                 &specs[i], sizeof(specs) / sizeof(specs[0]) - i),
                                         &call, &policy_fixture_me, 0),
                                 specs[i].allow);
}

static void test_policy_of_others_does_not_count(void **state)
{
        const Header call = policy_fixture_call();

        (void)state;
        assert_false(policy_fixture_may_send(
                COMPILE({.context = POLICY_CONTEXT_USER, .context_id = 8, ALLOW_SEND, .type = 1},
                        {.context = POLICY_CONTEXT_GROUP, .context_id = 25, ALLOW_SEND, .type = 1},
                        {.context = POLICY_CONTEXT_GROUP, .context_id = 7, ALLOW_SEND, .type = 1}),
                &call, &policy_fixture_me, 0));
}

static void test_policy_strings_are_compared(void **state)
{
        const Header call = policy_fixture_call();

        (void)state;
        assert_true(policy_fixture_may_send(
                COMPILE({ALLOW_SEND, .interface = "a.I", .member = "M", .path = "/p"}), &call,
                &policy_fixture_me, 0));
        assert_false(policy_fixture_may_send(COMPILE({ALLOW_SEND, .interface = "a.J"}), &call,
                                             &policy_fixture_me, 0));
        assert_false(policy_fixture_may_send(COMPILE({ALLOW_SEND, .path = "/p", .member = "N"}),
                                             &call, &policy_fixture_me, 0));
        assert_false(policy_fixture_may_send(COMPILE({ALLOW_SEND, .path = "/"}), &call,
                                             &policy_fixture_me, 0));
        assert_false(policy_fixture_may_send(COMPILE({ALLOW_SEND, .type = FRAME_TYPE_SIGNAL}),
                                             &call, &policy_fixture_me, 0));
}

/* An absent field matches, but an absent interface only to deny. */
static void test_policy_absent_fields(void **state)
{
        Header call = policy_fixture_call();

        (void)state;
        call.interface = TEXT_NONE;
        assert_false(policy_fixture_may_send(COMPILE({ALLOW_SEND, .interface = "a.I"}), &call,
                                             &policy_fixture_me, 0));
        assert_false(policy_fixture_may_send(
                COMPILE({ALLOW_SEND, .type = 1}, {DENY_SEND, .interface = "b.J"}), &call,
                &policy_fixture_me, 0));
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .error = "a.E"}), &call,
                                            &policy_fixture_me, 0));
        call.path = call.member = TEXT_NONE;
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .path = "/x", .member = "X"}),
                                            &call, &policy_fixture_me, 0));
}

static void test_policy_destination_is_a_name_of_the_recipient(void **state)
{
        Header call = policy_fixture_call();

        (void)state;
        call.destination = TEXT(":1.5"); /* the text does not matter, */
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .name = "com.x.y"}), &call,
                                            &policy_fixture_me, 0));
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .name = ":1.5"}), &call,
                                            &policy_fixture_me, 0));
        call.destination = TEXT("com.z"); /* even if it is another name */
        assert_false(policy_fixture_may_send(COMPILE({ALLOW_SEND, .name = "com.z"}), &call,
                                             &policy_fixture_me, 0));
        assert_false(policy_fixture_may_send(COMPILE({ALLOW_SEND, .name = "com.x"}), &call,
                                             &policy_fixture_me, 0));
        assert_true(
                policy_fixture_may_send(COMPILE({ALLOW_SEND, .name = "com.x", .is_prefix = true}),
                                        &call, &policy_fixture_me, 0));
        assert_false(
                policy_fixture_may_send(COMPILE({ALLOW_SEND, .name = "com.x.", .is_prefix = true}),
                                        &call, &policy_fixture_me, 0));
}

static void test_policy_destination_of_the_bus_is_the_text(void **state)
{
        Header call = policy_fixture_call();

        (void)state;
        call.destination = TEXT("org.freedesktop.DBus");
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .name = "org.freedesktop.DBus"}),
                                            &call, NULL, 0));
        assert_true(policy_fixture_may_send(COMPILE({ALLOW_SEND, .name = "org", .is_prefix = true}),
                                            &call, NULL, 0));
        assert_true(policy_fixture_may_send(
                COMPILE({ALLOW_SEND, .name = "org.freedesktop", .is_prefix = true},
                        {DENY_SEND, .name = "org.freedesktop"}),
                &call, NULL, 0));
        assert_false(policy_fixture_may_send(
                COMPILE({ALLOW_SEND, .name = "org.free", .is_prefix = true}), &call, NULL, 0));
        assert_false(
                policy_fixture_may_send(COMPILE({ALLOW_SEND, .name = "com.x.y"}), &call, NULL, 0));
}

static void test_policy_sender_is_a_name_of_the_sender(void **state)
{
        Header call = policy_fixture_call();

        (void)state;
        assert_true(policy_fixture_may_receive(COMPILE({ALLOW_RECEIVE, .name = "com.x.y"}), &call,
                                               &policy_fixture_me, 0));
        assert_false(policy_fixture_may_receive(COMPILE({ALLOW_RECEIVE, .name = "com.x"}), &call,
                                                &policy_fixture_me, 0));
        call.sender = TEXT("org.freedesktop.DBus");
        assert_false(policy_fixture_may_receive(COMPILE({ALLOW_RECEIVE, .name = "com.x.y"}), &call,
                                                NULL, 0));
        assert_true(policy_fixture_may_receive(
                COMPILE({ALLOW_RECEIVE, .name = "org.freedesktop.DBus"}), &call, NULL, 0));
}

static void test_policy_own_names_and_prefixes(void **state)
{
        Policy *policy = COMPILE({.kind = POLICY_RULE_OWN, .allow = true},
                                 {.kind = POLICY_RULE_OWN, .name = "com.x", .is_prefix = true},
                                 {.kind = POLICY_RULE_OWN, .allow = true, .name = "com.x.ok"});

        (void)state;
        assert_true(policy_decide_own(policy, &policy_fixture_me, TEXT("com.other")));
        assert_true(policy_decide_own(policy, &policy_fixture_me, TEXT("com.xy")));
        assert_false(policy_decide_own(policy, &policy_fixture_me, TEXT("com.x")));
        assert_false(policy_decide_own(policy, &policy_fixture_me, TEXT("com.x.no")));
        assert_true(policy_decide_own(policy, &policy_fixture_me, TEXT("com.x.ok")));
        assert_false(policy_decide_own(policy, &policy_fixture_me, TEXT("com.x.ok.no")));
        policy_free(policy);
}

static void test_policy_connect_users_and_groups(void **state)
{
        const uint32_t gids[] = {20, 30};
        Policy *policy = policy_fixture_compile(NULL, 0);

        (void)state;
        assert_true(policy_decide_connect(policy, 7, gids, 2, true));
        assert_false(policy_decide_connect(policy, 7, gids, 2, false));
        policy_free(policy);
        /* Mandatory rules come after default ones; groups and users in the order of the file. */
        policy = COMPILE({.kind = POLICY_RULE_GROUP,
                          .context = POLICY_CONTEXT_MANDATORY,
                          .allow = true,
                          .id = 30},
                         {.kind = POLICY_RULE_USER, .allow = true, .id = POLICY_ID_ANY},
                         {.kind = POLICY_RULE_USER, .id = 7});
        assert_true(policy_decide_connect(policy, 7, gids, 2, false));
        assert_false(policy_decide_connect(policy, 7, gids, 1, false));
        assert_false(policy_decide_connect(policy, 7, gids, 1, true)); /* its own user as well */
        assert_true(policy_decide_connect(policy, 8, gids, 1, false));
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
                cmocka_unit_test(test_policy_without_rules_denies_all),
                cmocka_unit_test(test_policy_last_rule_wins),
                cmocka_unit_test(test_policy_contexts_in_their_order),
                cmocka_unit_test(test_policy_of_others_does_not_count),
                cmocka_unit_test(test_policy_strings_are_compared),
                cmocka_unit_test(test_policy_absent_fields),
                cmocka_unit_test(test_policy_destination_is_a_name_of_the_recipient),
                cmocka_unit_test(test_policy_destination_of_the_bus_is_the_text),
                cmocka_unit_test(test_policy_sender_is_a_name_of_the_sender),
                cmocka_unit_test(test_policy_own_names_and_prefixes),
                cmocka_unit_test(test_policy_connect_users_and_groups),
        };

        return cmocka_run_group_tests_name("policy", tests, setup_hash, NULL);
}
