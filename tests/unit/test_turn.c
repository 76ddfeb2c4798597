/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "broker/sync/commit.h"
#include "broker/sync/turn.h"

enum { CHANGES = 20000 };

static Turn turn;
static Commit committed; /* set inside the turn */
static Commit passing;
static uint64_t index_changes; /* stands for the match index: plain, changed inside the turn */

static int setup(void **state)
{
        (void)state;
        turn_init(&turn);
        commit_init(&committed);
        commit_init(&passing);
        index_changes = 0;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        turn_deinit(&turn);
        return 0;
}

static void test_turn_version_grows_by_one_at_each_bump(void **state)
{
        uint64_t before = turn_version(&turn);

        (void)state;
        assert_int_not_equal(before, 0); /* 0 can mean "never looked" */
        turn_take(&turn);
        assert_int_equal(turn_version(&turn), before);
        turn_bump(&turn);
        turn_bump(&turn);
        turn_release(&turn);
        assert_int_equal(turn_version(&turn), before + 2);
}

static void *pass(void *argument)
{
        bool *ret_seen = argument;

        commit_set(&passing);
        turn_pass(&turn);
        *ret_seen = commit_is_set(&committed);
        return NULL;
}

static void test_turn_pass_waits_until_the_holder_has_committed(void **state)
{
        const struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
        bool seen = false;
        pthread_t thread;

        (void)state;
        turn_take(&turn);
        assert_int_equal(pthread_create(&thread, NULL, pass, &seen), 0);
        while (!commit_is_set(&passing))
                sched_yield();
        nanosleep(&nap, NULL); /* a pass that does not wait would be over by now */
        commit_set(&committed);
        turn_release(&turn);
        pthread_join(thread, NULL);
        assert_true(seen);
}

/* Changes the index and bumps, each time inside the turn. */
static void *change(void *argument)
{
        (void)argument;
        for (int i = 0; i < CHANGES; i++) {
                turn_take(&turn);
                index_changes++;
                turn_bump(&turn);
                turn_release(&turn);
        }
        return NULL;
}

static void test_turn_version_unchanged_inside_means_index_unchanged(void **state)
{
        const uint64_t first = turn_version(&turn);
        pthread_t thread;
        uint64_t version;

        (void)state;
        assert_int_equal(pthread_create(&thread, NULL, change, NULL), 0);
        do {
                version = turn_version(&turn);
                turn_take(&turn);
                assert_true(turn_version(&turn) >= version);
                /* The index is exactly as new as the version, whenever it is held. */
                assert_int_equal(index_changes, turn_version(&turn) - first);
                turn_release(&turn);
                sched_yield();
        } while (version < first + CHANGES);
        pthread_join(thread, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_turn_version_grows_by_one_at_each_bump, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_turn_pass_waits_until_the_holder_has_committed,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_turn_version_unchanged_inside_means_index_unchanged, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
