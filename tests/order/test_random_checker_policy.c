/* SPDX-License-Identifier: Apache-2.0 */

/* The checks of the randomized test find what is wrong with a policy in force: clause l. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/order/random_story.h"

enum { ALLOWS = 0, CHANGES = 1, DENIES = 2 }; /* states of the policy */

/* What is always denied is refused; it reaches nobody. */
static void tale_denied(Story *story, bool broken)
{
        uint32_t call = story_send_judged(story, 0, 1, RANDOM_FLAG_DENIED, ALLOWS);

        if (broken)
                story_read(story, 1, 0, call);
        else
                story_read_denial(story, 0, call, ALLOWS);
        if (broken)
                story_read(story, 0, 1, story_answer(story, 1, 0, call));
}

static void tale_unsaid(Story *story, bool broken)
{
        uint32_t call =
                story_send_judged(story, 0, 1, RANDOM_FLAG_DENIED | RANDOM_FLAG_NO_REPLY, ALLOWS);

        if (!broken)
                story_read_denial(story, 0, call, ALLOWS);
}

static void tale_allowed(Story *story, bool broken)
{
        uint32_t call = story_send(story, 0, RAWMESSAGE_CALL, 1);

        if (broken) {
                story_read_denial(story, 0, call, ALLOWS);
                return;
        }
        story_read(story, 1, 0, call);
        story_read(story, 0, 1, story_answer(story, 1, 0, call));
}

/* It was sent while it was allowed, and the answer is there before that changes. */
static void tale_too_late(Story *story, bool broken)
{
        uint32_t call =
                story_send_judged(story, 0, 1, RANDOM_FLAG_BY_TURNS, broken ? ALLOWS : DENIES);

        story_read_denial(story, 0, call, broken ? ALLOWS : DENIES);
}

/* While the policy changes either may happen. */
static void tale_in_between(Story *story, bool broken)
{
        uint32_t call = story_send_judged(story, 0, 1, RANDOM_FLAG_BY_TURNS, ALLOWS);

        story_read_denial(story, 0, call, broken ? ALLOWS : CHANGES);
}

static void tale_let_pass(Story *story, bool broken)
{
        uint32_t call = story_send_judged(story, 0, 1, RANDOM_FLAG_BY_TURNS | RANDOM_FLAG_NO_REPLY,
                                          broken ? DENIES : ALLOWS);

        story_read(story, 1, 0, call); /* in the state in which it was sent */
}

static void tale_both(Story *story, bool broken)
{
        uint32_t call = story_send_judged(story, 0, 1, RANDOM_FLAG_BY_TURNS | RANDOM_FLAG_NO_REPLY,
                                          CHANGES);

        story_read(story, 1, 0, call);
        if (broken)
                story_read_denial(story, 0, call, CHANGES);
}

STORY_TEST(denied, l)
STORY_TEST(unsaid, l)
STORY_TEST(allowed, l)
STORY_TEST(too_late, l)
STORY_TEST(in_between, l)
STORY_TEST(let_pass, l)
STORY_TEST(both, l)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_checker_denied_is_clause_l),
                cmocka_unit_test(test_checker_unsaid_is_clause_l),
                cmocka_unit_test(test_checker_allowed_is_clause_l),
                cmocka_unit_test(test_checker_too_late_is_clause_l),
                cmocka_unit_test(test_checker_in_between_is_clause_l),
                cmocka_unit_test(test_checker_let_pass_is_clause_l),
                cmocka_unit_test(test_checker_both_is_clause_l),
        };

        return cmocka_run_group_tests_name("order_random_checker_policy", tests, NULL, NULL);
}
