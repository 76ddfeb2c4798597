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

static void begin(void)
{
        mailbox_init(&mailbox);
        memset(letters, 0, sizeof(letters));
        memset(out, 0, sizeof(out));
        n_out = 0;
        duty = 0;
        why_closed = 0;
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

static void pusher(void)
{
        for (unsigned i = 0; i < n_pushes; i++) {
                Letter *letter = &letters[weak_thread()][i];
                MailboxPush push;

                letter->text = 7;
                push = mailbox_push(&mailbox, &letter->node);
                ASSERT(push != MAILBOX_EPOCH_PASSED);
                if (push == MAILBOX_REFUSED)
                        return;
                letter->pushed = true;
                if (push == MAILBOX_PUSHED_DUTY)
                        flush();
        }
}

static void closer(void)
{
        MailNode *nodes;

        why_closed = 3;
        if (!mailbox_close(&mailbox, &nodes)) {
                ASSERT(!nodes);
                end_output();
        }
        for (; nodes; nodes = nodes->next)
                receive(nodes);
}

/* What was pushed came out, once, and each pusher's in order. */
static void check(void)
{
        for (unsigned t = 0; t < WEAK_THREADS_MAX; t++)
                for (unsigned i = 0; i < N_LETTERS; i++)
                        ASSERT(letters[t][i].n_out == letters[t][i].pushed);
        for (unsigned i = 0; i < n_out; i++)
                for (unsigned j = 0; j < i; j++)
                        ASSERT(out[i] + 1 != out[j] || out[j] == letters[1]);
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
                                        .end = check};

const WeakSuite weak_suite_mailbox = {
        {&push_push_close, &push_twice, &push_three, &push_three_close}};
