/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/base/clock.h"
#include "broker/io/ready.h"

typedef struct State {
        Ready ready;
        int fds[2];
} State;

static State the_state;

static int setup(void **state)
{
        *state = &the_state;
        if (ready_init(&the_state.ready) < 0)
                return -1;
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, the_state.fds);
}

static int teardown(void **state)
{
        State *s = *state;

        ready_deinit(&s->ready);
        ready_deinit(&s->ready);
        close(s->fds[0]);
        if (s->fds[1] >= 0)
                close(s->fds[1]);
        return 0;
}

static void test_ready_readable_socket_is_reported_until_it_is_read(void **state)
{
        State *s = *state;
        ReadyEvent events[4];
        char byte;

        assert_int_equal(ready_add(&s->ready, s->fds[0], true, false, s), 0);
        assert_int_equal(ready_wait(&s->ready, 0, events, 4), 0);
        assert_int_equal(write(s->fds[1], "x", 1), 1);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(ready_wait(&s->ready, UINT64_MAX, events, 4), 1);
                assert_ptr_equal(events[0].cookie, s);
                assert_true(events[0].readable);
                assert_false(events[0].writable);
        }
        assert_int_equal(read(s->fds[0], &byte, 1), 1);
        assert_int_equal(ready_wait(&s->ready, 0, events, 4), 0);
}

static void test_ready_modify_changes_what_is_reported(void **state)
{
        State *s = *state;
        ReadyEvent events[4];

        assert_int_equal(ready_add(&s->ready, s->fds[0], true, false, NULL), 0);
        assert_int_equal(ready_modify(&s->ready, s->fds[0], true, true, s), 0);
        assert_int_equal(ready_wait(&s->ready, UINT64_MAX, events, 4), 1);
        assert_ptr_equal(events[0].cookie, s);
        assert_true(events[0].writable);
        assert_false(events[0].readable);
        assert_int_equal(ready_modify(&s->ready, s->fds[0], false, false, s), 0);
        assert_int_equal(write(s->fds[1], "x", 1), 1);
        assert_int_equal(ready_wait(&s->ready, 0, events, 4), 0);
}

static void test_ready_hang_up_reads_as_readable(void **state)
{
        State *s = *state;
        ReadyEvent events[4];

        assert_int_equal(ready_add(&s->ready, s->fds[0], false, false, s), 0);
        close(s->fds[1]);
        s->fds[1] = -1;
        assert_int_equal(ready_wait(&s->ready, UINT64_MAX, events, 4), 1);
        assert_true(events[0].readable);
}

static void test_ready_removed_or_closed_socket_is_silent(void **state)
{
        State *s = *state;
        ReadyEvent events[4];

        assert_int_equal(ready_add(&s->ready, s->fds[0], true, true, s), 0);
        ready_remove(&s->ready, s->fds[0]);
        ready_remove(&s->ready, s->fds[0]);
        assert_int_equal(ready_wait(&s->ready, 0, events, 4), 0);
}

static void test_ready_wrong_use_is_an_error(void **state)
{
        State *s = *state;

        assert_int_equal(ready_add(&s->ready, 1 << 20, true, false, s), -EBADF);
        assert_int_equal(ready_modify(&s->ready, s->fds[0], true, false, s), -ENOENT);
        assert_int_equal(ready_add(&s->ready, s->fds[0], true, false, s), 0);
        assert_int_equal(ready_add(&s->ready, s->fds[0], true, false, s), -EEXIST);
}

static void test_ready_timeout_is_rounded_up(void **state)
{
        State *s = *state;
        uint64_t start = clock_now_ns();
        ReadyEvent events[4];

        assert_int_equal(ready_wait(&s->ready, 15 * CLOCK_NS_PER_MS + 1, events, 4), 0);
        assert_true(clock_now_ns() - start >= 15 * CLOCK_NS_PER_MS + 1);
}

static void ignore_signal(int number)
{
        (void)number;
}

static void test_ready_signal_ends_the_wait_with_nothing(void **state)
{
        State *s = *state;
        struct sigaction action = {.sa_handler = ignore_signal};
        /* Again and again: the first one may come before the wait. */
        const struct itimerval often = {.it_value.tv_usec = 20 * 1000,
                                        .it_interval.tv_usec = 20 * 1000};
        const struct itimerval never = {0};
        ReadyEvent events[4];

        assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
        assert_int_equal(ready_wait(&s->ready, UINT64_MAX, events, 4), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
}

static void test_ready_returns_no_more_than_asked_for_and_starves_nobody(void **state)
{
        State *s = *state;
        bool seen[2] = {false, false};

        assert_int_equal(ready_add(&s->ready, s->fds[0], false, true, &seen[0]), 0);
        assert_int_equal(ready_add(&s->ready, s->fds[1], false, true, &seen[1]), 0);
        for (int i = 0; i < 2; i++) {
                ReadyEvent event;

                assert_int_equal(ready_wait(&s->ready, 0, &event, 1), 1);
                *(bool *)event.cookie = true;
        }
        assert_true(seen[0] && seen[1]);
}

#define READY_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                READY_TEST(test_ready_readable_socket_is_reported_until_it_is_read),
                READY_TEST(test_ready_modify_changes_what_is_reported),
                READY_TEST(test_ready_hang_up_reads_as_readable),
                READY_TEST(test_ready_removed_or_closed_socket_is_silent),
                READY_TEST(test_ready_wrong_use_is_an_error),
                READY_TEST(test_ready_timeout_is_rounded_up),
                READY_TEST(test_ready_signal_ends_the_wait_with_nothing),
                READY_TEST(test_ready_returns_no_more_than_asked_for_and_starves_nobody),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
