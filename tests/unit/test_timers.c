/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "broker/base/assert.h"
#include "broker/base/timers.h"

enum { N_TIMERS = 300, N_STEPS = 20000 };

typedef struct TestTimer {
        Timer timer;
        unsigned n_fired;
        uint64_t fired_ns; /* its deadline when it fired */
        bool armed;        /* what the model says */
        uint64_t deadline_ns;
} TestTimer;

static TestTimer all[N_TIMERS];
static Timers timers;
static uint64_t last_fired_ns;
static bool out_of_memory;

void *__wrap_alloc_resize(void *pointer, size_t size);
void *__real_alloc_resize(void *pointer, size_t size);

void *__wrap_alloc_resize(void *pointer, size_t size)
{
        return out_of_memory ? NULL : __real_alloc_resize(pointer, size);
}

static void fire(Timer *timer, void *context)
{
        TestTimer *mine = CONTAINER_OF(timer, TestTimer, timer);

        assert_ptr_equal(context, &timers);
        assert_false(timers_is_armed(timer));
        assert_true(timer->deadline_ns >= last_fired_ns);
        last_fired_ns = timer->deadline_ns;
        mine->n_fired++;
        mine->fired_ns = timer->deadline_ns;
}

static int setup(void **state)
{
        (void)state;
        timers_init(&timers);
        for (int i = 0; i < N_TIMERS; i++)
                all[i] = (TestTimer){.timer.fire = fire};
        last_fired_ns = 0;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        timers_deinit(&timers);
        return 0;
}

static void test_timers_timeout_is_until_the_earliest(void **state)
{
        (void)state;
        assert_true(timers_timeout(&timers, 0) == UINT64_MAX);
        assert_int_equal(timers_arm(&timers, &all[0].timer, 500), 0);
        assert_int_equal(timers_arm(&timers, &all[1].timer, 300), 0);
        assert_int_equal(timers_timeout(&timers, 100), 200);
        assert_int_equal(timers_timeout(&timers, 300), 0);
        assert_int_equal(timers_timeout(&timers, 400), 0); /* passed */
        timers_disarm(&timers, &all[1].timer);
        assert_int_equal(timers_timeout(&timers, 100), 400);
}

static void test_timers_fire_those_whose_deadline_has_come_in_order(void **state)
{
        (void)state;
        for (int i = 0; i < 5; i++)
                timers_arm(&timers, &all[i].timer, 500 - (uint64_t)i * 100);
        timers_fire(&timers, 300, &timers);
        for (int i = 0; i < 5; i++)
                assert_int_equal(all[i].n_fired, i >= 2);
        timers_fire(&timers, 300, &timers);
        assert_int_equal(all[2].n_fired, 1);
        assert_false(timers_is_armed(&all[2].timer));
        assert_true(timers_is_armed(&all[1].timer));
}

static void test_timers_arm_moves_an_armed_timer(void **state)
{
        (void)state;
        timers_arm(&timers, &all[0].timer, 100);
        timers_arm(&timers, &all[0].timer, 900);
        timers_fire(&timers, 899, &timers);
        assert_int_equal(all[0].n_fired, 0);
        timers_fire(&timers, 900, &timers);
        assert_int_equal(all[0].n_fired, 1);
}

static void test_timers_disarm_of_a_timer_that_is_not_armed_does_nothing(void **state)
{
        (void)state;
        timers_disarm(&timers, &all[0].timer);
        timers_arm(&timers, &all[0].timer, 1);
        timers_disarm(&timers, &all[0].timer);
        timers_disarm(&timers, &all[0].timer);
        timers_fire(&timers, 10, &timers);
        assert_int_equal(all[0].n_fired, 0);
}

static void rearm(Timer *timer, void *context)
{
        TestTimer *mine = CONTAINER_OF(timer, TestTimer, timer);

        mine->n_fired++;
        if (mine->n_fired < 3)
                timers_arm(context, timer, timer->deadline_ns + 10);
        timers_disarm(context, &all[1].timer);
}

