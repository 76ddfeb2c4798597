/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory while a policy is compiled, at each allocation in turn: there is none, and nothing
 * is left behind. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/policy.h"
#include "broker/base/assert.h"
#include "tests/support/shortage.h"

enum {
        N_ALLOCATIONS = 7, /* policy, order, texts (3), tests, sections */
        N_ALLOCATIONS_MAX = 100,
};

/* One rule of each kind, with texts. */
static PolicyRules make_rules(PolicyRule items[static 5])
{
        static char interface[] = "com.x.I", member[] = "M", error[] = "com.x.E", name[] = "a.b";

        policyrule_init(&items[0], POLICY_CONTEXT_DEFAULT, POLICY_RULE_SEND, true);
        items[0].interface = interface;
        items[0].member = member;
        policyrule_init(&items[1], POLICY_CONTEXT_MANDATORY, POLICY_RULE_RECEIVE, false);
        items[1].error = error;
        policyrule_init(&items[2], POLICY_CONTEXT_USER, POLICY_RULE_OWN, true);
        items[2].context_id = 7;
        items[2].name = name;
        policyrule_init(&items[3], POLICY_CONTEXT_DEFAULT, POLICY_RULE_USER, true);
        policyrule_init(&items[4], POLICY_CONTEXT_DEFAULT, POLICY_RULE_GROUP, false);
        return (PolicyRules){.items = items, .n = 5};
}

static void test_policy_memory_every_allocation_may_fail(void **state)
{
        PolicyRule items[5];
        PolicyRules rules = make_rules(items);
        long before = shortage_n_live(), n = 0;
        int r = -ENOMEM;

        (void)state;
        for (; r == -ENOMEM; n++) {
                Policy *policy = NULL;

                assert_true(n < N_ALLOCATIONS_MAX);
                shortage_begin(n);
                r = policy_compile(&rules, 1, &policy);
                shortage_begin(-1);
                if (r == 0) {
                        assert_non_null(policy);
                        policy = policy_free(policy);
                }
                assert_null(policy);
                assert_int_equal(shortage_n_live(), before);
        }
        assert_int_equal(r, 0);
        assert_int_equal(n, N_ALLOCATIONS + 1);
}

/* The policy of a bus without any rules says so itself. */
static void test_policy_memory_open_policy_may_fail(void **state)
{
        Policy *policy = NULL;

        (void)state;
        shortage_begin(0);
        assert_int_equal(policy_compile_open(1, &policy), -ENOMEM);
        shortage_begin(-1);
        assert_null(policy);
        assert_int_equal(policy_compile_open(1, &policy), 0);
        assert_true(policy->allows_all_messages && policy->allows_all_names);
        assert_null(policy_free(policy));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_policy_memory_every_allocation_may_fail),
                cmocka_unit_test(test_policy_memory_open_policy_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
