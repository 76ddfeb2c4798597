/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mailbox: pushers that flush when they get the duty, against each other and a closer. What the
 * duty protects, what a pusher wrote into its letter and what the closer says are plain memory.
 */
#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/mailbox.h"
#include "tests/race/weak_scenarios.h"

enum { N_LETTERS = 2, OUT_MAX = 8 };
enum { RAISER = 0, SENDER = 1 }; /* threads of the scenarios with an epoch */

typedef struct Letter {
        MailNode node;
        unsigned text;
        unsigned n_out;
        bool pushed;
} Letter;

static Mailbox mailbox;
static Letter letters[WEAK_THREADS_MAX][N_LETTERS];
static unsigned n_pushes;
static bool is_closed; /* by whoever holds the duty or closed without a holder */
static unsigned n_out; /* the output, which belongs to the duty */
static Letter *out[OUT_MAX];
static unsigned duty; /* as Endpoint's duty node: whoever gets the duty puts it on its own list */
static unsigned why_closed;
static MailNode *returned; /* to the closer, newest first */

static void begin(void)
{
        mailbox_init(&mailbox);
        memset(letters, 0, sizeof(letters));
        memset(out, 0, sizeof(out));
        n_out = 0;
        duty = 0;
        why_closed = 0;
        returned = NULL;
        is_closed = false;
        n_pushes = 1;
}

static void begin_two(void)
{
        begin();
        n_pushes = 2;
}

static void receive(MailNode *mail)
{
        Letter *letter = CONTAINER_OF(mail, Letter, node);

        ASSERT(letter->text == 7);
        letter->n_out++;
}

/* The duty is over because the mailbox is closed: the output is ours to free. */
static void end_output(void)
{
        ASSERT(why_closed == 3);
        ASSERT(n_out <= OUT_MAX && !is_closed);
        is_closed = true;
}

static void flush(void)
{
        duty = weak_thread() + 1;
        for (;;) {
                for (MailNode *mail = mailbox_take(&mailbox); mail; mail = mail->next) {
                        receive(mail);
                        ASSERT(n_out < OUT_MAX);
                        out[n_out++] = CONTAINER_OF(mail, Letter, node);
                }
                ASSERT(duty == weak_thread() + 1);
                if (mailbox_release(&mailbox))
                        return;
                if (mailbox_is_closed(&mailbox)) {
                        end_output();
                        return;
                }
        }
}

/* Notes the answer and does the duty; false: refused. */
static bool handle(Letter *letter, MailboxPush push)
{
        letter->pushed = push == MAILBOX_PUSHED || push == MAILBOX_PUSHED_DUTY;
        if (push == MAILBOX_PUSHED_DUTY)
                flush();
        return letter->pushed;
}

static void pusher(void)
{
        for (unsigned i = 0; i < n_pushes; i++) {
                Letter *letter = &letters[weak_thread()][i];

                letter->text = 7;
                if (!handle(letter, mailbox_push(&mailbox, &letter->node)))
                        return;
        }
}

/* As a sender by name that found this owner in the first epoch, and still finds it. */
static void sender(void)
{
        Letter *letter = &letters[weak_thread()][0];
        const uint32_t epoch = mailbox_epoch(&mailbox);

        letter->text = 7;
        if (epoch == 0)
                handle(letter, mailbox_push_in_epoch(&mailbox, &letter->node, epoch));
}

static void raiser(void)
{
        Letter *letter = &letters[RAISER][0];

        letter->text = 7;
        handle(letter, mailbox_push_raising_epoch(&mailbox, &letter->node));
}

static void closer(void)
{
        why_closed = 3;
        if (!mailbox_close(&mailbox, &returned)) {
                ASSERT(!returned);
                end_output();
        }
        for (MailNode *node = returned; node; node = node->next)
                receive(node);
}

/* What the closer got is behind all that was put out. */
static void append_returned(void)
{
        unsigned at;

        for (MailNode *node = returned; node; node = node->next)
                n_out++;
        ASSERT(n_out <= OUT_MAX);
        at = n_out;
        for (MailNode *node = returned; node; node = node->next)
                out[--at] = CONTAINER_OF(node, Letter, node);
}

/* What was pushed came out, once; each pusher's in order. */
static void check(void)
{
        append_returned();
        for (unsigned t = 0; t < WEAK_THREADS_MAX; t++)
                for (unsigned i = 0; i < N_LETTERS; i++)
                        ASSERT(letters[t][i].n_out == letters[t][i].pushed);
        for (unsigned i = 0; i < n_out; i++)
                for (unsigned j = 0; j < i; j++)
                        ASSERT(out[i] + 1 != out[j] || (out[j] - letters[0]) % N_LETTERS == 0);
}

/* Nothing that was sent in the first epoch comes behind the raise. */
static void check_epoch(void)
{
        bool raised = false;

        check();
        for (unsigned i = 0; i < n_out; i++) {
                ASSERT(!raised || out[i] != letters[SENDER]);
                raised = raised || out[i] == letters[RAISER];
        }
}

static WeakScenario push_push_close = {.name = "mailbox: push, push, close",
                                       .n_threads = 3,
                                       .threads = {pusher, pusher, closer},
                                       .begin = begin,
                                       .end = check,
                                       .failures_max = 1};
static WeakScenario push_twice = {.name = "mailbox: two pushers of two",
                                  .n_threads = 2,
                                  .threads = {pusher, pusher},
                                  .begin = begin_two,
                                  .end = check};
static WeakScenario push_three = {.name = "mailbox: three pushers",
                                  .n_threads = 3,
                                  .threads = {pusher, pusher, pusher},
                                  .begin = begin,
                                  .end = check};
static WeakScenario push_three_close = {.name = "mailbox: three pushers, close",
                                        .n_threads = 4,
                                        .threads = {pusher, pusher, pusher, closer},
                                        .begin = begin,
                                        .end = check,
                                        .is_large = true};

static WeakScenario raise_send_push = {.name = "mailbox: raise, send in epoch, push",
                                       .n_threads = 3,
                                       .threads = {raiser, sender, pusher},
                                       .begin = begin,
                                       .end = check_epoch};
static WeakScenario raise_send_push_close = {.name = "mailbox: raise, send in epoch, push, close",
                                             .n_threads = 4,
                                             .threads = {raiser, sender, pusher, closer},
                                             .begin = begin,
                                             .end = check_epoch,
                                             .is_large = true};

static WeakScenario push_twice_close = {.name = "mailbox: two pushers of two, close",
                                        .n_threads = 3,
                                        .threads = {pusher, pusher, closer},
                                        .begin = begin_two,
                                        .end = check};

const WeakSuite weak_suite_mailbox = {{&push_push_close, &push_twice, &push_three,
                                       &push_three_close, &raise_send_push,
                                       &raise_send_push_close}};

const WeakSuite weak_suite_mailbox_deep = {{&push_twice_close}};
