/* SPDX-License-Identifier: Apache-2.0 */
/* What is computed from what was measured. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/load/engine/figures.h"
#include "broker/base/clock.h"

static void test_histogram_percentiles_are_within_a_128th(void **state)
{
        static Histogram histogram;

        (void)state;
        memset(&histogram, 0, sizeof(histogram));
        for (uint64_t i = 1; i <= 1000000; i++)
                histogram_add(&histogram, i * 37);
        for (double percent = 1; percent < 100; percent += 0.7) {
                double found = (double)histogram_percentile(&histogram, percent);
                double exact = percent * 10000 * 37;

                assert_true(fabs(found - exact) / exact < 1.0 / 128 + 1e-4);
        }
        assert_int_equal(histogram.min, 37);
        assert_int_equal(histogram.max, 37000000);
        assert_true(fabs(histogram_mean(&histogram) - 37 * 500000.5) < 1);
}

static void test_histogram_correction_adds_what_was_not_measured(void **state)
{
        static Histogram histogram;

        (void)state;
        memset(&histogram, 0, sizeof(histogram));
        histogram_add_corrected(&histogram, 1000, 100); /* 1000, 900, ... 100 */
        assert_int_equal(histogram.n, 10);
        assert_int_equal(histogram.min, 100);
        assert_true(fabs(histogram.sum - 5500) < 1e-9);
        histogram_add_corrected(&histogram, 199, 100); /* one would have waited less than one */
        histogram_add_corrected(&histogram, 50, 0);
        assert_int_equal(histogram.n, 12);
}

static void test_histogram_values_above_a_limit_are_counted(void **state)
{
        static Histogram histogram, other;

        (void)state;
        memset(&histogram, 0, sizeof(histogram));
        memset(&other, 0, sizeof(other));
        for (uint64_t i = 1; i <= 100; i++)
                histogram_add(i % 2 ? &histogram : &other, i * 1000000);
        histogram_merge(&histogram, &other);
        assert_int_equal(histogram.n, 100);
        assert_int_equal(histogram_count_above(&histogram, 90400000), 10);
        assert_int_equal(histogram_count_above(&histogram, 200000000), 0);
        assert_int_equal(histogram_count_above(&histogram, 0), 100);
}

static void test_figures_generator_bound_when_a_thread_is_full(void **state)
{
        (void)state;
        assert_true(figures_is_generator_bound(0.9, 0.1, 1.0, 1));
        assert_false(figures_is_generator_bound(0.89, 0.1, 1.0, 1));
        /* all busy, and the broker could do more */
        assert_true(figures_is_generator_bound(0.8, 0.7, 0.6, 1));
        assert_true(figures_is_generator_bound(0.8, 0.7, 1.3, 2));
        assert_false(figures_is_generator_bound(0.8, 0.7, 0.8, 1));
        assert_false(figures_is_generator_bound(0.8, 0.6, 0.1, 1)); /* they wait, too */
        assert_false(figures_is_generator_bound(0.8, 0.8, 0, 0));   /* nothing is known of it */
}

static void test_figures_per_message_divides_by_what_was_sent(void **state)
{
        Figures *figures = calloc(1, sizeof(*figures));

        (void)state;
        assert_non_null(figures);
        figures_init(figures, "call");
        assert_true(figures_cpu_ns_per_message(figures) == 0);
        figures->broker_cpu_ns = 6000;
        figures->broker_switches = 3;
        figures->n_messages = 6;
        figures->n_deliveries = 60;
        figures->n_operations = 10;
        figures->seconds = 0.5;
        assert_true(fabs(figures_cpu_ns_per_message(figures) - 1000) < 1e-9);
        assert_true(fabs(figures_cpu_ns_per_delivery(figures) - 100) < 1e-9);
        assert_true(fabs(figures_switches_per_message(figures) - 0.5) < 1e-9);
        assert_true(fabs(figures_rate(figures) - 20) < 1e-9);
        free(figures);
}

