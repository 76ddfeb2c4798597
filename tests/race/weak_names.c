/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule R3 (a name's word and its owner's epoch), rule R1 (the commit word) and rule R2 (the turn
 * and its version), on the real Cell, Mailbox, Commit and Turn. The few lines of broker/router that
 * put them together (send_find_owner(), ownership_announce(), send_broadcast()) are repeated here,
 * one step each; tests/race/explore_router.c runs the originals, under sequential consistency.
 */
#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/cell.h"
#include "broker/sync/commit.h"
#include "broker/sync/mailbox.h"
#include "broker/sync/turn.h"
#include "tests/race/weak_scenarios.h"

enum { MARK = 1, N_CHANGES_MAX = 2 };

typedef struct Owner {
        Mailbox mailbox;
        unsigned id; /* plain, before it is published */
} Owner;

static Lock registry;
static Turn turn;
static Owner owners[2];
static Cell word; /* the name's */
static unsigned n_changes;
static bool out_of_memory; /* the epoch is raised alone, then something else is pushed */
static MailNode lost[N_CHANGES_MAX], acquired[N_CHANGES_MAX], sent[WEAK_THREADS_MAX];

static void begin_names(void)
{
        lock_init(&registry);
        turn_init(&turn);
        for (unsigned i = 0; i < 2; i++) {
                mailbox_init(&owners[i].mailbox);
                owners[i].id = 0;
        }
        owners[0].id = 1;
        cell_init(&word, &owners[0]);
        n_changes = 1;
        out_of_memory = false;
}

static void begin_names_twice(void)
{
        begin_names();
        n_changes = 2;
}

static void begin_names_no_memory(void)
{
        begin_names();
        out_of_memory = true;
}

static void change(Owner *from, Owner *to, unsigned i)
{
        lock_acquire(&registry);
        turn_take(&turn);
        cell_publish(&word, (void *)((uintptr_t)cell_get(&word) | MARK));
        if (out_of_memory) {
                mailbox_raise_epoch(&from->mailbox);
                mailbox_push(&from->mailbox, &lost[i]);
        } else {
                mailbox_push_raising_epoch(&from->mailbox, &lost[i]);
        }
        mailbox_push(&to->mailbox, &acquired[i]);
        turn_bump(&turn);
        cell_publish(&word, to);
        turn_release(&turn);
        lock_release(&registry);
}

/* The new owner's worker. */
static void changer(void)
{
        owners[1].id = 2;
        change(&owners[0], &owners[1], 0);
        if (n_changes == 2)
                change(&owners[1], &owners[0], 1);
}

static Owner *find_owner(uint32_t *ret_epoch)
{
        for (;;) {
                uintptr_t first = (uintptr_t)cell_get(&word);
                Owner *owner = (Owner *)first;

                if (first & MARK) {
                        lock_acquire(&registry);
                        lock_release(&registry);
                        continue;
                }
                *ret_epoch = mailbox_epoch(&owner->mailbox);
                if (cell_get(&word) == owner)
                        return owner;
        }
}

static void sender(void)
{
        Owner *owner;
        uint32_t epoch;

        do {
                owner = find_owner(&epoch);
                ASSERT(owner->id == (owner == &owners[0] ? 1 : 2));
        } while (mailbox_push_in_epoch(&owner->mailbox, &sent[weak_thread()], epoch) ==
                 MAILBOX_EPOCH_PASSED);
}

/* Oldest first: what is addressed to the name comes only between an acquisition and a loss. */
static unsigned check_owner(Owner *owner, bool owns)
{
        MailNode *newest, *oldest = NULL, *next;
        unsigned n_sent = 0;

        mailbox_close(&owner->mailbox, &newest);
        for (; newest; newest = next) {
                next = newest->next;
                newest->next = oldest;
                oldest = newest;
        }
        for (MailNode *mail = oldest; mail; mail = mail->next) {
                if (mail == &lost[0] || mail == &lost[1]) {
                        owns = false;
                } else if (mail == &acquired[0] || mail == &acquired[1]) {
                        owns = true;
                } else {
                        ASSERT(owns);
                        n_sent++;
                }
        }
        return n_sent;
}

static void check_two_senders(void)
{
        ASSERT(check_owner(&owners[0], true) + check_owner(&owners[1], false) == 2);
}

static void check_one_sender(void)
{
        ASSERT(check_owner(&owners[0], true) + check_owner(&owners[1], false) == 1);
}

/* Rule R1: one message for two receivers; who received it at one and reacts does not overtake it at
 * the other, and finds done what it announces. */

static Mailbox boxes[2];
static MailNode copies[2], reaction;
static Commit commit;
static Cell snapshot;
static unsigned before, after; /* what the snapshot points to */

