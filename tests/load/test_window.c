/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N_CALLS = 1000 };

static void test_window_replies_in_any_order_find_their_calls(void **state)
{
        static uint32_t serials[N_CALLS];
        uint64_t started_ns;
        uint32_t tag;
        Window window;

        (void)state;
        window_init(&window);
        for (uint32_t i = 0; i < N_CALLS; i++) {
                serials[i] = window_take(&window, 10 * i, i);
                assert_true(serials[i] > INT32_MAX);
                for (uint32_t j = 0; j < i; j++)
                        assert_int_not_equal(serials[i], serials[j]);
        }
        assert_int_equal(window.n_taken, N_CALLS);
        /* 7 and 1000 have no common divisor: every call once, out of order */
        for (uint32_t i = 0; i < N_CALLS; i++) {
                uint32_t call = i * 7 % N_CALLS;

                assert_true(window_return(&window, serials[call], &started_ns, &tag));
                assert_int_equal(started_ns, 10 * call);
                assert_int_equal(tag, call);
        }
        assert_int_equal(window.n_taken, 0);
        assert_int_equal(window.most_taken, N_CALLS);
        window_deinit(&window);
}

static void test_window_late_and_unknown_replies_are_refused(void **state)
{
        uint64_t started_ns;
        uint32_t first, second;
        Window window;

        (void)state;
        window_init(&window);
        first = window_take(&window, 1, 0);
        assert_true(window_return(&window, first, &started_ns, NULL));
        assert_false(window_return(&window, first, &started_ns, NULL));
        second = window_take(&window, 2, 0); /* the same slot, another serial */
        assert_int_not_equal(first, second);
        assert_false(window_return(&window, first, &started_ns, NULL));
        assert_false(window_return(&window, 0, &started_ns, NULL));
        assert_false(window_return(&window, 1, &started_ns, NULL));
        assert_false(window_return(&window, UINT32_MAX, &started_ns, NULL));
        assert_true(window_return(&window, second, &started_ns, NULL));
        window_deinit(&window);
        window_deinit(&window);
}

static void test_window_oldest_call_is_known(void **state)
{
        uint64_t started_ns;
        uint32_t first;
        Window window;

        (void)state;
        window_init(&window);
        assert_true(window_oldest_ns(&window) == UINT64_MAX);
        first = window_take(&window, 5, 0);
        window_take(&window, 9, 0);
        assert_int_equal(window_oldest_ns(&window), 5);
        assert_true(window_return(&window, first, &started_ns, NULL));
        assert_int_equal(window_oldest_ns(&window), 9);
        window_deinit(&window);
}

static void test_window_full_one_gives_no_serial(void **state)
{
        Window window;

        (void)state;
        window_init(&window);
        for (uint32_t i = 0; i < WINDOW_MAX; i++)
                assert_int_not_equal(window_take(&window, i, 0), 0);
        assert_int_equal(window_take(&window, 0, 0), 0);
        window_deinit(&window);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_window_replies_in_any_order_find_their_calls),
                cmocka_unit_test(test_window_late_and_unknown_replies_are_refused),
                cmocka_unit_test(test_window_oldest_call_is_known),
                cmocka_unit_test(test_window_full_one_gives_no_serial),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
