/* SPDX-License-Identifier: Apache-2.0 */

/* See test_random_checker.c: clauses f and h to k. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/order/random_story.h"

/* The client asks for a name and gets it. */
static void take_name(Story *story, unsigned client, unsigned name, unsigned flags)
{
        uint32_t call = story_call(story, client, RANDOM_METHOD_REQUEST_NAME, name, flags);

        story_change(story, name, -1, (int)client);
        story_read_told(story, client, RANDOM_METHOD_ACQUIRED, name);
        story_read_reply(story, client, call, 1);
}

static void tale_stale_owner(Story *story, bool broken)
{
        uint32_t call;

        story_add_rule(story, 2, RANDOM_RULE_CHANGES);
        take_name(story, 0, 0, 0);
        call = story_call(story, 2, RANDOM_METHOD_GET_OWNER, 0, 0);
        story_read_change(story, 2, 0, -1, 0);
        if (broken)
                story_read_error(story, 2, call, RANDOM_ERROR_NO_OWNER);
        else
                story_read_reply(story, 2, call, story_unique(0) + 1);
}

static void tale_early_answer(Story *story, bool broken)
{
        uint32_t call;

        story_add_rule(story, 2, RANDOM_RULE_CHANGES);
        take_name(story, 0, 0, 0);
        call = story_call(story, 2, RANDOM_METHOD_HAS_OWNER, 0, 0);
        story_read_reply(story, 2, call, broken);
        story_read_change(story, 2, 0, -1, 0);
}

static void tale_list(Story *story, bool broken)
{
        uint64_t hash = random_log_hash_name(4);
        RandomRecord answer = {.what = RANDOM_RECEIVED,
                               .type = RAWMESSAGE_RETURN,
                               .to = RANDOM_TO_UNIQUE,
                               .peer = RANDOM_DRIVER};

        story_add_rule(story, 2, RANDOM_RULE_CHANGES);
        take_name(story, 0, 4, 0);
        story_read_change(story, 2, 4, -1, 0);
        answer.reply_serial = story_call(story, 2, RANDOM_METHOD_LIST_NAMES, RANDOM_NAME_NONE, 0);
        for (unsigned i = broken; i < STORY_LOGS; i++)
                hash += random_log_hash_unique(story_unique(i));
        answer.hash = hash;
        story_write(story, 2, &answer, NULL);
}

static void tale_after_loss(Story *story, bool broken)
{
        uint32_t call, signal;

        take_name(story, 0, 0, 1);
        signal = story_send_to_name(story, 2, RAWMESSAGE_SIGNAL, 0);
        if (!broken)
                story_read(story, 0, 2, signal);
        call = story_call(story, 1, RANDOM_METHOD_REQUEST_NAME, 0, 2);
        story_read_told(story, 0, RANDOM_METHOD_LOST, 0);
        story_change(story, 0, 0, 1);
        story_read_told(story, 1, RANDOM_METHOD_ACQUIRED, 0);
        story_read_reply(story, 1, call, 1);
        if (broken)
                story_read(story, 0, 2, signal);
}

static void tale_before_acquired(Story *story, bool broken)
{
        uint32_t call = story_call(story, 0, RANDOM_METHOD_REQUEST_NAME, 0, 0), signal;

        story_change(story, 0, -1, 0);
        signal = story_send_to_name(story, 2, RAWMESSAGE_SIGNAL, 0);
        if (broken)
                story_read(story, 0, 2, signal);
        story_read_told(story, 0, RANDOM_METHOD_ACQUIRED, 0);
        story_read_reply(story, 0, call, 1);
        if (!broken)
                story_read(story, 0, 2, signal);
}

/* Who has read that the name has a new owner is not routed to the old one. */
static void tale_old_owner(Story *story, bool broken)
{
        uint32_t call, signal;

        story_add_rule(story, 2, RANDOM_RULE_CHANGES);
        take_name(story, 0, 0, 1);
        story_read_change(story, 2, 0, -1, 0);
        call = story_call(story, 1, RANDOM_METHOD_REQUEST_NAME, 0, 2);
        story_change(story, 0, 0, 1);
        story_read_change(story, 2, 0, 0, 1);
        signal = story_send_to_name(story, 2, RAWMESSAGE_SIGNAL, 0);
        if (broken)
                story_read(story, 0, 2, signal);
        story_read_told(story, 0, RANDOM_METHOD_LOST, 0);
        story_read_told(story, 1, RANDOM_METHOD_ACQUIRED, 0);
        story_read_reply(story, 1, call, 1);
        if (!broken)
                story_read(story, 1, 2, signal);
}

static void tale_chain(Story *story, bool broken)
{
        story_change(story, 0, -1, 0);
        story_read_told(story, 0, RANDOM_METHOD_ACQUIRED, 0);
        if (!broken) {
                story_change(story, 0, 0, -1);
                story_read_told(story, 0, RANDOM_METHOD_LOST, 0);
        }
        story_change(story, 0, -1, 1);
        story_read_told(story, 1, RANDOM_METHOD_ACQUIRED, 0);
        if (broken)
                story_read_told(story, 0, RANDOM_METHOD_LOST, 0);
}

