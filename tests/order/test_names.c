/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clause h: a name changes its owner in one step. The new one hears of it before any message
 * addressed to the name, the old one gets none after its NameLost, whoever saw the change reaches
 * the new one, and rules with sender=name follow.
 */
#include "tests/order/directed.h"

#define NAME "order.Name"

enum { ALLOW_REPLACEMENT = 1, REPLACE_EXISTING = 2 };

static void own_replaceably(RawClient *client)
{
        uint32_t serial = scene_call(client, "RequestName", "su", NAME, ALLOW_REPLACEMENT);

        expect_name_signal(client, "NameAcquired", NAME);
        expect_u32(client, serial, 1);
}

static uint32_t begin_takeover(RawClient *client)
{
        return scene_call(client, "RequestName", "su", NAME, REPLACE_EXISTING);
}

static void take_over(RawClient *client)
{
        uint32_t serial = begin_takeover(client);

        expect_name_signal(client, "NameAcquired", NAME);
        expect_u32(client, serial, 1);
}

/* Sends a call by name, and waits until it has been pushed somewhere. */
static void call_by_name(RawClient *client, StagedStop *release)
{
        const RawHeader call = scene_method(NAME, "M", NULL);
        uint32_t barrier;

        if (!release)
                (void)scene_send(client, &call);
        barrier = scene_call(client, "GetId", NULL);
        directed_release(release);
        (void)expect_return(client, barrier);
}

/* The sender has looked the name up and stops before it pushes; meanwhile the name changes hands
 * and the old owner reads its NameLost. */
static void change_under_the_sender(Scene *scene, bool found_only)
{
        RawClient *sender = directed_join(scene, 0), *old = directed_join(scene, 1),
                  *new = directed_join(scene, 1);
        const RawHeader call = scene_method(NAME, "M", NULL);
        StagedStop *stop;

        own_replaceably(old);
        stop = found_only ? directed_arm(NAME_LOADED, directed_id(old))
                          : directed_arm(SEND_RECORDED, directed_id(sender));
        if (stop)
                (void)scene_send(sender, &call);
        directed_wait(stop);
        take_over(new);
        expect_name_signal(old, "NameLost", NAME);
        call_by_name(sender, stop);
        expect_nothing(old);
        (void)expect_call(new, sender->unique_name, "M");
}

static void test_names_old_owner_gets_nothing_pushed_late(void **state)
{
        change_under_the_sender(*state, false);
}

static void test_names_old_owner_gets_nothing_looked_up_early(void **state)
{
        change_under_the_sender(*state, true);
}

/* The same while a third worker takes what is in the old owner's mailbox: that must not undo what
 * the NameLost has done to it. Needs three workers; with fewer only the clause is asserted. */
static void test_names_old_owner_gets_nothing_while_its_mail_is_taken(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *holder = directed_join(scene, 1),
                  *old = directed_join(scene, 1), *new = directed_join(scene, 2);
        const RawHeader call = scene_method(NAME, "M", NULL),
                        signal = scene_signal(old->unique_name, "Held", NULL);
        const bool stops = directed_workers() > 2;
        StagedStop *recorded = NULL, *take = NULL;

        own_replaceably(old);
        if (stops) {
                recorded = directed_arm(SEND_RECORDED, directed_id(sender));
                (void)scene_send(sender, &call);
                directed_wait(recorded);
                take = directed_arm(MAILBOX_TAKE, directed_mailbox(old));
        }
        (void)scene_send(holder, &signal);
        directed_wait(take);
        if (!take)
                (void)expect_signal(old, holder->unique_name, "Held");
        take_over(new);
        directed_release(take);
        if (take)
                (void)expect_signal(old, holder->unique_name, "Held");
        expect_name_signal(old, "NameLost", NAME);
        call_by_name(sender, recorded);
        expect_nothing(old);
        (void)expect_call(new, sender->unique_name, "M");
}

/* A sender that comes while the change is announced and not published waits for it. */
static void test_names_sender_waits_for_a_change_under_way(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *old = directed_join(scene, 2),
                  *new = directed_join(scene, 1);
        const RawHeader call = scene_method(NAME, "M", NULL);
        StagedStop *announced;
        uint32_t serial;

        own_replaceably(old);
        announced = directed_arm(NAME_ANNOUNCED, directed_id(new));
        serial = begin_takeover(new);
        directed_wait(announced);
        if (!announced) {
                expect_name_signal(new, "NameAcquired", NAME);
                expect_u32(new, serial, 1);
        }
        (void)scene_send(sender, &call);
        directed_wait_blocked(0, old);
        directed_release(announced);
        if (announced) {
                expect_name_signal(new, "NameAcquired", NAME);
                expect_u32(new, serial, 1);
        }
        (void)expect_call(new, sender->unique_name, "M");
        expect_name_signal(old, "NameLost", NAME);
        expect_nothing(old);
}

/* The duty for an observer is another worker's while the change is announced and not published:
 * if that worker sent the NameOwnerChanged, the observer would write to the old owner. */
