/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/stack.h"
#include "broker/sync/wake.h"
#include "tests/race/explorer.h"

/* Two wakers with one piece of work each; a sleeper that ends when it has both. A lost wake-up is a
 * sleeper that waits for ever, which the explorer reports. */
enum { N_WAKERS = 2 };

static Wake wake;
static Stack inbox;
static StackNode works[N_WAKERS];
static unsigned n_done, n_prepares, n_writes;

static void begin(void)
{
        wake_finish(&wake);
        wake_drain(&wake);
        stack_init(&inbox);
        n_done = 0;
        n_prepares = 0;
        n_writes = 0;
}

static void waker(void)
{
        stack_push(&inbox, &works[explorer_thread()]);
        n_writes += wake_up(&wake);
}

static bool is_readable(void)
{
        struct pollfd fd = {.fd = wake.fd, .events = POLLIN};

        return poll(&fd, 1, 0) == 1;
}

static void sleeper(void)
{
        for (;;) {
                for (StackNode *node = stack_take(&inbox); node; node = node->next)
                        n_done++;
                if (n_done == N_WAKERS)
                        return;
                wake_prepare(&wake);
                n_prepares++;
                if (stack_is_empty(&inbox))
                        explorer_wait(is_readable);
                wake_finish(&wake);
                wake_drain(&wake);
        }
}

static void check(void)
{
        ASSERT(n_done == N_WAKERS);
        ASSERT(n_writes <= n_prepares);
}

static void test_wake_no_interleaving_loses_a_wake_up(void **state)
{
        Explorer explorer = {.n_threads = N_WAKERS + 1,
                             .threads = {waker, waker, sleeper},
                             .begin = begin,
                             .end = check,
                             .preemptions_max = 5};

        (void)state;
        assert_int_equal(wake_init(&wake), 0);
        explorer_run(&explorer);
        wake_deinit(&wake);
        print_message("%llu interleavings\n", (unsigned long long)explorer.n_interleavings);
        assert_true(explorer.n_interleavings > 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wake_no_interleaving_loses_a_wake_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