static void tale_late_acquired(Story *story, bool broken)
{
        uint32_t signal, call;

        story_add_rule(story, 0, RANDOM_RULE_MEMBER);
        call = story_call(story, 0, RANDOM_METHOD_REQUEST_NAME, 0, 0);
        story_change(story, 0, -1, 0);
        signal = story_broadcast(story, 1, 0);
        story_observe(story, 1, signal);
        if (broken)
                story_read(story, 0, 1, signal);
        story_read_told(story, 0, RANDOM_METHOD_ACQUIRED, 0);
        story_read_reply(story, 0, call, 1);
        if (!broken)
                story_read(story, 0, 1, signal);
}

static void tale_reply_first(Story *story, bool broken)
{
        uint32_t call = story_call(story, 0, RANDOM_METHOD_REQUEST_NAME, 0, 0);

        story_change(story, 0, -1, 0);
        if (broken)
                story_read_reply(story, 0, call, 1);
        story_read_told(story, 0, RANDOM_METHOD_ACQUIRED, 0);
        if (!broken)
                story_read_reply(story, 0, call, 1);
}

static void tale_refused(Story *story, bool broken)
{
        uint32_t call;

        story_add_rule(story, 2, RANDOM_RULE_CHANGES);
        take_name(story, 0, 0, 0);
        if (broken)
                story_read_change(story, 2, 0, -1, 0);
        call = story_send_to_name(story, 2, RAWMESSAGE_CALL, 0);
        story_read_error(story, 2, call, RANDOM_ERROR_NO_OWNER);
        if (!broken)
                story_read_change(story, 2, 0, -1, 0);
}

static void tale_after_death(Story *story, bool broken)
{
        uint32_t serial = story_send(story, 0, RAWMESSAGE_SIGNAL, 2), signal;

        story_add_rule(story, 2, RANDOM_RULE_MEMBER);
        story_end(story, 0, RANDOM_END_ORDERLY);
        story_gone(story, 0);
        signal = story_broadcast(story, 1, 0);
        story_observe(story, 1, signal);
        if (!broken)
                story_read(story, 2, 0, serial);
        story_read(story, 2, 1, signal);
        if (broken)
                story_read(story, 2, 0, serial);
}

static void tale_unprocessed(Story *story, bool broken)
{
        uint32_t serial = story_send(story, 0, RAWMESSAGE_SIGNAL, 2);

        story_end(story, 0, RANDOM_END_ABRUPT);
        if (!broken)
                story_read(story, 2, 0, serial);
        story_gone(story, 0);
}

static void tale_names_of_the_dead(Story *story, bool broken)
{
        take_name(story, 0, 0, 0);
        take_name(story, 0, 1, 0);
        story_end(story, 0, RANDOM_END_ABRUPT);
        story_change(story, broken ? 0 : 1, 0, -1);
        story_change(story, broken ? 1 : 0, 0, -1);
        story_gone(story, 0);
}

static void tale_unique_name_first(Story *story, bool broken)
{
        take_name(story, 0, 0, 0);
        story_end(story, 0, RANDOM_END_ABRUPT);
        if (broken)
                story_gone(story, 0);
        story_change(story, 0, 0, -1);
        if (!broken)
                story_gone(story, 0);
}

static void tale_early_no_reply(Story *story, bool broken)
{
        uint32_t call = story_send(story, 2, RAWMESSAGE_CALL, 0), signal;

        story_add_rule(story, 2, RANDOM_RULE_MEMBER);
        signal = story_broadcast(story, 1, 0);
        story_observe(story, 1, signal);
        story_read(story, 0, 2, call);
        story_end(story, 0, RANDOM_END_ABRUPT);
        story_gone(story, 0);
        if (broken)
                story_read_error(story, 2, call, RANDOM_ERROR_NO_REPLY);
        story_read(story, 2, 1, signal);
        if (!broken)
                story_read_error(story, 2, call, RANDOM_ERROR_NO_REPLY);
}

static void tale_closed(Story *story, bool broken)
{
        story_end(story, 0, broken ? RANDOM_END_LOST : RANDOM_END_ORDERLY);
        story_gone(story, 0);
}

static void tale_answers(Story *story, unsigned n)
{
        uint32_t call = story_send(story, 2, RAWMESSAGE_CALL, 0);

        story_read(story, 0, 2, call);
        for (unsigned i = 0; i < n; i++) {
                uint32_t answer = story_answer(story, 0, 2, call);

                story_read(story, 2, 0, answer);
        }
}

static void tale_two_answers(Story *story, bool broken)
{
        tale_answers(story, broken ? 2 : 1);
}

static void tale_no_answer(Story *story, bool broken)
{
        tale_answers(story, broken ? 0 : 1);
}