static void test_figures_errors_beyond_the_table_are_added_up(void **state)
{
        Figures *figures = calloc(1, sizeof(*figures));
        uint64_t n = 0;

        (void)state;
        assert_non_null(figures);
        figures_init(figures, "call");
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 50; i++) {
                        char name[32];

                        snprintf(name, sizeof(name), "com.example.E%d", i);
                        figures_add_error(figures, name, 1);
                }
        }
        assert_int_equal(figures->n_error_names, FIGURES_ERRORS_MAX);
        assert_int_equal(figures->errors[0].n, 2);
        assert_string_equal(figures->errors[FIGURES_ERRORS_MAX - 1].name, "(others)");
        for (unsigned i = 0; i < figures->n_error_names; i++)
                n += figures->errors[i].n;
        assert_int_equal(n, 100);
        free(figures);
}

/* Of this process: busy for 50 ms of CPU time, then asleep. */
static void test_facts_of_a_process_are_what_it_did(void **state)
{
        FactsProcess begin, end;
        FactsCpu cpu_begin, cpu_end;

        (void)state;
        facts_read_cpu(&cpu_begin);
        facts_read_process(getpid(), &begin);
        do
                facts_read_cpu(&cpu_end);
        while (cpu_end.own_ns - cpu_begin.own_ns < 50 * CLOCK_NS_PER_MS);
        for (int i = 0; i < 5; i++)
                usleep(1000);
        facts_read_process(getpid(), &end);
        assert_true(begin.is_known && end.is_known);
        assert_true(end.cpu_ns - begin.cpu_ns >= 49 * CLOCK_NS_PER_MS);
        assert_true(end.cpu_ns - begin.cpu_ns <= end.taken_ns - begin.taken_ns);
        assert_true(end.voluntary_switches - begin.voluntary_switches >= 5);
        assert_true(end.switches >= end.voluntary_switches);
        assert_true(end.rss_kib > 100);
        assert_true(end.n_threads >= 1); /* sanitizers have one of their own */
        assert_true(end.n_fds >= 3);
}

static void test_facts_of_no_process_are_unknown(void **state)
{
        FactsProcess process;
        FactsBroker broker;

        (void)state;
        facts_read_process(0, &process);
        assert_false(process.is_known);
        facts_read_process(0x3fffffff, &process);
        assert_false(process.is_known);
        facts_read_broker(getpid(), &broker);
        assert_true(strstr(broker.exe, "test_load_figures") != NULL);
        assert_true(strstr(broker.command_line, "test_load_figures") != NULL);
        assert_string_equal(broker.version, ""); /* strangers are not run to ask them */
}

static void test_facts_foreign_share_is_what_others_used(void **state)
{
        const FactsCpu begin = {.taken_ns = 0, .busy_ns = 100, .steal_ns = 0, .own_ns = 10};
        const FactsCpu end = {.taken_ns = 1000, .busy_ns = 1300, .steal_ns = 100, .own_ns = 310};

        (void)state;
        /* of 2000: busy 1200, stolen 100, ours 300, the broker's 500 */
        assert_true(fabs(facts_foreign_share(&begin, &end, 500, 2) - 0.25) < 1e-9);
        assert_true(facts_foreign_share(&begin, &end, 5000, 2) == 0);
        assert_true(facts_foreign_share(&begin, &begin, 0, 2) == 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_histogram_percentiles_are_within_a_128th),
                cmocka_unit_test(test_histogram_correction_adds_what_was_not_measured),
                cmocka_unit_test(test_histogram_values_above_a_limit_are_counted),
                cmocka_unit_test(test_figures_generator_bound_when_a_thread_is_full),
                cmocka_unit_test(test_figures_per_message_divides_by_what_was_sent),
                cmocka_unit_test(test_figures_errors_beyond_the_table_are_added_up),
                cmocka_unit_test(test_facts_of_a_process_are_what_it_did),
                cmocka_unit_test(test_facts_of_no_process_are_unknown),
                cmocka_unit_test(test_facts_foreign_share_is_what_others_used),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
