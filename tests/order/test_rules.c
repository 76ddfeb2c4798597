/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clauses d and e: a rule holds for its connection's next message; after the reply to AddMatch
 * nothing is missed, after the reply to RemoveMatch nothing comes.
 */
#include "tests/order/directed.h"

#define RULE "type='signal',interface='t.I',member='S'"
#define WIDER_RULE "type='signal',interface='t.I'"

/* Clause d: pipelined, and begun while another worker is in the middle of a broadcast. */
static void test_rules_calls_act_in_order_with_the_next_messages(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *other = directed_join(scene, 1),
                  *b = directed_join(scene, 2), *c = directed_join(scene, 3);
        const RawHeader noise = scene_signal(NULL, "Noise", NULL),
                        signal = scene_signal(NULL, "S", "u");
        StagedStop *pushed;
        uint32_t add, remove;
        unsigned number;

        scene_match(b, "member='Noise'");
        scene_match(c, "member='Noise'");
        pushed = directed_arm(STEP_PUSHED, STAGED_ANYBODY);
        (void)scene_send(other, &noise);
        directed_wait(pushed);
        add = scene_call(sender, "AddMatch", "s", RULE);
        (void)scene_send(sender, &signal, 1U);
        remove = scene_call(sender, "RemoveMatch", "s", RULE);
        (void)scene_send(sender, &signal, 2U);
        directed_wait_blocked(0, sender);
        directed_release(pushed);
        expect_empty(sender, add);
        assert_true(rawmessage_read(expect_signal(sender, sender->unique_name, "S"), "u", &number));
        assert_int_equal(number, 1);
        expect_empty(sender, remove);
        expect_nothing(sender);
        (void)expect_signal(b, other->unique_name, "Noise");
        (void)expect_signal(c, other->unique_name, "Noise");
}

/* Clause e: the rule comes after the look-up of a broadcast, which is pushed after another one that
 * the rule's owner has received already: so it has to receive this one, too. */
static void test_rules_added_during_a_look_up_miss_nothing(void **state)
{
        Scene *scene = *state;
        RawClient *slow = directed_join(scene, 0), *quick = directed_join(scene, 1),
                  *old = directed_join(scene, 1), *new = directed_join(scene, 1);
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        StagedStop *found;

        scene_match(old, RULE);
        found = directed_arm(BROADCAST_FOUND, directed_id(slow));
        if (directed_stops())
                (void)scene_send(slow, &signal);
        directed_wait(found);
        scene_match(new, RULE);
        (void)scene_send(quick, &signal);
        (void)expect_signal(old, quick->unique_name, "S");
        (void)expect_signal(new, quick->unique_name, "S");
        directed_release(found);
        if (!directed_stops())
                (void)scene_send(slow, &signal);
        (void)expect_signal(old, slow->unique_name, "S");
        directed_expect_pushed(new, slow->unique_name, "S");
}

/* Clause e: the rule goes after the look-up of a broadcast that is pushed later. */
static void test_rules_removed_during_a_look_up_bring_nothing(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *stays = directed_join(scene, 1),
                  *goes = directed_join(scene, 1);
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        StagedStop *found;

        scene_match(stays, RULE);
        scene_match(goes, RULE);
        found = directed_arm(BROADCAST_FOUND, directed_id(sender));
        if (directed_stops())
                (void)scene_send(sender, &signal);
        directed_wait(found);
        expect_empty(goes, scene_call(goes, "RemoveMatch", "s", RULE));
        directed_release(found);
        if (!directed_stops())
                (void)scene_send(sender, &signal);
        (void)expect_signal(stays, sender->unique_name, "S");
        expect_nothing(goes);
}

/* Clause e: one rule is replaced by another that overlaps it, while a look-up is between the two
 * places where they are kept. `from` and `to` in both orders: one of them is the dangerous one. */
static void replace_during_a_look_up(Scene *scene, const char *from, const char *to)
{
        RawClient *sender = directed_join(scene, 0), *keeper = directed_join(scene, 1),
                  *mover = directed_join(scene, 1);
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        StagedStop *probed;

        scene_match(keeper, RULE);
        scene_match(keeper, WIDER_RULE);
        scene_match(mover, from);
        probed = directed_arm(MATCHES_PROBED, directed_id(sender));
        if (directed_stops())
                (void)scene_send(sender, &signal);
        directed_wait(probed);
        scene_match(mover, to);
        expect_empty(mover, scene_call(mover, "RemoveMatch", "s", from));
        directed_release(probed);
        if (!directed_stops())
                (void)scene_send(sender, &signal);
        (void)expect_signal(keeper, sender->unique_name, "S");
        directed_expect_pushed(mover, sender->unique_name, "S");
        expect_nothing(keeper);
}

static void test_rules_replaced_by_a_wider_one_miss_nothing(void **state)
{
        replace_during_a_look_up(*state, RULE, WIDER_RULE);
}

static void test_rules_replaced_by_a_narrower_one_miss_nothing(void **state)
{
        replace_during_a_look_up(*state, WIDER_RULE, RULE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                directed_test(test_rules_calls_act_in_order_with_the_next_messages),
                directed_test(test_rules_added_during_a_look_up_miss_nothing),
                directed_test(test_rules_removed_during_a_look_up_bring_nothing),
                directed_test(test_rules_replaced_by_a_wider_one_miss_nothing),
                directed_test(test_rules_replaced_by_a_narrower_one_miss_nothing),
        };

        return directed_run("order_rules", tests);
}
