/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/base/assert.h"
#include "broker/sync/mailbox.h"
#include "tests/unit/death.h"

enum { EPOCHS = 1 << 18, N_NODES = 8 };

typedef enum Start { START_EMPTY, START_BUSY, START_LIST, START_CLOSED, N_STARTS } Start;

static MailNode nodes[N_NODES];

/* A mailbox in that state; LIST holds nodes[0] only. */
static void enter(Mailbox *mailbox, Start start)
{
        MailNode *rest;

        mailbox_init(mailbox);
        if (start == START_BUSY || start == START_LIST)
                assert_int_equal(mailbox_push(mailbox, &nodes[0]), MAILBOX_PUSHED_DUTY);
        if (start == START_BUSY)
                assert_ptr_equal(mailbox_take(mailbox), &nodes[0]);
        if (start == START_CLOSED)
                assert_false(mailbox_close(mailbox, &rest));
}

/* The duty exists exactly in BUSY and LIST; says in which state it is by what it answers. */
static void assert_is(Mailbox *mailbox, Start start)
{
        MailNode *rest;
        bool closed = mailbox_is_closed(mailbox);
        bool duty = mailbox_close(mailbox, &rest);

        assert_int_equal(closed, start == START_CLOSED);
        assert_int_equal(duty, start == START_BUSY || start == START_LIST);
        assert_int_equal(rest != NULL, start == START_LIST);
}

static void test_mailbox_push_from_each_state_moves_as_documented(void **state)
{
        static const struct {
                MailboxPush answer;
                Start next;
        } expected[N_STARTS] = {
                [START_EMPTY] = {MAILBOX_PUSHED_DUTY, START_LIST},
                [START_BUSY] = {MAILBOX_PUSHED, START_LIST},
                [START_LIST] = {MAILBOX_PUSHED, START_LIST},
                [START_CLOSED] = {MAILBOX_REFUSED, START_CLOSED},
        };

        (void)state;
        for (Start start = START_EMPTY; start < N_STARTS; start++) {
                Mailbox mailbox;

                enter(&mailbox, start);
                assert_int_equal(mailbox_push(&mailbox, &nodes[1]), expected[start].answer);
                assert_is(&mailbox, expected[start].next);
                enter(&mailbox, start);
                assert_int_equal(mailbox_push_raising_epoch(&mailbox, &nodes[1]),
                                 expected[start].answer);
                assert_is(&mailbox, expected[start].next);
                enter(&mailbox, start);
                assert_int_equal(mailbox_push_in_epoch(&mailbox, &nodes[1], 0),
                                 expected[start].answer);
                assert_is(&mailbox, expected[start].next);
        }
}

static void test_mailbox_take_from_each_state_moves_as_documented(void **state)
{
        static const Start next[N_STARTS] = {START_EMPTY, START_BUSY, START_BUSY, START_CLOSED};

        (void)state;
        for (Start start = START_EMPTY; start < N_STARTS; start++) {
                Mailbox mailbox;

                enter(&mailbox, start);
                assert_ptr_equal(mailbox_take(&mailbox), start == START_LIST ? &nodes[0] : NULL);
                assert_is(&mailbox, next[start]);
        }
}

static void test_mailbox_release_from_each_state_moves_as_documented(void **state)
{
        static const Start next[N_STARTS] = {START_EMPTY, START_EMPTY, START_LIST, START_CLOSED};

        (void)state;
        for (Start start = START_EMPTY; start < N_STARTS; start++) {
                Mailbox mailbox;

                enter(&mailbox, start);
                assert_int_equal(mailbox_release(&mailbox), start == START_BUSY);
                assert_is(&mailbox, next[start]);
        }
}

