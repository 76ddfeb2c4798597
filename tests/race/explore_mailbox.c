/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/mailbox.h"
#include "tests/race/explorer.h"

/* Pushers that flush when they get the duty, a closer, a raiser of the epoch: every interleaving.
 */
enum { N_NODES = 4 };

typedef struct Node {
        MailNode node;
        bool pushed;
        unsigned n_out; /* how often it came out */
        unsigned place; /* when */
} Node;

static Mailbox mailbox;
static Node nodes[EXPLORER_THREADS_MAX][N_NODES]; /* by thread, in the order of pushing */
static unsigned n_pushes;                         /* of each pusher */
static bool held;
static unsigned n_out;
static MailNode *returned;
static bool returned_holder;

static void begin(void)
{
        mailbox_init(&mailbox);
        memset(nodes, 0, sizeof(nodes));
        held = false;
        n_out = 0;
        returned = NULL;
        returned_holder = false;
}

static void put_out(MailNode *mail)
{
        Node *node = CONTAINER_OF(mail, Node, node);

        node->n_out++;
        node->place = n_out++;
}

static void flush(void)
{
        for (;;) {
                ASSERT(!held);
                held = true;
                for (MailNode *mail = mailbox_take(&mailbox); mail; mail = mail->next)
                        put_out(mail);
                ASSERT(held);
                held = false; /* at the release itself somebody else may begin */
                if (mailbox_release(&mailbox) || mailbox_is_closed(&mailbox))
                        return;
        }
}

/* Notes the answer; does the duty. */
static MailboxPush handle(Node *node, MailboxPush push)
{
        node->pushed = push == MAILBOX_PUSHED || push == MAILBOX_PUSHED_DUTY;
        if (push == MAILBOX_PUSHED_DUTY)
                flush();
        return push;
}

static void pusher(void)
{
        for (unsigned i = 0; i < n_pushes; i++) {
                Node *node = &nodes[explorer_thread()][i];

                handle(node, mailbox_push(&mailbox, &node->node));
        }
}

static void closer(void)
{
        returned_holder = mailbox_close(&mailbox, &returned);
}

/* As a sender by name that found this owner in the first epoch. */
static void sender(void)
{
        uint32_t epoch = mailbox_epoch(&mailbox);
        Node *node = &nodes[explorer_thread()][0];
        MailboxPush push;

        if (epoch != 0)
                return; /* it would look the name up again */
        push = handle(node, mailbox_push_in_epoch(&mailbox, &node->node, epoch));
        ASSERT(push != MAILBOX_REFUSED);
}

static void raiser(void)
{
        Node *node = &nodes[explorer_thread()][0];

        handle(node, mailbox_push_raising_epoch(&mailbox, &node->node));
}

/* What was pushed came out, once, in each pusher's order; nothing else did. */
static void check_all_out(void)
{
        MailNode *oldest = NULL, *mail, *next;

        ASSERT(!held && (!returned || returned_holder));
        for (mail = returned; mail; mail = next) {
                next = mail->next;
                mail->next = oldest;
                oldest = mail;
        }
        for (mail = oldest; mail; mail = mail->next)
                put_out(mail);
        for (unsigned t = 0; t < EXPLORER_THREADS_MAX; t++) {
                for (unsigned i = 0; i < N_NODES; i++) {
                        const Node *node = &nodes[t][i];

                        ASSERT(node->n_out == node->pushed);
                        if (i > 0 && node->pushed)
                                ASSERT(node[-1].pushed && node->place > node[-1].place);
                }
        }
        ASSERT(!mailbox_close(&mailbox, &mail) && !mail);
}

/* Thread 0 raised; the others sent in the epoch before. */
static void check_epochs(void)
{
        check_all_out();
        ASSERT(nodes[0][0].pushed);
        for (unsigned t = 1; t < EXPLORER_THREADS_MAX; t++)
                ASSERT(!nodes[t][0].pushed || nodes[t][0].place < nodes[0][0].place);
}

static void explore(Explorer *explorer, uint64_t at_least)
{
        explorer->begin = begin;
        explorer_run(explorer);
        print_message("%llu interleavings, %llu points\n",
                      (unsigned long long)explorer->n_interleavings,
                      (unsigned long long)explorer->n_points);
        assert_true(explorer->n_interleavings >= at_least);
}

static void test_mailbox_two_pushers_and_a_closer_in_every_interleaving(void **state)
{
        Explorer explorer = {.n_threads = 3,
                             .threads = {pusher, pusher, closer},
                             .end = check_all_out,
                             .preemptions_max = EXPLORER_NO_BOUND};

        (void)state;
        n_pushes = 1;
        explore(&explorer, 1000);
}

static void test_mailbox_two_pushers_of_two_with_many_preemptions(void **state)
{
        Explorer explorer = {.n_threads = 2,
                             .threads = {pusher, pusher},
                             .end = check_all_out,
                             .preemptions_max = 7};

        (void)state;
        n_pushes = 2;
        explore(&explorer, 1000);
}

static void test_mailbox_with_swaps_that_fail_for_no_reason(void **state)
{
        Explorer explorer = {.n_threads = 3,
                             .threads = {pusher, pusher, closer},
                             .end = check_all_out,
                             .preemptions_max = 3,
                             .failures_max = 2};

        (void)state;
        n_pushes = 2;
        explore(&explorer, 1000);
}

static void test_mailbox_three_pushers_and_a_closer_with_few_preemptions(void **state)
{
        Explorer explorer = {.n_threads = 4,
                             .threads = {pusher, pusher, pusher, closer},
                             .end = check_all_out,
                             .preemptions_max = 3};

        (void)state;
        n_pushes = 2;
        explore(&explorer, 1000);
}

static void test_mailbox_nothing_of_an_old_epoch_comes_behind_the_raise(void **state)
{
        Explorer explorer = {.n_threads = 3,
                             .threads = {raiser, sender, sender},
                             .end = check_epochs,
                             .preemptions_max = 5};

        (void)state;
        explore(&explorer, 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mailbox_two_pushers_and_a_closer_in_every_interleaving),
                cmocka_unit_test(test_mailbox_two_pushers_of_two_with_many_preemptions),
                cmocka_unit_test(test_mailbox_with_swaps_that_fail_for_no_reason),
                cmocka_unit_test(test_mailbox_three_pushers_and_a_closer_with_few_preemptions),
                cmocka_unit_test(test_mailbox_nothing_of_an_old_epoch_comes_behind_the_raise),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
