/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clauses b and c: whoever receives a message and reacts never overtakes it at another receiver;
 * signals that go by match rules reach all who receive them in one order.
 */
#include "tests/order/directed.h"

#define NAME "order.Causal"
#define RULE "type='signal',interface='t.I'"

/* Clause b: A writes to C, then to B; B writes to C. C's mailbox is in another worker's hands. */
static void test_causal_reaction_to_a_unicast_comes_second(void **state)
{
        Scene *scene = *state;
        RawClient *a = directed_join(scene, 0), *b = directed_join(scene, 2),
                  *c = directed_join(scene, 1), *holder = directed_join(scene, 1);
        const RawHeader cause = scene_signal(c->unique_name, "Cause", NULL),
                        word = scene_signal(b->unique_name, "Word", NULL),
                        effect = scene_signal(c->unique_name, "Effect", NULL);
        StagedStop *hold = directed_hold(holder, c);

        (void)scene_send(a, &cause);
        (void)scene_send(a, &word);
        (void)expect_signal(b, a->unique_name, "Word");
        (void)scene_send(b, &effect);
        directed_barrier(b);
        directed_release(hold);
        (void)expect_signal(c, holder->unique_name, "Held");
        (void)expect_signal(c, a->unique_name, "Cause");
        (void)expect_signal(c, b->unique_name, "Effect");
}

/* Which of two subscribers a broadcast of the sender's is pushed to first. */
static RawClient *find_first(RawClient *sender, RawClient *b, RawClient *c)
{
        const RawHeader signal = scene_signal(NULL, "Probe", NULL);
        StagedStop *pushed = directed_arm(STEP_PUSHED, STAGED_ANYBODY);
        RawClient *first = b;

        (void)scene_send(sender, &signal);
        if (pushed) {
                directed_wait(pushed);
                first = pushed->met == directed_id(b) ? b : c;
                directed_release(pushed);
        }
        (void)expect_signal(b, sender->unique_name, "Probe");
        (void)expect_signal(c, sender->unique_name, "Probe");
        return first;
}

/* Clause b: a broadcast is in one mailbox and not yet in the other, and another worker, which has
 * the duty for the first, could send it; then its receiver could react at the second. */
static void test_causal_reaction_to_a_broadcast_comes_second(void **state)
{
        Scene *scene = *state;
        RawClient *a = directed_join(scene, 0), *b = directed_join(scene, 1),
                  *c = directed_join(scene, 1), *holder = directed_join(scene, 1), *first, *second;
        const RawHeader cause = scene_signal(NULL, "Cause", NULL);
        StagedStop *hold, *pushed, *uncommitted;
        RawHeader effect;

        scene_match(b, RULE);
        scene_match(c, RULE);
        first = find_first(a, b, c);
        second = first == b ? c : b;
        hold = directed_hold(holder, first);
        pushed = directed_arm(STEP_PUSHED, directed_id(first));
        (void)scene_send(a, &cause);
        directed_wait(pushed);
        uncommitted = directed_arm(OUTPUT_UNCOMMITTED, directed_id(first));
        directed_release(hold);
        (void)expect_signal(first, holder->unique_name, "Held");
        directed_wait_silent(uncommitted, first);
        directed_release(uncommitted);
        if (directed_stops())
                directed_wait_blocked(1, first); /* for the turn, instead of spinning */
        directed_release(pushed);
        (void)expect_signal(first, a->unique_name, "Cause");
        effect = scene_signal(second->unique_name, "Effect", NULL);
        (void)scene_send(first, &effect);
        (void)expect_signal(second, a->unique_name, "Cause");
        (void)expect_signal(second, first->unique_name, "Effect");
}

/* Clause c: a second broadcast begins while the first is in one mailbox of two. */
static void test_causal_two_broadcasts_have_one_order(void **state)
{
        Scene *scene = *state;
        RawClient *one = directed_join(scene, 0), *two = directed_join(scene, 1),
                  *b = directed_join(scene, 2), *c = directed_join(scene, 3);
        const RawHeader first = scene_signal(NULL, "One", NULL),
                        second = scene_signal(NULL, "Two", NULL);
        StagedStop *pushed;

        scene_match(b, RULE);
        scene_match(c, RULE);
        pushed = directed_arm(STEP_PUSHED, STAGED_ANYBODY);
        (void)scene_send(one, &first);
        directed_wait(pushed);
        if (!directed_stops())
                directed_barrier(one);
        (void)scene_send(two, &second);
        if (pushed)
                directed_wait_blocked(1, pushed->met == directed_id(b) ? c : b);
        directed_release(pushed);
        for (int i = 0; i < 2; i++) {
                RawClient *receiver = i ? c : b;

                (void)expect_signal(receiver, one->unique_name, "One");
                (void)expect_signal(receiver, two->unique_name, "Two");
        }
}

/* Clause c: the bus's own signals are no exception. */
static void test_causal_owner_change_and_broadcast_have_one_order(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *owner = directed_join(scene, 1),
                  *b = directed_join(scene, 2), *c = directed_join(scene, 3);
        const RawHeader signal = scene_signal(NULL, "One", NULL);
        StagedStop *pushed;
        uint32_t serial;

        for (int i = 0; i < 2; i++) {
                scene_match(i ? c : b, RULE);
                scene_match(i ? c : b, DIRECTED_CHANGES ",arg0='" NAME "'");
        }
        pushed = directed_arm(STEP_PUSHED, STAGED_ANYBODY);
        (void)scene_send(sender, &signal);
        directed_wait(pushed);
        if (!directed_stops())
                directed_barrier(sender);
        serial = scene_call(owner, "RequestName", "su", NAME, 0U);
        if (pushed)
                directed_wait_blocked(1, pushed->met == directed_id(b) ? c : b);
        directed_release(pushed);
        for (int i = 0; i < 2; i++) {
                (void)expect_signal(i ? c : b, sender->unique_name, "One");
                expect_owner_change(i ? c : b, NAME, "", owner->unique_name);
        }
        expect_name_signal(owner, "NameAcquired", NAME);
        expect_u32(owner, serial, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                directed_test(test_causal_reaction_to_a_unicast_comes_second),
                directed_test(test_causal_reaction_to_a_broadcast_comes_second),
                directed_test(test_causal_two_broadcasts_have_one_order),
                directed_test(test_causal_owner_change_and_broadcast_have_one_order),
        };

        return directed_run("order_causal", tests);
}
