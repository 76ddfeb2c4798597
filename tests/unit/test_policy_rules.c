/* SPDX-License-Identifier: Apache-2.0 */
/* The list of rules, and when a policy knows that it allows everything. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/policy.h"
#include "broker/base/hash.h"

static PolicyRule *add(PolicyRules *rules, PolicyContext context, PolicyRuleKind kind, bool allow)
{
        PolicyRule rule;

        policyrule_init(&rule, context, kind, allow);
        assert_int_equal(policyrules_add(rules, &rule), 0);
        return &rules->items[rules->n - 1];
}

/* As session.conf has them. */
static void add_session(PolicyRules *rules, PolicyContext context)
{
        add(rules, context, POLICY_RULE_SEND, true)->eavesdrop = true;
        add(rules, context, POLICY_RULE_RECEIVE, true)->eavesdrop = true;
        add(rules, context, POLICY_RULE_OWN, true);
}

/* What the policy of these rules, which are freed, knows. */
static void expect(PolicyRules *rules, bool all_messages, bool all_names)
{
        Policy *policy;

        assert_int_equal(policy_compile(rules, 1, &policy), 0);
        assert_int_equal(policy->allows_all_messages, all_messages);
        assert_int_equal(policy->allows_all_names, all_names);
        policy_free(policy);
        policyrules_deinit(rules);
}

static void test_policy_rules_grow_and_append(void **state)
{
        PolicyRules rules = {0}, more = {0};

        (void)state;
        for (int i = 0; i < 40; i++) {
                add(&rules, POLICY_CONTEXT_DEFAULT, POLICY_RULE_OWN, true)->name = strdup("a.b");
                add(&more, POLICY_CONTEXT_USER, POLICY_RULE_OWN, false)->name = strdup("c.d");
        }
        assert_int_equal(policyrules_append(&rules, &more), 0);
        assert_int_equal(more.n, 0);
        assert_int_equal(rules.n, 80);
        assert_string_equal(rules.items[39].name, "a.b");
        assert_string_equal(rules.items[40].name, "c.d");
        assert_true(rules.items[0].requested_reply && !rules.items[40].requested_reply);
        policyrules_deinit(&rules);
        policyrules_deinit(&rules);
        policyrules_deinit(&more);
}

static void test_policy_rules_none_is_not_open(void **state)
{
        PolicyRules rules = {0};

        (void)state;
        expect(&rules, false, false);
}

static void test_policy_rules_session_is_open(void **state)
{
        static const PolicyContext everybody[] = {POLICY_CONTEXT_DEFAULT, POLICY_CONTEXT_CONSOLE,
                                                  POLICY_CONTEXT_MANDATORY};
        PolicyRules rules = {0};
        Policy *policy;

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                add_session(&rules, everybody[i]);
                expect(&rules, true, true);
        }
        assert_int_equal(policy_compile_open(5, &policy), 0);
        assert_true(policy->allows_all_messages && policy->allows_all_names);
        assert_int_equal(policy->generation, 5);
        policy_free(policy);
}

static void test_policy_rules_for_some_is_not_open(void **state)
{
        PolicyRules rules = {0};

        (void)state;
        add_session(&rules, POLICY_CONTEXT_USER);
        expect(&rules, false, false);
        add_session(&rules, POLICY_CONTEXT_GROUP);
        expect(&rules, false, false);
}

/* Denied before all is allowed again: still open. After: not. */
static void test_policy_rules_denied_later_is_not_open(void **state)
{
        PolicyRules rules = {0};

        (void)state;
        add(&rules, POLICY_CONTEXT_DEFAULT, POLICY_RULE_SEND, false);
        add(&rules, POLICY_CONTEXT_DEFAULT, POLICY_RULE_OWN, false);
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        expect(&rules, true, true);
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        add(&rules, POLICY_CONTEXT_USER, POLICY_RULE_OWN, false)->context_id = 77;
        expect(&rules, true, false);
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        add(&rules, POLICY_CONTEXT_GROUP, POLICY_RULE_RECEIVE, false)->context_id = 77;
        expect(&rules, false, true);
}

/* A general rule that does not let everything pass makes those before it void. */
static void test_policy_rules_discarded_is_not_open(void **state)
{
        PolicyRules rules = {0};

        (void)state;
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        add(&rules, POLICY_CONTEXT_DEFAULT, POLICY_RULE_SEND, true);
        expect(&rules, false, true);
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        add(&rules, POLICY_CONTEXT_USER, POLICY_RULE_RECEIVE, true)->min_fds = 1;
        expect(&rules, false, true);
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        add_session(&rules, POLICY_CONTEXT_GROUP);
        expect(&rules, true, true);
}

static void test_policy_rules_logged_is_not_open(void **state)
{
        PolicyRules rules = {0};

        (void)state;
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        add(&rules, POLICY_CONTEXT_DEFAULT, POLICY_RULE_SEND, true)->log = true;
        expect(&rules, false, true);
}

/* Without eavesdrop="true" it leaves out unrequested replies, and what is meant for others. */
static void test_policy_rules_conditions_are_not_open(void **state)
{
        PolicyRules rules = {0};

        (void)state;
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        rules.items[0].eavesdrop = false;
        expect(&rules, false, true);
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        rules.items[0].eavesdrop = rules.items[0].requested_reply = false;
        expect(&rules, true, true);
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        rules.items[1].eavesdrop = rules.items[1].requested_reply = false;
        expect(&rules, false, true);
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        rules.items[0].broadcast = POLICY_BROADCAST_NO;
        expect(&rules, false, true);
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        rules.items[1].max_fds = 1000;
        expect(&rules, false, true);
        add_session(&rules, POLICY_CONTEXT_DEFAULT);
        rules.items[2].name = strdup("a.b");
        expect(&rules, true, false);
}

static int setup_hash(void **state)
{
        (void)state;
        return hash_init();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_policy_rules_grow_and_append),
                cmocka_unit_test(test_policy_rules_none_is_not_open),
                cmocka_unit_test(test_policy_rules_session_is_open),
                cmocka_unit_test(test_policy_rules_for_some_is_not_open),
                cmocka_unit_test(test_policy_rules_denied_later_is_not_open),
                cmocka_unit_test(test_policy_rules_discarded_is_not_open),
                cmocka_unit_test(test_policy_rules_logged_is_not_open),
                cmocka_unit_test(test_policy_rules_conditions_are_not_open),
        };

        return cmocka_run_group_tests_name("policy_rules", tests, setup_hash, NULL);
}