static void test_names_observer_of_the_change_reaches_the_new_owner(void **state)
{
        Scene *scene = *state;
        RawClient *observer = directed_join(scene, 0), *holder = directed_join(scene, 0),
                  *old = directed_join(scene, 1), *new = directed_join(scene, 1);
        const RawHeader call = scene_method(NAME, "M", NULL);
        StagedStop *hold, *announced, *uncommitted;
        uint32_t serial;

        own_replaceably(old);
        scene_match(observer, DIRECTED_CHANGES);
        hold = directed_hold(holder, observer);
        announced = directed_arm(NAME_ANNOUNCED, directed_id(new));
        serial = begin_takeover(new);
        directed_wait(announced);
        uncommitted = directed_arm(OUTPUT_UNCOMMITTED, directed_id(observer));
        directed_release(hold);
        (void)expect_signal(observer, holder->unique_name, "Held");
        directed_wait_silent(uncommitted, observer);
        directed_release(uncommitted);
        directed_release(announced);
        expect_owner_change(observer, NAME, old->unique_name, new->unique_name);
        (void)scene_send(observer, &call);
        expect_name_signal(new, "NameAcquired", NAME);
        expect_u32(new, serial, 1);
        (void)expect_call(new, observer->unique_name, "M");
        expect_name_signal(old, "NameLost", NAME);
        expect_nothing(old);
}

/* The old owner's broadcast is looked up, and pushed after the change: a rule that names the name
 * does not mean the old owner any more. */
static void test_names_rules_follow_the_owner(void **state)
{
        Scene *scene = *state;
        RawClient *old = directed_join(scene, 0), *new = directed_join(scene, 1),
                  *receiver = directed_join(scene, 1);
        const RawHeader signal = scene_signal(NULL, "B", NULL);
        StagedStop *found;

        own_replaceably(old);
        scene_match(receiver, "type='signal',sender='" NAME "',member='B'");
        scene_match(receiver, DIRECTED_CHANGES);
        found = directed_arm(BROADCAST_FOUND, directed_id(old));
        if (found)
                (void)scene_send(old, &signal);
        directed_wait(found);
        take_over(new);
        expect_owner_change(receiver, NAME, old->unique_name, new->unique_name);
        directed_release(found);
        if (!found)
                (void)scene_send(old, &signal);
        expect_name_signal(old, "NameLost", NAME);
        directed_barrier(old);
        (void)scene_send(new, &signal);
        (void)expect_signal(receiver, new->unique_name, "B");
        expect_nothing(receiver);
}

/* The owner is looked up, and leaves before the push; the next in the queue inherits the name. The
 * call was to the old owner: it is answered once, and the heir gets what is sent from then on. */
static void test_names_heir_gets_what_is_sent_later(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *old = directed_join(scene, 1),
                  *heir = directed_join(scene, 1);
        const RawHeader call = scene_method(NAME, "M", NULL),
                        later = scene_method(NAME, "Later", NULL);
        StagedStop *recorded;
        uint32_t serial = 0;

        scene_own(old, NAME);
        expect_u32(heir, scene_call(heir, "RequestName", "su", NAME, 0U), 2);
        recorded = directed_arm(SEND_RECORDED, directed_id(sender));
        if (recorded)
                serial = scene_send(sender, &call);
        directed_wait(recorded);
        scene_leave(scene, old);
        expect_name_signal(heir, "NameAcquired", NAME);
        if (recorded)
                (void)expect_error(sender, serial, "NoReply", NULL);
        directed_release(recorded);
        (void)scene_send(sender, &later);
        (void)expect_call(heir, sender->unique_name, "Later");
        expect_nothing(heir);
        expect_nothing(sender);
}

/* Nobody owns the name at the sender's first look; before it can refuse the call, somebody does. */
static void test_names_late_owner_is_found_before_a_refusal(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *owner = directed_join(scene, 1);
        const RawHeader call = scene_method(NAME, "M", NULL);
        StagedStop *nobody = directed_arm(SEND_NOBODY, directed_id(sender));

        if (nobody)
                (void)scene_send(sender, &call);
        directed_wait(nobody);
        scene_own(owner, NAME);
        call_by_name(sender, nobody);
        (void)expect_call(owner, sender->unique_name, "M");
}

/* Messages that wait for an owner, as for a service that is being started, come behind its
 * NameAcquired and before everything that is sent later. */
static void test_names_waiting_messages_come_first(void **state)
{
        Scene *scene = *state;
        RawClient *sender = directed_join(scene, 0), *owner = directed_join(scene, 1);
        const RawHeader waiting = scene_method(NAME, "Waiting", NULL),
                        later = scene_method(NAME, "Later", NULL);
        StagedStop *announced;
        uint32_t serial;

        if (!scene->bus.is_ringbus) /* it has nothing to start for this name */
                return;
        directed_activate(true);
        (void)scene_send(sender, &waiting);
        (void)scene_send(sender, &waiting);
        directed_barrier(sender);
        announced = directed_arm(NAME_ANNOUNCED, directed_id(owner));
        serial = scene_call(owner, "RequestName", "su", NAME, 0U);
        directed_wait(announced);
        if (announced)
                (void)scene_send(sender, &later);
        directed_wait_blocked(0, owner);
        directed_release(announced);
        expect_name_signal(owner, "NameAcquired", NAME);
        (void)expect_call(owner, sender->unique_name, "Waiting");
        (void)expect_call(owner, sender->unique_name, "Waiting");
        expect_u32(owner, serial, 1);
        if (!announced)
                (void)scene_send(sender, &later);
        (void)expect_call(owner, sender->unique_name, "Later");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                directed_test(test_names_old_owner_gets_nothing_pushed_late),
                directed_test(test_names_old_owner_gets_nothing_looked_up_early),
                directed_test(test_names_old_owner_gets_nothing_while_its_mail_is_taken),
                directed_test(test_names_sender_waits_for_a_change_under_way),
                directed_test(test_names_observer_of_the_change_reaches_the_new_owner),
                directed_test(test_names_rules_follow_the_owner),
                directed_test(test_names_heir_gets_what_is_sent_later),
                directed_test(test_names_late_owner_is_found_before_a_refusal),
                directed_test(test_names_waiting_messages_come_first),
        };

        return directed_run("order_names", tests);
}
