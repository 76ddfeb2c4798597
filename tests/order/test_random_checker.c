/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The checks of the randomized test find what is broken, and call it by its clause (see
 * story_tell()). Clauses a to e; the others are in test_random_checker_names.c.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/order/random_story.h"

static void tale_reordered(Story *story, bool broken)
{
        uint32_t first = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);
        uint32_t second = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);

        story_read(story, 1, 0, broken ? second : first);
        story_read(story, 1, 0, broken ? first : second);
}

static void tale_mixed(Story *story, bool broken)
{
        uint32_t signal = story_broadcast(story, 0, 0), unicast;

        story_add_rule(story, 1, RANDOM_RULE_INTERFACE);
        unicast = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);
        story_observe(story, 0, signal);
        if (!broken)
                story_read(story, 1, 0, signal);
        story_read(story, 1, 0, unicast);
        if (broken)
                story_read(story, 1, 0, signal);
}

static void tale_twice(Story *story, bool broken)
{
        uint32_t serial = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);

        story_read(story, 1, 0, serial);
        if (broken)
                story_read(story, 1, 0, serial);
}

static void tale_lost(Story *story, bool broken)
{
        uint32_t serial = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);

        if (!broken)
                story_read(story, 1, 0, serial);
}

static void tale_gap(Story *story, bool broken)
{
        uint32_t first = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);
        uint32_t second = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);

        if (!broken)
                story_read(story, 1, 0, first);
        story_read(story, 1, 0, second);
        story_end(story, 1, RANDOM_END_ABRUPT);
        story_gone(story, 1);
}

static void tale_misdelivered(Story *story, bool broken)
{
        uint32_t serial = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);

        story_read(story, 1, 0, serial);
        if (broken)
                story_read(story, 2, 0, serial);
}

static void tale_damaged(Story *story, bool broken)
{
        uint32_t serial = story_send(story, 0, RAWMESSAGE_SIGNAL, 1);
        RandomRecord record = story->sent[0][serial];

        record.what = RANDOM_RECEIVED;
        record.peer = story_unique(0);
        record.flags = broken ? RANDOM_FLAG_BAD_BODY : 0;
        story_write(story, 1, &record, NULL);
}

static void tale_overtaken(Story *story, bool broken)
{
        uint32_t cause = story_send(story, 0, RAWMESSAGE_SIGNAL, 2);
        uint32_t hint = story_send(story, 0, RAWMESSAGE_SIGNAL, 1), effect;
        const RandomKnown known = {.unique = story_unique(0), .serial = hint};

        story_read(story, 1, 0, hint);
        effect = story_send(story, 1, RAWMESSAGE_SIGNAL, 2);
        if (!broken)
                story_read(story, 2, 0, cause);
        story_read_knowing(story, 2, 1, effect, known);
        if (broken)
                story_read(story, 2, 0, cause);
}

static void tale_overtaken_broadcast(Story *story, bool broken)
{
        uint32_t signal, effect;

        story_add_rule(story, 1, RANDOM_RULE_INTERFACE);
        story_add_rule(story, 2, RANDOM_RULE_INTERFACE);
        signal = story_broadcast(story, 0, 0);
        story_observe(story, 0, signal);
        story_read(story, 1, 0, signal);
        effect = story_send(story, 1, RAWMESSAGE_SIGNAL, 2);
        if (!broken)
                story_read(story, 2, 0, signal);
        story_read(story, 2, 1, effect);
        if (broken)
                story_read(story, 2, 0, signal);
}

static void tale_overtaken_change(Story *story, bool broken)
{
        uint32_t effect;

        story_add_rule(story, 1, RANDOM_RULE_CHANGES);
        story_add_rule(story, 2, RANDOM_RULE_CHANGES);
        story_change(story, 0, -1, 0);
        story_read_told(story, 0, RANDOM_METHOD_ACQUIRED, 0);
        story_read_change(story, 1, 0, -1, 0);
        effect = story_send(story, 1, RAWMESSAGE_SIGNAL, 2);
        if (!broken)
                story_read_change(story, 2, 0, -1, 0);
        story_read(story, 2, 1, effect);
        if (broken)
                story_read_change(story, 2, 0, -1, 0);
}

static void tale_two_orders(Story *story, bool broken)
{
        uint32_t x, y;

        story_add_rule(story, 2, RANDOM_RULE_INTERFACE);
        x = story_broadcast(story, 0, 0);
        y = story_broadcast(story, 1, 0);
        story_observe(story, 0, x);
        story_observe(story, 1, y);
        story_read(story, 2, broken ? 1 : 0, broken ? y : x);
        story_read(story, 2, broken ? 0 : 1, broken ? x : y);
}

static void tale_two_orders_of_changes(Story *story, bool broken)
{
        uint32_t signal = story_broadcast(story, 0, 0);

        story_add_rule(story, 2, RANDOM_RULE_INTERFACE);
        story_add_rule(story, 2, RANDOM_RULE_CHANGES);
        story_change(story, 3, -1, 1);
        story_read_told(story, 1, RANDOM_METHOD_ACQUIRED, 3);
        story_observe(story, 0, signal);
        if (!broken)
                story_read_change(story, 2, 3, -1, 1);
        story_read(story, 2, 0, signal);
        if (broken)
                story_read_change(story, 2, 3, -1, 1);
}

