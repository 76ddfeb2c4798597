/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/assert.h"
#include "broker/message/account.h"
#include "tests/race/explorer.h"

/* A home that is over its limits pauses while two others discharge, bytes and fds: it is resumed,
 * once, in every interleaving, or it did not pause. */
static Pool pool;
static Account *account;
static unsigned n_resumes, n_pauses;

static void resume(void *owner)
{
        ASSERT(owner == &pool);
        n_resumes++;
}

static void begin(void)
{
        account->bytes = (Counter){0};
        account->fds = (Counter){0};
        account->paused = (Switch){0};
        account_charge(account, 25, 2);
        n_resumes = 0;
        n_pauses = 0;
}

static bool is_resumed(void)
{
        return n_resumes > 0;
}

static void home(void)
{
        if (!account_is_over(account) || !account_pause(account))
                return;
        n_pauses++;
        explorer_wait(is_resumed); /* never stuck: or the explorer says so */
        ASSERT(!account_is_over(account));
}

static void discharge_fds(void)
{
        account_discharge(account, 10, 2);
}

static void discharge_bytes(void)
{
        account_discharge(account, 15, 0);
}

static void check(void)
{
        ASSERT(n_resumes == n_pauses);
        ASSERT(!switch_is_on(&account->paused));
        ASSERT(!account_is_over(account));
}

static void test_account_no_interleaving_is_stuck_paused(void **state)
{
        Explorer explorer = {.n_threads = 3,
                             .threads = {home, discharge_fds, discharge_bytes},
                             .begin = begin,
                             .end = check,
                             .preemptions_max = 6};

        (void)state;
        pool_init(&pool);
        account = account_new(&pool, &pool, resume, 12, 1);
        assert_non_null(account);
        explorer_run(&explorer);
        print_message("%llu interleavings\n", (unsigned long long)explorer.n_interleavings);
        assert_true(explorer.n_interleavings > 1000);
        account_unref(&pool, account);
        pool_deinit(&pool);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_account_no_interleaving_is_stuck_paused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
