/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/sync/wake.h"

static Wake wake;

static int setup(void **state)
{
        (void)state;
        return wake_init(&wake);
}

static int teardown(void **state)
{
        (void)state;
        wake_deinit(&wake);
        wake_deinit(&wake);
        return 0;
}

/* How often the eventfd was written since the last look. */
static uint64_t count_writes(void)
{
        uint64_t count;
        ssize_t n = read(wake.fd, &count, sizeof(count));

        if (n < 0) {
                assert_int_equal(errno, EAGAIN);
                return 0;
        }
        assert_int_equal(n, sizeof(count));
        return count;
}

static void test_wake_up_of_a_thread_that_is_awake_writes_nothing(void **state)
{
        (void)state;
        assert_false(wake_up(&wake));
        assert_int_equal(count_writes(), 0);
}

static void test_wake_up_writes_once_for_each_sleep(void **state)
{
        (void)state;
        for (int i = 0; i < 3; i++) {
                wake_prepare(&wake);
                assert_true(wake_up(&wake));
                assert_false(wake_up(&wake));
                assert_false(wake_up(&wake));
                assert_int_equal(count_writes(), 1);
                wake_finish(&wake);
                assert_false(wake_up(&wake));
                assert_int_equal(count_writes(), 0);
        }
}

static void test_wake_finish_without_a_wake_up_ends_the_sleep(void **state)
{
        (void)state;
        wake_prepare(&wake);
        wake_finish(&wake);
        assert_false(wake_up(&wake));
        assert_int_equal(count_writes(), 0);
}

static void test_wake_drain_empties_the_eventfd_and_may_find_it_empty(void **state)
{
        (void)state;
        wake_drain(&wake);
        wake_prepare(&wake);
        assert_true(wake_up(&wake));
        wake_drain(&wake);
        assert_int_equal(count_writes(), 0);
        wake_drain(&wake);
}

static void test_wake_up_with_a_full_eventfd_still_counts_as_written(void **state)
{
        const uint64_t full = UINT64_MAX - 1;

        (void)state;
        assert_int_equal(write(wake.fd, &full, sizeof(full)), sizeof(full));
        wake_prepare(&wake);
        assert_true(wake_up(&wake));
        assert_true(count_writes() == full);
}

static void test_wake_eventfd_does_not_block_and_is_not_inherited(void **state)
{
        (void)state;
        assert_true(fcntl(wake.fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(wake.fd, F_GETFD) & FD_CLOEXEC);
}

static void test_wake_init_without_free_descriptors_fails(void **state)
{
        struct rlimit limit, none;
        Wake other;

        (void)state;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(wake_init(&other), -EMFILE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        wake_deinit(&other); /* nothing to close */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wake_up_of_a_thread_that_is_awake_writes_nothing),
                cmocka_unit_test(test_wake_up_writes_once_for_each_sleep),
                cmocka_unit_test(test_wake_finish_without_a_wake_up_ends_the_sleep),
                cmocka_unit_test(test_wake_drain_empties_the_eventfd_and_may_find_it_empty),
                cmocka_unit_test(test_wake_up_with_a_full_eventfd_still_counts_as_written),
                cmocka_unit_test(test_wake_eventfd_does_not_block_and_is_not_inherited),
                cmocka_unit_test(test_wake_init_without_free_descriptors_fails),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
