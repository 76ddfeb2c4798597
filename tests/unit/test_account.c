/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/message/account.h"

enum { BYTES_MAX = 1000, FDS_MAX = 4 };

static Pool pool;
static Account *account;
static unsigned n_resumed;
static int the_owner;

static void resume(void *owner)
{
        assert_ptr_equal(owner, &the_owner);
        n_resumed++;
}

static int setup(void **state)
{
        (void)state;
        n_resumed = 0;
        pool_init(&pool);
        account = account_new(&pool, &the_owner, resume, BYTES_MAX, FDS_MAX);
        return account ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        account_unref(&pool, account);
        pool_deinit(&pool);
        return 0;
}

static void test_account_notes_peaks_and_messages(void **state)
{
        (void)state;
        account_charge(account, 300, 2);
        account_charge(account, 400, 1);
        account_discharge(account, 500, 3);
        account_charge(account, 100, 0);
        assert_int_equal(tally_read(&account->peak_bytes), 700);
        assert_int_equal(tally_read(&account->peak_fds), 3);
        account_discharge(account, 300, 0);
        assert_int_equal(account_n_messages(account), 0);
        refcount_add(&account->references, 1);
        assert_int_equal(account_n_messages(account), 1);
        account_unref(&pool, account);
}

static void test_account_is_over_only_above_a_limit(void **state)
{
        (void)state;
        assert_false(account_is_over(account));
        account_charge(account, BYTES_MAX, FDS_MAX);
        assert_false(account_is_over(account));
        account_charge(account, 1, 0);
        assert_true(account_is_over(account));
        account_discharge(account, 1, 0);
        assert_false(account_is_over(account));
        account_charge(account, 0, 1);
        assert_true(account_is_over(account));
        account_discharge(account, BYTES_MAX, FDS_MAX + 1);
        assert_false(account_is_over(account));
        assert_int_equal(n_resumed, 0); /* it was never paused */
}

static void test_account_paused_resumes_once_when_it_falls_to_the_limit(void **state)
{
        (void)state;
        account_charge(account, BYTES_MAX + 10, 0);
        assert_true(account_pause(account));
        account_discharge(account, 9, 0);
        assert_int_equal(n_resumed, 0); /* still over by one */
        account_discharge(account, 1, 0);
        assert_int_equal(n_resumed, 1);
        account_discharge(account, BYTES_MAX, 0);
        assert_int_equal(n_resumed, 1);
}

static void test_account_paused_waits_for_both_limits(void **state)
{
        (void)state;
        account_charge(account, BYTES_MAX + 1, FDS_MAX + 1);
        assert_true(account_pause(account));
        account_discharge(account, BYTES_MAX + 1, 0);
        assert_int_equal(n_resumed, 0);
        account_discharge(account, 0, 1);
        assert_int_equal(n_resumed, 1);
        account_discharge(account, 0, FDS_MAX);
        assert_int_equal(n_resumed, 1);
}

static void test_account_pause_after_it_fell_below_does_not_pause(void **state)
{
        (void)state;
        account_charge(account, BYTES_MAX + 1, 0);
        assert_true(account_is_over(account));
        account_discharge(account, 1, 0); /* between the look and the pause */
        assert_false(account_pause(account));
        account_discharge(account, BYTES_MAX, 0);
        assert_int_equal(n_resumed, 0);
}

static void test_account_can_be_paused_again_after_it_was_resumed(void **state)
{
        (void)state;
        for (unsigned i = 1; i <= 3; i++) {
                account_charge(account, BYTES_MAX + 1, 0);
                assert_true(account_pause(account));
                account_discharge(account, BYTES_MAX + 1, 0);
                assert_int_equal(n_resumed, i);
        }
}

static void test_account_whose_peer_has_left_resumes_nobody(void **state)
{
        (void)state;
        account_charge(account, BYTES_MAX + 1, 0);
        assert_true(account_pause(account));
        cell_publish(&account->owner, NULL);
        account_discharge(account, BYTES_MAX + 1, 0);
        assert_int_equal(n_resumed, 0);
}

static void test_account_lives_until_the_last_reference_is_gone(void **state)
{
        (void)state;
        refcount_add(&account->references, 1);
        account_unref(&pool, account);
        account_charge(account, 1, 1); /* still there */
        account_discharge(account, 1, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_account_notes_peaks_and_messages),
                TEST(test_account_is_over_only_above_a_limit),
                TEST(test_account_paused_resumes_once_when_it_falls_to_the_limit),
                TEST(test_account_paused_waits_for_both_limits),
                TEST(test_account_pause_after_it_fell_below_does_not_pause),
                TEST(test_account_can_be_paused_again_after_it_was_resumed),
                TEST(test_account_whose_peer_has_left_resumes_nobody),
                TEST(test_account_lives_until_the_last_reference_is_gone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
