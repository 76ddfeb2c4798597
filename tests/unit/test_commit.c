/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "broker/sync/commit.h"

static void test_commit_goes_from_unset_to_set_once(void **state)
{
        Commit commit;

        (void)state;
        commit_init(&commit);
        assert_false(commit_is_set(&commit));
        assert_false(commit_is_set(&commit));
        commit_set(&commit);
        assert_true(commit_is_set(&commit));
        assert_true(commit_is_set(&commit));
}

/* What the step wrote: plain, so that ThreadSanitizer checks that the word orders it. */
static Commit shared_commit;
static int pushed;

static void *flush(void *argument)
{
        int *ret_seen = argument;

        while (!commit_is_set(&shared_commit))
                sched_yield();
        *ret_seen = pushed;
        return NULL;
}

static void test_commit_seen_set_shows_everything_pushed_before(void **state)
{
        pthread_t thread;
        int seen = 0;

        (void)state;
        for (int i = 1; i <= 100; i++) {
                commit_init(&shared_commit);
                assert_int_equal(pthread_create(&thread, NULL, flush, &seen), 0);
                pushed = i;
                commit_set(&shared_commit);
                pthread_join(thread, NULL);
                assert_int_equal(seen, i);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_commit_goes_from_unset_to_set_once),
                cmocka_unit_test(test_commit_seen_set_shows_everything_pushed_before),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
