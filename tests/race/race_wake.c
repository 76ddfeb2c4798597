/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <sched.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/counter.h"
#include "broker/sync/switch.h"
#include "broker/sync/stack.h"
#include "broker/sync/wake.h"
#include "tests/race/race.h"

/*
 * One sleeper with an inbox, several wakers. A waker posts one piece of work and does not post the
 * next before that has been seen, so a lost wake-up cannot be repaired by a later one: the sleeper
 * would sleep until its poll() times out, and that is an error.
 */
enum { N_WAKERS = 3, LOST_MS = 120000 };

typedef struct Work {
        StackNode node;
        Switch seen;
} Work;

static Wake wake;
static Stack inbox;
static Switch stopping;
static Counter n_wakers_done;
static uint64_t n_works, n_prepares, n_sleeps, n_writes[N_WAKERS];

static void post_until_over(Race *race, unsigned index)
{
        uint64_t seed = index;
        Work work;

        while (!race_is_over(race)) {
                work.seen = (Switch){0};
                stack_push(&inbox, &work.node);
                n_writes[index] += wake_up(&wake);
                while (!switch_clear(&work.seen))
                        sched_yield();
                for (unsigned n = race_random(&seed, 50); n > 0; n--)
                        race_stumble(&seed);
        }
        if (counter_add(&n_wakers_done, 1) == N_WAKERS) {
                switch_set(&stopping);
                n_writes[index] += wake_up(&wake);
        }
}

static unsigned drain(void)
{
        StackNode *node = stack_take(&inbox), *next;
        unsigned n = 0;

        for (; node; node = next, n++) {
                next = node->next;
                switch_set(&CONTAINER_OF(node, Work, node)->seen);
        }
        return n;
}

static void sleep_and_drain(uint64_t *seed)
{
        struct pollfd fd = {.fd = wake.fd, .events = POLLIN};

        while (!switch_is_on(&stopping)) {
                n_works += drain();
                race_stumble(seed);
                wake_prepare(&wake);
                n_prepares++;
                if (stack_is_empty(&inbox) && !switch_is_on(&stopping)) {
                        n_sleeps++;
                        ASSERT(poll(&fd, 1, LOST_MS) == 1);
                }
                wake_finish(&wake);
                wake_drain(&wake);
        }
}

static void body(Race *race, unsigned index)
{
        uint64_t seed = index;

        if (index < N_WAKERS)
                post_until_over(race, index);
        else
                sleep_and_drain(&seed);
}

static void test_wake_no_wake_up_is_lost_and_none_is_written_twice(void **state)
{
        uint64_t writes = 0;

        (void)state;
        assert_int_equal(wake_init(&wake), 0);
        stack_init(&inbox);
        for (int i = 0; i < RACE_TRIES && (n_sleeps == 0 || n_works <= n_sleeps / 2); i++) {
                stopping = (Switch){0};
                n_wakers_done = (Counter){0};
                race_run(N_WAKERS + 1, body, NULL);
        }
        wake_deinit(&wake);
        for (unsigned i = 0; i < N_WAKERS; i++)
                writes += n_writes[i];
        print_message("%llu works, %llu sleeps, %llu writes\n", (unsigned long long)n_works,
                      (unsigned long long)n_sleeps, (unsigned long long)writes);
        assert_true(n_sleeps > 0);
        assert_true(writes <= n_prepares);
        assert_true(n_works > n_sleeps / 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wake_no_wake_up_is_lost_and_none_is_written_twice),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