static void test_mailbox_close_from_each_state_returns_what_waited(void **state)
{
        (void)state;
        for (Start start = START_EMPTY; start < N_STARTS; start++) {
                Mailbox mailbox;
                MailNode *rest = &nodes[7];
                bool holder;

                enter(&mailbox, start);
                holder = mailbox_close(&mailbox, &rest);
                assert_int_equal(holder, start == START_BUSY || start == START_LIST);
                assert_ptr_equal(rest, start == START_LIST ? &nodes[0] : NULL);
                assert_is(&mailbox, START_CLOSED);
        }
}

static void test_mailbox_closed_stays_closed_whatever_happens(void **state)
{
        Mailbox mailbox;
        MailNode *rest;

        (void)state;
        enter(&mailbox, START_LIST);
        assert_true(mailbox_close(&mailbox, &rest));
        for (int i = 0; i < 3; i++) {
                assert_int_equal(mailbox_push(&mailbox, &nodes[1]), MAILBOX_REFUSED);
                assert_int_equal(mailbox_push_raising_epoch(&mailbox, &nodes[1]), MAILBOX_REFUSED);
                /* Refused comes before the epoch: closing is what the sender has to know. */
                assert_int_equal(mailbox_push_in_epoch(&mailbox, &nodes[1], 77), MAILBOX_REFUSED);
                assert_null(mailbox_take(&mailbox));
                assert_false(mailbox_release(&mailbox));
                assert_true(mailbox_is_closed(&mailbox));
                assert_false(mailbox_close(&mailbox, &rest));
                assert_null(rest);
        }
}

static void test_mailbox_take_gives_the_whole_list_oldest_first(void **state)
{
        Mailbox mailbox;
        MailNode *node;

        (void)state;
        mailbox_init(&mailbox);
        for (int i = 0; i < N_NODES; i++)
                mailbox_push(&mailbox, &nodes[i]);
        node = mailbox_take(&mailbox);
        for (int i = 0; i < N_NODES; i++, node = node->next)
                assert_ptr_equal(node, &nodes[i]);
        assert_null(node);
        assert_null(mailbox_take(&mailbox));
}

static void test_mailbox_close_gives_the_list_newest_first(void **state)
{
        Mailbox mailbox;
        MailNode *node;

        (void)state;
        mailbox_init(&mailbox);
        for (int i = 0; i < 3; i++)
                mailbox_push(&mailbox, &nodes[i]);
        assert_ptr_equal(mailbox_take(&mailbox), &nodes[0]);
        for (int i = 3; i < N_NODES; i++)
                mailbox_push(&mailbox, &nodes[i]);
        assert_true(mailbox_close(&mailbox, &node));
        for (int i = N_NODES - 1; i >= 3; i--, node = node->next)
                assert_ptr_equal(node, &nodes[i]);
        assert_null(node); /* what was taken before is the holder's */
}

static void test_mailbox_duty_is_given_once_until_it_is_released(void **state)
{
        Mailbox mailbox;

        (void)state;
        mailbox_init(&mailbox);
        for (int round = 0; round < 3; round++) {
                assert_int_equal(mailbox_push(&mailbox, &nodes[0]), MAILBOX_PUSHED_DUTY);
                assert_int_equal(mailbox_push(&mailbox, &nodes[1]), MAILBOX_PUSHED);
                assert_false(mailbox_release(&mailbox)); /* nodes wait: the duty stays */
                assert_ptr_equal(mailbox_take(&mailbox), &nodes[0]);
                assert_int_equal(mailbox_push(&mailbox, &nodes[2]), MAILBOX_PUSHED);
                assert_false(mailbox_release(&mailbox));
                assert_ptr_equal(mailbox_take(&mailbox), &nodes[2]);
                assert_true(mailbox_release(&mailbox));
        }
}