static void tale_wrong_callee(Story *story, bool broken)
{
        uint32_t call = story_send(story, 2, RAWMESSAGE_CALL, 0), answer;

        story_read(story, 0, 2, call);
        answer = story_answer(story, broken ? 1 : 0, 2, call);
        story_read(story, 2, broken ? 1 : 0, answer);
}

static void tale_unwanted_answer(Story *story, bool broken)
{
        uint32_t signal = story_send(story, 2, RAWMESSAGE_SIGNAL, 0);

        story_read(story, 0, 2, signal);
        if (broken)
                story_read_error(story, 2, signal, RANDOM_ERROR_NO_REPLY);
}

static void tale_false_no_reply(Story *story, bool broken)
{
        uint32_t call = story_send(story, 2, RAWMESSAGE_CALL, 0);

        story_read(story, 0, 2, call);
        if (!broken) {
                story_end(story, 0, RANDOM_END_ABRUPT);
                story_gone(story, 0);
        }
        story_read_error(story, 2, call, RANDOM_ERROR_NO_REPLY);
}

static void tale_other_fds(Story *story, bool broken)
{
        uint32_t serial = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);
        RandomRecord record = story->sent[0][serial];

        record.what = RANDOM_RECEIVED;
        record.peer = story_unique(0);
        record.flags = broken ? RANDOM_FLAG_BAD_FDS : 0;
        story_write(story, 1, &record, NULL);
}

/* 0 has had its round trip behind the message before 1 begins one. */
static void tale_barrier(Story *story, bool broken)
{
        uint32_t serial = story_send(story, 0, RAWMESSAGE_SIGNAL, 1), call;
        const RandomRecord snapshot = {.what = RANDOM_SNAPSHOT, .n_known = 1};
        RandomKnown known = {.unique = story_unique(0)};

        known.serial = story_call(story, 0, RANDOM_METHOD_GET_ID, RANDOM_NAME_NONE, 0);
        story_read_reply(story, 0, known.serial, 0);
        story_write(story, 1, &snapshot, &known);
        call = story_call(story, 1, RANDOM_METHOD_GET_ID, RANDOM_NAME_NONE, 0);
        if (!broken)
                story_read(story, 1, 0, serial);
        story_read_reply(story, 1, call, 0);
        if (broken)
                story_read(story, 1, 0, serial);
}

STORY_TEST(stale_owner, f)
STORY_TEST(early_answer, f)
STORY_TEST(list, f)
STORY_TEST(after_loss, h)
STORY_TEST(before_acquired, h)
STORY_TEST(old_owner, h)
STORY_TEST(chain, h)
STORY_TEST(late_acquired, h)
STORY_TEST(reply_first, h)
STORY_TEST(refused, h)
STORY_TEST(after_death, i)
STORY_TEST(unprocessed, i)
STORY_TEST(names_of_the_dead, i)
STORY_TEST(unique_name_first, i)
STORY_TEST(early_no_reply, i)
STORY_TEST(closed, i)
STORY_TEST(two_answers, j)
STORY_TEST(no_answer, j)
STORY_TEST(wrong_callee, j)
STORY_TEST(unwanted_answer, j)
STORY_TEST(false_no_reply, j)
STORY_TEST(other_fds, k)
STORY_TEST(barrier, k)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_checker_stale_owner_is_clause_f),
                cmocka_unit_test(test_checker_early_answer_is_clause_f),
                cmocka_unit_test(test_checker_list_is_clause_f),
                cmocka_unit_test(test_checker_after_loss_is_clause_h),
                cmocka_unit_test(test_checker_before_acquired_is_clause_h),
                cmocka_unit_test(test_checker_old_owner_is_clause_h),
                cmocka_unit_test(test_checker_chain_is_clause_h),
                cmocka_unit_test(test_checker_late_acquired_is_clause_h),
                cmocka_unit_test(test_checker_reply_first_is_clause_h),
                cmocka_unit_test(test_checker_refused_is_clause_h),
                cmocka_unit_test(test_checker_after_death_is_clause_i),
                cmocka_unit_test(test_checker_unprocessed_is_clause_i),
                cmocka_unit_test(test_checker_names_of_the_dead_is_clause_i),
                cmocka_unit_test(test_checker_unique_name_first_is_clause_i),
                cmocka_unit_test(test_checker_early_no_reply_is_clause_i),
                cmocka_unit_test(test_checker_closed_is_clause_i),
                cmocka_unit_test(test_checker_two_answers_is_clause_j),
                cmocka_unit_test(test_checker_no_answer_is_clause_j),
                cmocka_unit_test(test_checker_wrong_callee_is_clause_j),
                cmocka_unit_test(test_checker_unwanted_answer_is_clause_j),
                cmocka_unit_test(test_checker_false_no_reply_is_clause_j),
                cmocka_unit_test(test_checker_other_fds_is_clause_k),
                cmocka_unit_test(test_checker_barrier_is_clause_k),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
