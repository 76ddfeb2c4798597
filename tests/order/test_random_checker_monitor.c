/* SPDX-License-Identifier: Apache-2.0 */

/* The checks of the randomized test find what is wrong with a monitor's stream: clause j. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/order/random_story.h"

/* Two messages to one receiver, in the order in which he gets them. */
static void tale_order(Story *story, bool broken)
{
        uint32_t first = story_send(story, 0, RAWMESSAGE_SIGNAL, 1),
                 second = story_send(story, 2, RAWMESSAGE_SIGNAL, 1);

        story_read(story, 1, 0, first);
        story_read(story, 1, 2, second);
        if (broken)
                story_see(story, 2, second);
        story_see(story, 0, first);
        if (!broken)
                story_see(story, 2, second);
}

static void tale_repeated(Story *story, bool broken)
{
        uint32_t serial = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);

        story_read(story, 1, 0, serial);
        story_see(story, 0, serial);
        if (broken)
                story_see(story, 0, serial);
}

static void tale_unseen(Story *story, bool broken)
{
        uint32_t seen = story_send(story, 0, RAWMESSAGE_SIGNAL, 1),
                 unseen = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);

        story_read(story, 1, 0, seen);
        story_read(story, 1, 0, unseen);
        story_see(story, 0, seen);
        if (!broken)
                story_see(story, 0, unseen);
}

/* Sent to somebody who has gone: nobody received it, and all the same it was processed. */
static void tale_unseen_refusal(Story *story, bool broken)
{
        uint32_t first = story_send(story, 0, RAWMESSAGE_SIGNAL, 1),
                 call = story_send_to_name(story, 0, RAWMESSAGE_CALL, 0);

        story_read(story, 1, 0, first);
        story_read_error(story, 0, call, RANDOM_ERROR_NO_OWNER);
        story_see(story, 0, first);
        if (!broken)
                story_see(story, 0, call);
}

static void tale_early_reply(Story *story, bool broken)
{
        uint32_t call = story_send(story, 0, RAWMESSAGE_CALL, 1), reply;

        story_read(story, 1, 0, call);
        reply = story_answer(story, 1, 0, call);
        story_read(story, 0, 1, reply);
        if (broken)
                story_see(story, 1, reply);
        story_see(story, 0, call);
        if (!broken)
                story_see(story, 1, reply);
}

STORY_TEST(order, j)
STORY_TEST(repeated, j)
STORY_TEST(unseen, j)
STORY_TEST(unseen_refusal, j)
STORY_TEST(early_reply, j)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_checker_order_is_clause_j),
                cmocka_unit_test(test_checker_repeated_is_clause_j),
                cmocka_unit_test(test_checker_unseen_is_clause_j),
                cmocka_unit_test(test_checker_unseen_refusal_is_clause_j),
                cmocka_unit_test(test_checker_early_reply_is_clause_j),
        };

        return cmocka_run_group_tests_name("random_checker_monitor", tests, NULL, NULL);
}
