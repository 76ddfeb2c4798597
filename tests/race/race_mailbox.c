/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/counter.h"
#include "broker/sync/mailbox.h"
#include "broker/sync/stack.h"
#include "tests/race/race.h"

/*
 * Pushers, flushers and a closer on one mailbox. A pusher that gets the duty flushes itself or
 * hands the duty to a flusher, as workers do. `output` is plain memory of the duty holder's, as a
 * peer's remainder is.
 */
enum { N_PUSHERS = 3, N_FLUSHERS = 2, N_THREADS = N_PUSHERS + N_FLUSHERS + 1, N_NODES = 60 };

typedef struct Node {
        MailNode node;
        unsigned pusher;
        unsigned number;
} Node;

typedef struct Scene {
        Mailbox mailbox;
        Node nodes[N_PUSHERS][N_NODES];
        bool closes;                      /* in this round */
        _Atomic(bool) held;               /* somebody has the duty */
        struct Output {                   /* duty holder only */
                unsigned next[N_PUSHERS]; /* per pusher: the number that has to come next */
        } output;
        StackNode duty; /* of the mailbox, on its way to a flusher */
        Stack duties;
        Counter n_done;     /* pushers that are done */
        MailNode *returned; /* by closing; the closer's */
        bool returned_holder;
        unsigned n_accepted[N_PUSHERS]; /* the pusher's own */
        unsigned n_rounds;              /* thread 0 between rounds */
        Counter total_handed, total_refused, total_returned;
} Scene;

static Scene scene;

static void hold(void)
{
        bool was = atomic_exchange_explicit(&scene.held, true, memory_order_relaxed);

        ASSERT(!was);
}

static void let_go(void)
{
        bool was = atomic_exchange_explicit(&scene.held, false, memory_order_relaxed);

        ASSERT(was);
}

/* Checks that a chain, oldest first, goes on where each pusher's last node was. */
static void check_chain(MailNode *mail, struct Output *output)
{
        for (; mail; mail = mail->next) {
                const Node *node = CONTAINER_OF(mail, Node, node);

                ASSERT(node->number == output->next[node->pusher]);
                output->next[node->pusher]++;
        }
}

/* The duty holder, until the duty ends. */
static void flush(uint64_t *seed)
{
        for (;;) {
                check_chain(mailbox_take(&scene.mailbox), &scene.output);
                race_stumble(seed);
                let_go();
                if (mailbox_release(&scene.mailbox))
                        return; /* from here on somebody else may hold it */
                if (mailbox_is_closed(&scene.mailbox))
                        return;
                hold();
        }
}

static void push_all(unsigned pusher, uint64_t *seed)
{
        for (unsigned i = 0; i < N_NODES; i++) {
                Node *node = &scene.nodes[pusher][i];

                switch (mailbox_push(&scene.mailbox, &node->node)) {
                case MAILBOX_PUSHED_DUTY:
                        hold();
                        scene.n_accepted[pusher]++;
                        if (race_random(seed, 2) == 0) {
                                flush(seed);
                        } else {
                                counter_add(&scene.total_handed, 1);
                                stack_push(&scene.duties, &scene.duty);
                        }
                        break;
                case MAILBOX_PUSHED:
                        scene.n_accepted[pusher]++;
                        break;
                case MAILBOX_REFUSED:
                        counter_add(&scene.total_refused, 1);
                        break;
                case MAILBOX_NO_MEMORY:
                case MAILBOX_EPOCH_PASSED:
                        ASSERT_NOT_REACHED();
                }
                race_stumble(seed);
        }
        counter_add(&scene.n_done, 1);
}

/* Takes duties that pushers hand over, until no pusher is left. */
static void flush_handed(uint64_t *seed)
{
        bool last;

        do {
                StackNode *duty;

                last = counter_read(&scene.n_done) == N_PUSHERS;
                duty = stack_take(&scene.duties);
                if (duty)
                        flush(seed);
                else
                        sched_yield();
        } while (!last);
}

static void close_it(uint64_t *seed)
{
        for (unsigned n = race_random(seed, 200); n > 0; n--)
                race_stumble(seed);
        if (!scene.closes)
                return;
        scene.returned_holder = mailbox_close(&scene.mailbox, &scene.returned);
        for (const MailNode *node = scene.returned; node; node = node->next)
                counter_add(&scene.total_returned, 1); /* looked at before all meet again */
}

static void begin_round(uint64_t *seed)
{
        mailbox_init(&scene.mailbox);
        stack_init(&scene.duties);
        scene.closes = race_random(seed, 4) > 0;
        scene.returned = NULL;
        scene.returned_holder = false;
        scene.n_done = (Counter){0};
        memset(&scene.output, 0, sizeof(scene.output));
        memset(scene.n_accepted, 0, sizeof(scene.n_accepted));
        for (unsigned p = 0; p < N_PUSHERS; p++)
                for (unsigned i = 0; i < N_NODES; i++)
                        scene.nodes[p][i] = (Node){.pusher = p, .number = i};
        atomic_store_explicit(&scene.held, false, memory_order_relaxed);
        scene.n_rounds++;
}

/* All threads have met: nothing is lost, nothing came twice. */
static void check_round(void)
{
        MailNode *oldest = NULL, *node, *next;

        for (node = scene.returned; node; node = next) {
                next = node->next;
                node->next = oldest;
                oldest = node;
        }
        ASSERT(!scene.returned || scene.returned_holder);
        check_chain(oldest, &scene.output);
        for (unsigned p = 0; p < N_PUSHERS; p++)
                ASSERT(scene.output.next[p] == scene.n_accepted[p]);
        ASSERT(!atomic_load_explicit(&scene.held, memory_order_relaxed));
        ASSERT(mailbox_is_closed(&scene.mailbox) == scene.closes);
        ASSERT(!mailbox_close(&scene.mailbox, &node) && !node); /* neither duty nor nodes left */
}

static void body(Race *race, unsigned index)
{
        uint64_t seed = index;

        while (race_goes_on(race)) {
                if (index == 0)
                        begin_round(&seed);
                race_meet(race);
                if (index < N_PUSHERS)
                        push_all(index, &seed);
                else if (index < N_PUSHERS + N_FLUSHERS)
                        flush_handed(&seed);
                else
                        close_it(&seed);
                race_meet(race);
                if (index == 0)
                        check_round();
        }
}

static void test_mailbox_pushers_flushers_and_closer_lose_and_repeat_nothing(void **state)
{
        (void)state;
        for (int i = 0; i < RACE_TRIES && (!counter_read(&scene.total_handed) ||
                                           !counter_read(&scene.total_refused) ||
                                           !counter_read(&scene.total_returned));
             i++)
                race_run(N_THREADS, body, NULL);
        print_message("%u rounds; %llu duties handed over, %llu pushes refused, %llu returned\n",
                      scene.n_rounds, (unsigned long long)counter_read(&scene.total_handed),
                      (unsigned long long)counter_read(&scene.total_refused),
                      (unsigned long long)counter_read(&scene.total_returned));
        /* The race has met the cases that it is about. */
        assert_true(counter_read(&scene.total_handed) > 0);
        assert_true(counter_read(&scene.total_refused) > 0);
        assert_true(counter_read(&scene.total_returned) > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mailbox_pushers_flushers_and_closer_lose_and_repeat_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
