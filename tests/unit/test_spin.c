/* SPDX-License-Identifier: Apache-2.0 */
/* How long to spin. That the scheduler took the core away cannot be arranged, so in `auto` a spin
 * that paid is allowed to be doubted; everything else is exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "broker/worker/spin.h"

#define MS UINT64_C(1000000)

static void test_spin_off_never(void **state)
{
        Spin spin;

        (void)state;
        spin_init(&spin, SPIN_OFF, 12345);
        assert_int_equal(spin_budget(&spin, 0), 0);
        spin_report(&spin, 1, true);
        assert_int_equal(spin_budget(&spin, UINT64_MAX), 0);
}

static void test_spin_fixed_always_the_same(void **state)
{
        Spin spin;

        (void)state;
        spin_init(&spin, SPIN_FIXED, 12345);
        for (uint64_t i = 0; i < 100; i++) {
                assert_int_equal(spin_budget(&spin, i), 12345);
                spin_report(&spin, i, i % 2 == 0);
        }
}

/* Fails until it spins no more; returns when. */
static uint64_t fail_until_off(Spin *spin, uint64_t now)
{
        uint64_t last = UINT64_MAX;

        for (int i = 0; i < 20; i++) {
                uint64_t budget = spin_budget(spin, now);

                if (budget == 0)
                        return now;
                assert_true(budget <= last && budget <= 50000);
                last = budget;
                now += budget;
                spin_report(spin, now, false);
        }
        fail_msg("spins that never pay go on");
        return 0;
}

static void test_spin_auto_gives_up_when_it_does_not_pay(void **state)
{
        Spin spin;
        uint64_t now;

        (void)state;
        spin_init(&spin, SPIN_AUTO, 0);
        assert_true(spin_budget(&spin, 0) > 0);
        now = fail_until_off(&spin, 0);
        assert_int_equal(spin_budget(&spin, now + MS / 2), 0);
        assert_true(spin_budget(&spin, now + MS) > 0); /* tries again after a while */
}

static void test_spin_auto_tries_ever_more_rarely(void **state)
{
        uint64_t now = 0, pause = 0;
        Spin spin;

        (void)state;
        spin_init(&spin, SPIN_AUTO, 0);
        for (int round = 0; round < 12; round++) {
                uint64_t off = fail_until_off(&spin, now), length = 0;

                while (spin_budget(&spin, off + length) == 0)
                        length += MS / 10;
                assert_true(length >= pause && length <= 101 * MS);
                pause = length;
                now = off + length;
        }
        assert_true(pause >= 99 * MS); /* at most ten times a second */
}

/* Within a few tries one spin is not preempted: then the next are longer, up to a bound. */
static void test_spin_auto_success_brings_it_back(void **state)
{
        uint64_t budget, now;
        bool grew = false;
        Spin spin;

        (void)state;
        spin_init(&spin, SPIN_AUTO, 0);
        now = fail_until_off(&spin, 0) + 200 * MS;
        for (int i = 0; i < 1000 && !grew; i++, now += 200 * MS) {
                budget = spin_budget(&spin, now);
                assert_true(budget > 0);
                spin_report(&spin, now, true);
                grew = spin_budget(&spin, now) > budget;
                assert_true(spin_budget(&spin, now) <= 50000);
        }
        assert_true(grew);
        for (int i = 0; i < 100; i++) {
                spin_report(&spin, now, true);
                assert_true(spin_budget(&spin, now) <= 50000);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_spin_off_never),
                cmocka_unit_test(test_spin_fixed_always_the_same),
                cmocka_unit_test(test_spin_auto_gives_up_when_it_does_not_pay),
                cmocka_unit_test(test_spin_auto_tries_ever_more_rarely),
                cmocka_unit_test(test_spin_auto_success_brings_it_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