static void begin_commit(void)
{
        turn_init(&turn);
        commit_init(&commit);
        before = 1;
        after = 0;
        cell_init(&snapshot, &before);
        for (unsigned i = 0; i < 2; i++) {
                MailNode first; /* somebody has the duty already */

                mailbox_init(&boxes[i]);
                mailbox_push(&boxes[i], &first);
                mailbox_take(&boxes[i]);
        }
}

static void announcer(void)
{
        turn_take(&turn);
        mailbox_push(&boxes[0], &copies[0]);
        mailbox_push(&boxes[1], &copies[1]);
        after = 2;
        cell_publish(&snapshot, &after);
        turn_bump(&turn);
        commit_set(&commit);
        turn_release(&turn);
}

static void flusher(void)
{
        uint64_t version;

        if (mailbox_take(&boxes[0]) != &copies[0])
                return;
        if (!commit_is_set(&commit)) {
                turn_pass(&turn);
                ASSERT(commit_is_set(&commit));
        }
        version = turn_version(&turn);
        ASSERT(version == 2 && cell_get(&snapshot) == &after);
        mailbox_push(&boxes[1], &reaction);
}

static void check_commit(void)
{
        MailNode *newest;

        mailbox_close(&boxes[1], &newest);
        ASSERT(newest == &reaction ? newest->next == &copies[1] : newest == &copies[1]);
}

/* Rule R2: a receiver replaces its rule by another in two steps; a sender that both rules match
 * finds exactly the one that holds, with or without the second look-up. */

static Cell rules[2];
static unsigned texts[2]; /* of the rules, plain */
static unsigned holding;  /* which rules hold, as bits; plain, inside the turn */

static void begin_turn(void)
{
        turn_init(&turn);
        texts[0] = 5;
        texts[1] = 0;
        cell_init(&rules[0], &texts[0]);
        cell_init(&rules[1], NULL);
        holding = 1;
}

static void set_rule(unsigned i, unsigned *text)
{
        turn_take(&turn);
        cell_publish(&rules[i], text);
        holding ^= 1u << i;
        turn_bump(&turn);
        turn_release(&turn);
}

static void replacer(void)
{
        texts[1] = 5;
        set_rule(1, &texts[1]);
        set_rule(0, NULL);
}

static unsigned find_rules(unsigned from)
{
        unsigned found = 0;

        for (unsigned n = 0; n < 2; n++) {
                const unsigned *text = cell_get(&rules[from ^ n]);

                if (!text)
                        continue;
                ASSERT(*text == 5);
                found |= 1u << (from ^ n);
        }
        return found;
}

static void broadcast_from(unsigned from)
{
        uint64_t version = turn_version(&turn);
        unsigned found = find_rules(from);

        ASSERT(found != 0 || turn_version(&turn) != version);
        turn_take(&turn);
        if (turn_version(&turn) != version)
                found = find_rules(from);
        ASSERT(found == holding);
        turn_release(&turn);
}

static void broadcaster(void)
{
        broadcast_from(0);
}

static void broadcaster_backwards(void)
{
        broadcast_from(1);
}

static WeakScenario name_two_senders = {.name = "name: a change, two senders",
                                        .n_threads = 3,
                                        .threads = {changer, sender, sender},
                                        .begin = begin_names,
                                        .end = check_two_senders};
static WeakScenario name_lost_and_regained = {.name = "name: lost and regained, a sender",
                                              .n_threads = 2,
                                              .threads = {changer, sender},
                                              .begin = begin_names_twice,
                                              .end = check_one_sender};
static WeakScenario name_no_memory = {.name = "name: a change without memory, a sender",
                                      .n_threads = 2,
                                      .threads = {changer, sender},
                                      .begin = begin_names_no_memory,
                                      .end = check_one_sender};
static WeakScenario commit_word = {.name = "commit word: a step, a flusher that reacts",
                                   .n_threads = 2,
                                   .threads = {announcer, flusher},
                                   .begin = begin_commit,
                                   .end = check_commit};
static WeakScenario turn_version_ = {.name = "turn: a rule replaced, two broadcasts",
                                     .n_threads = 3,
                                     .threads = {replacer, broadcaster, broadcaster_backwards},
                                     .begin = begin_turn};

static WeakScenario name_twice_two_senders = {.name = "name: lost and regained, two senders",
                                              .n_threads = 3,
                                              .threads = {changer, sender, sender},
                                              .begin = begin_names_twice,
                                              .end = check_two_senders};

const WeakSuite weak_suite_names = {{&name_two_senders, &name_lost_and_regained, &name_no_memory,
                                     &commit_word, &turn_version_}};

const WeakSuite weak_suite_names_deep = {{&name_twice_two_senders}};