static void test_timers_may_arm_and_disarm_while_firing(void **state)
{
        (void)state;
        all[0].timer.fire = rearm;
        timers_arm(&timers, &all[0].timer, 100);
        timers_arm(&timers, &all[1].timer, 105);
        timers_fire(&timers, 115, &timers);
        assert_int_equal(all[0].n_fired, 2); /* at 100 and 110, not yet at 120 */
        assert_int_equal(all[1].n_fired, 0);
        assert_int_equal(timers_timeout(&timers, 115), 5);
}

static void test_timers_out_of_memory_leaves_the_timer_unarmed(void **state)
{
        (void)state;
        out_of_memory = true;
        assert_true(timers_arm(&timers, &all[0].timer, 100) < 0);
        out_of_memory = false;
        assert_false(timers_is_armed(&all[0].timer));
        assert_int_equal(timers_arm(&timers, &all[0].timer, 100), 0);
        out_of_memory = true; /* moving needs no memory */
        assert_int_equal(timers_arm(&timers, &all[0].timer, 200), 0);
        out_of_memory = false;
}

static void test_timers_deinit_forgets_armed_timers(void **state)
{
        (void)state;
        timers_arm(&timers, &all[0].timer, 100);
        timers_arm(&timers, &all[1].timer, 50);
        timers_deinit(&timers);
        assert_false(timers_is_armed(&all[0].timer));
        assert_false(timers_is_armed(&all[1].timer));
        assert_true(timers_timeout(&timers, 0) == UINT64_MAX);
}

static uint64_t model_earliest(void)
{
        uint64_t earliest = UINT64_MAX;

        for (int i = 0; i < N_TIMERS; i++)
                if (all[i].armed && all[i].deadline_ns < earliest)
                        earliest = all[i].deadline_ns;
        return earliest;
}

static void fire_and_compare(uint64_t now_ns)
{
        unsigned before[N_TIMERS];

        for (int i = 0; i < N_TIMERS; i++)
                before[i] = all[i].n_fired;
        last_fired_ns = 0;
        timers_fire(&timers, now_ns, &timers);
        for (int i = 0; i < N_TIMERS; i++) {
                bool due = all[i].armed && all[i].deadline_ns <= now_ns;

                assert_int_equal(all[i].n_fired - before[i], due);
                if (due)
                        assert_true(all[i].fired_ns == all[i].deadline_ns);
                all[i].armed = all[i].armed && !due;
        }
}

static void test_timers_random_order_agrees_with_a_plain_list(void **state)
{
        unsigned seed = 20240517;
        uint64_t now = 0;

        (void)state;
        for (int step = 0; step < N_STEPS; step++) {
                TestTimer *mine = &all[rand_r(&seed) % N_TIMERS];
                unsigned what = (unsigned)rand_r(&seed) % 16;
                uint64_t earliest;

                if (what < 9) {
                        mine->armed = true;
                        mine->deadline_ns = now + (uint64_t)rand_r(&seed) % 1000; /* often equal */
                        assert_int_equal(timers_arm(&timers, &mine->timer, mine->deadline_ns), 0);
                } else if (what < 14) {
                        mine->armed = false;
                        timers_disarm(&timers, &mine->timer);
                } else {
                        now += (uint64_t)rand_r(&seed) % 100;
                        fire_and_compare(now);
                }
                assert_int_equal(timers_is_armed(&mine->timer), mine->armed);
                earliest = model_earliest();
                assert_true(timers_timeout(&timers, now) == (earliest == UINT64_MAX ? UINT64_MAX
                                                             : earliest > now       ? earliest - now
                                                                                    : 0));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_timers_timeout_is_until_the_earliest, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(
                        test_timers_fire_those_whose_deadline_has_come_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_timers_arm_moves_an_armed_timer, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(
                        test_timers_disarm_of_a_timer_that_is_not_armed_does_nothing, setup,
                        teardown),
                cmocka_unit_test_setup_teardown(test_timers_may_arm_and_disarm_while_firing, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_timers_out_of_memory_leaves_the_timer_unarmed,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(test_timers_deinit_forgets_armed_timers, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_timers_random_order_agrees_with_a_plain_list,
                                                setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