static void test_mailbox_epoch_is_raised_only_by_its_own_push(void **state)
{
        Mailbox mailbox;

        (void)state;
        mailbox_init(&mailbox);
        assert_int_equal(mailbox_epoch(&mailbox), 0);
        assert_int_equal(mailbox_push_raising_epoch(&mailbox, &nodes[0]), MAILBOX_PUSHED_DUTY);
        assert_int_equal(mailbox_epoch(&mailbox), 1);
        assert_int_equal(mailbox_push(&mailbox, &nodes[1]), MAILBOX_PUSHED);
        assert_int_equal(mailbox_push_in_epoch(&mailbox, &nodes[2], 1), MAILBOX_PUSHED);
        assert_ptr_equal(mailbox_take(&mailbox), &nodes[0]);
        assert_true(mailbox_release(&mailbox));
        assert_int_equal(mailbox_epoch(&mailbox), 1);
}

static void test_mailbox_push_in_a_passed_epoch_leaves_no_trace(void **state)
{
        (void)state;
        for (Start start = START_EMPTY; start < START_CLOSED; start++) {
                Mailbox mailbox;

                enter(&mailbox, start);
                assert_int_equal(mailbox_push_in_epoch(&mailbox, &nodes[1], 1),
                                 MAILBOX_EPOCH_PASSED);
                assert_int_equal(mailbox_push_in_epoch(&mailbox, &nodes[1], EPOCHS - 1),
                                 MAILBOX_EPOCH_PASSED);
                assert_int_equal(mailbox_epoch(&mailbox), 0);
                assert_is(&mailbox, start);
        }
}

static void test_mailbox_epoch_wraps_and_keeps_the_list_intact(void **state)
{
        Mailbox mailbox;
        MailNode *rest;

        (void)state;
        mailbox_init(&mailbox);
        for (uint32_t i = 0; i < EPOCHS - 1; i++) {
                mailbox_push_raising_epoch(&mailbox, &nodes[0]);
                assert_ptr_equal(mailbox_take(&mailbox), &nodes[0]);
        }
        assert_int_equal(mailbox_epoch(&mailbox), EPOCHS - 1);
        assert_int_equal(mailbox_push_in_epoch(&mailbox, &nodes[1], EPOCHS - 1), MAILBOX_PUSHED);
        assert_int_equal(mailbox_push_raising_epoch(&mailbox, &nodes[2]), MAILBOX_PUSHED);
        assert_int_equal(mailbox_epoch(&mailbox), 0);
        assert_true(mailbox_close(&mailbox, &rest));
        assert_ptr_equal(rest, &nodes[2]);
        assert_ptr_equal(rest->next, &nodes[1]);
        assert_null(rest->next->next);
}

static void push_a_misaligned_node(void)
{
        static char memory[128] __attribute__((aligned(64)));
        /* The compiler must not see that the address is wrong. */
        volatile uintptr_t address = (uintptr_t)memory + MAILBOX_NODE_ALIGNMENT / 2;
        Mailbox mailbox;

        mailbox_init(&mailbox);
        mailbox_push(&mailbox, (MailNode *)address);
}

static void test_mailbox_node_that_does_not_fit_the_word_is_our_bug(void **state)
{
        (void)state;
        assert_true(death_by_assertion(push_a_misaligned_node));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mailbox_push_from_each_state_moves_as_documented),
                cmocka_unit_test(test_mailbox_take_from_each_state_moves_as_documented),
                cmocka_unit_test(test_mailbox_release_from_each_state_moves_as_documented),
                cmocka_unit_test(test_mailbox_close_from_each_state_returns_what_waited),
                cmocka_unit_test(test_mailbox_closed_stays_closed_whatever_happens),
                cmocka_unit_test(test_mailbox_take_gives_the_whole_list_oldest_first),
                cmocka_unit_test(test_mailbox_close_gives_the_list_newest_first),
                cmocka_unit_test(test_mailbox_duty_is_given_once_until_it_is_released),
                cmocka_unit_test(test_mailbox_epoch_is_raised_only_by_its_own_push),
                cmocka_unit_test(test_mailbox_push_in_a_passed_epoch_leaves_no_trace),
                cmocka_unit_test(test_mailbox_epoch_wraps_and_keeps_the_list_intact),
                cmocka_unit_test(test_mailbox_node_that_does_not_fit_the_word_is_our_bug),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