static void tale_pipelined_rule(Story *story, bool broken)
{
        uint32_t call =
                story_call(story, 0, RANDOM_METHOD_ADD_MATCH, RANDOM_NAME_NONE, RANDOM_RULE_MEMBER);
        uint32_t signal = story_broadcast(story, 0, 0);

        story_observe(story, 0, signal);
        story_read_reply(story, 0, call, 0);
        if (!broken)
                story_read(story, 0, 0, signal);
}

static void tale_pipelined_name(Story *story, bool broken)
{
        uint32_t call = story_call(story, 0, RANDOM_METHOD_REQUEST_NAME, 1, 0);
        uint32_t signal = story_broadcast(story, 0, 0);

        if (broken)
                story_observe(story, 0, signal);
        story_change(story, 1, -1, 0);
        if (!broken)
                story_observe(story, 0, signal);
        story_read_told(story, 0, RANDOM_METHOD_ACQUIRED, 1);
        story_read_reply(story, 0, call, 1);
}

static void tale_missed(Story *story, bool broken)
{
        story_add_rule(story, 2, RANDOM_RULE_MEMBER);
        for (unsigned i = 0; i < 3; i++) {
                uint32_t signal = story_broadcast(story, 0, 0);

                story_observe(story, 0, signal);
                if (i != 1 || !broken)
                        story_read(story, 2, 0, signal);
        }
}

/* One rule for another that overlaps: at no time is there neither. */
static void tale_replaced(Story *story, bool broken)
{
        uint32_t signals[3], calls[2];

        for (unsigned i = 0; i < 3; i++)
                signals[i] = story_broadcast(story, 0, 0);
        for (unsigned i = 0; i < 3; i++)
                story_observe(story, 0, signals[i]);
        story_add_rule(story, 2, RANDOM_RULE_MEMBER);
        story_read(story, 2, 0, signals[0]);
        calls[0] = story_call(story, 2, RANDOM_METHOD_ADD_MATCH, RANDOM_NAME_NONE,
                              RANDOM_RULE_INTERFACE);
        calls[1] = story_call(story, 2, RANDOM_METHOD_REMOVE_MATCH, RANDOM_NAME_NONE,
                              RANDOM_RULE_MEMBER);
        if (!broken)
                story_read(story, 2, 0, signals[1]);
        story_read_reply(story, 2, calls[0], 0);
        story_read_reply(story, 2, calls[1], 0);
        story_read(story, 2, 0, signals[2]);
}

static void tale_removed(Story *story, bool broken)
{
        uint32_t signal, call;

        story_add_rule(story, 2, RANDOM_RULE_MEMBER);
        signal = story_broadcast(story, 0, 0);
        story_observe(story, 0, signal);
        story_read(story, 2, 0, signal);
        call = story_call(story, 2, RANDOM_METHOD_REMOVE_MATCH, RANDOM_NAME_NONE,
                          RANDOM_RULE_MEMBER);
        story_read_reply(story, 2, call, 0);
        signal = story_broadcast(story, 0, 0);
        story_observe(story, 0, signal);
        if (broken)
                story_read(story, 2, 0, signal);
}

/* A rule for a well-known name as sender, and the name changes hands between two broadcasts. */
static void tale_followed(Story *story, bool broken)
{
        uint32_t before = story_broadcast(story, 0, 0), after = story_broadcast(story, 0, 0);

        story_add_rule(story, 2, RANDOM_RULE_OWNER);
        story_observe(story, 0, before);
        story_change(story, 0, -1, 0);
        story_read_told(story, 0, RANDOM_METHOD_ACQUIRED, 0);
        story_observe(story, 0, after);
        story_read(story, 2, 0, broken ? before : after);
}

STORY_TEST(reordered, a)
STORY_TEST(twice, a)
STORY_TEST(lost, a)
STORY_TEST(gap, a)
STORY_TEST(misdelivered, a)
STORY_TEST(damaged, a)
STORY_TEST(mixed, a)
STORY_TEST(overtaken, b)
STORY_TEST(overtaken_broadcast, b)
STORY_TEST(overtaken_change, b)
STORY_TEST(two_orders, c)
STORY_TEST(two_orders_of_changes, c)
STORY_TEST(pipelined_rule, d)
STORY_TEST(pipelined_name, d)
STORY_TEST(missed, e)
STORY_TEST(replaced, e)
STORY_TEST(removed, e)
STORY_TEST(followed, e)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_checker_reordered_is_clause_a),
                cmocka_unit_test(test_checker_twice_is_clause_a),
                cmocka_unit_test(test_checker_lost_is_clause_a),
                cmocka_unit_test(test_checker_gap_is_clause_a),
                cmocka_unit_test(test_checker_misdelivered_is_clause_a),
                cmocka_unit_test(test_checker_damaged_is_clause_a),
                cmocka_unit_test(test_checker_mixed_is_clause_a),
                cmocka_unit_test(test_checker_overtaken_is_clause_b),
                cmocka_unit_test(test_checker_overtaken_broadcast_is_clause_b),
                cmocka_unit_test(test_checker_overtaken_change_is_clause_b),
                cmocka_unit_test(test_checker_two_orders_is_clause_c),
                cmocka_unit_test(test_checker_two_orders_of_changes_is_clause_c),
                cmocka_unit_test(test_checker_pipelined_rule_is_clause_d),
                cmocka_unit_test(test_checker_pipelined_name_is_clause_d),
                cmocka_unit_test(test_checker_missed_is_clause_e),
                cmocka_unit_test(test_checker_replaced_is_clause_e),
                cmocka_unit_test(test_checker_removed_is_clause_e),
                cmocka_unit_test(test_checker_followed_is_clause_e),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
