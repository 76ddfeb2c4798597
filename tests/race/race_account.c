/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/message/account.h"
#include "tests/race/race.h"

/*
 * A home thread charges and pauses as a peer does; others discharge. The home stops when it is
 * paused and goes on only when it was resumed: if a resume were lost everybody would wait for ever
 * (race_run() ends that), if one came twice the check fails.
 */
enum { N_RELEASERS = 2, BYTES_MAX = 100, FDS_MAX = 3, CHARGE_MAX = 60 };

typedef struct Charge {
        StackNode node;
        uint64_t bytes;
        uint64_t fds;
} Charge;

static Pool pool;
static Account *account;
static Stack queues[N_RELEASERS]; /* charges on their way to whoever discharges them */
static Counter n_resumes;
static Switch done;
static uint64_t n_pauses, n_near_misses;

static void resume(void *owner)
{
        ASSERT(owner == &queues);
        counter_add(&n_resumes, 1);
}

/* As a peer's input after each message. Returns when it may go on. */
static void pause_if_over(uint64_t *seed)
{
        uint64_t before = counter_read(&n_resumes);

        if (!account_is_over(account))
                return;
        race_stumble(seed);
        if (!account_pause(account)) {
                n_near_misses++;
                return;
        }
        n_pauses++;
        while (counter_read(&n_resumes) < n_pauses)
                sched_yield();
        ASSERT(counter_read(&n_resumes) == n_pauses && before == n_pauses - 1);
        /* It may still be over its limit: a discharge that looked during the pause before may win
         * this one's switch. The home then handles one message too many and pauses again. */
}

static void be_home(Race *race, uint64_t *seed)
{
        while (!race_is_over(race)) {
                Charge *charge = pool_alloc(&pool, sizeof(*charge));

                ASSERT(charge);
                charge->bytes = race_random(seed, CHARGE_MAX);
                charge->fds = race_random(seed, 4) == 0;
                account_charge(account, charge->bytes, charge->fds);
                stack_push(&queues[race_random(seed, N_RELEASERS)], &charge->node);
                pause_if_over(seed);
        }
        switch_set(&done);
}

static void discharge_until_done(unsigned index, uint64_t *seed)
{
        bool last;

        do {
                StackNode *node, *next;

                last = switch_is_on(&done);
                for (node = stack_take(&queues[index]); node; node = next) {
                        Charge *charge = CONTAINER_OF(node, Charge, node);

                        next = node->next;
                        race_stumble(seed);
                        account_discharge(account, charge->bytes, charge->fds);
                        pool_free(NULL, charge, sizeof(*charge));
                }
                sched_yield();
        } while (!last);
}

static void body(Race *race, unsigned index)
{
        uint64_t seed = index;

        if (index == 0)
                be_home(race, &seed);
        else
                discharge_until_done(index - 1, &seed);
}

static void test_account_is_never_stuck_paused_and_resumes_once_for_each_pause(void **state)
{
        (void)state;
        pool_init(&pool);
        for (unsigned i = 0; i < N_RELEASERS; i++)
                stack_init(&queues[i]);
        account = account_new(&pool, &queues, resume, BYTES_MAX, FDS_MAX);
        assert_non_null(account);
        for (int i = 0; i < RACE_TRIES && (n_pauses == 0 || n_near_misses == 0); i++) {
                done = (Switch){0};
                race_run(N_RELEASERS + 1, body, NULL);
        }
        print_message("%llu pauses, %llu that were over before they began\n",
                      (unsigned long long)n_pauses, (unsigned long long)n_near_misses);
        assert_true(n_pauses > 0 && n_near_misses > 0);
        assert_int_equal(counter_read(&n_resumes), n_pauses);
        assert_int_equal(counter_read(&account->bytes), 0);
        assert_int_equal(counter_read(&account->fds), 0);
        account_unref(&pool, account);
        pool_deinit(&pool);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                        test_account_is_never_stuck_paused_and_resumes_once_for_each_pause),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
