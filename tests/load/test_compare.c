/* SPDX-License-Identifier: Apache-2.0 */
/* What a comparison computes with: suites, figures of several runs, what counts as worse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/compare/document.h"
#include "bench/load/compare/number.h"
#include "bench/load/compare/regress.h"
#include "bench/load/compare/suite.h"

#define CELL "title = T\nrun = call --window=1\nmeasures = cpu-per-message\n"

static Suite suite;

/* Parses; what was said about it is in `said`. */
static int parse(const char *text, char said[static 512])
{
        FILE *errors = fmemopen(said, 512, "w");
        int r;

        assert_non_null(errors);
        memset(said, 0, 512);
        r = suite_parse(&suite, "t", text, errors);
        fclose(errors);
        return r;
}

static void test_suite_cells_and_sweeps_are_read(void **state)
{
        char said[512];

        (void)state;
        assert_int_equal(parse("# comment\n[suite]\nduration = 2s\nwarmup=50ms\nrounds = 7\n\n"
                               "[cell a]\n" CELL "without = floor\nextra = 1s\nlatency = yes\n"
                               "[sweep b]\ntitle = T\nrun = call --payload={x} --window=2\n"
                               "measures = cpu-per-message latency-p50\n"
                               "x = 8 64 1024\nx-scale = log\nrounds = 2\n"
                               "[sweep c]\n" CELL "workers = {x}\nx = 1 2\nonly = ringbus\n",
                               said),
                         0);
        assert_string_equal(said, "");
        assert_int_equal(suite.duration_ns, 2000000000);
        assert_int_equal(suite.n_cells, 6);
        assert_int_equal(suite.n_sweeps, 2);
        assert_string_equal(suite.cells[0].name, "a");
        assert_int_equal(suite.cells[0].rounds, 7);
        assert_true(suite.cells[0].has_latency);
        assert_false(suite_has_broker(&suite.cells[0], "floor"));
        assert_true(suite_has_broker(&suite.cells[0], "ringbus"));
        assert_string_equal(suite.cells[3].name, "b/1024");
        assert_string_equal(suite.cells[3].run, "call --payload=1024 --window=2");
        assert_int_equal(suite.cells[3].rounds, 2);
        assert_int_equal(suite.cells[3].n_measures, 2);
        assert_int_equal(suite.cells[5].workers, 2);
        assert_false(suite_has_broker(&suite.cells[5], "dbus-daemon"));
        assert_true(suite_has_broker(&suite.cells[5], "ringbus"));
        /* The time of one run is at least what it measures, and what the suite says besides. */
        assert_true(suite_run_ns(&suite, &suite.cells[0]) >= 3050000000U);
}

static void test_suite_mistakes_are_told_with_their_line(void **state)
{
        static const struct {
                const char *text, *said;
        } mistakes[] = {
                {"", "t:0: no [cell]"},
                {"[cell a]\n" CELL "[cell a]\n" CELL, "t:5: a second [cell a]"},
                {"title = T\n", "t:1: a key before"},
                {"[cell a]\ntitel = T\n", "t:2: there is no key 'titel' here; is 'title' meant?"},
                {"[cell a]\ntitle =\n", "t:2: 'title' has no value"},
                {"[cell a]\nnonsense\n", "t:2: neither [section] nor"},
                {"[box a]\n", "t:1: neither [suite], [cell NAME]"},
                {"[cell A]\n", "t:1: neither [suite], [cell NAME]"},
                {"[cell a] x\n", "t:1: neither [suite], [cell NAME]"},
                {"\n[cell a]\ntitle = T\nmeasures = latency-p50\n", "t:2: [a] has no 'run'"},
                {"[cell a]\nrun = call\nmeasures = latency-p50\n", "t:1: [a] has no 'title'"},
                {"[cell a]\ntitle = T\nrun = call\n", "t:1: [a] has no 'measures'"},
                {"[cell a]\ntitle = T\nrun = cal\nmeasures = latency-p50\n",
                 "t:1: [a] runs 'cal', which is no scenario"},
                {"[cell a]\nmeasures = latency-p51\n",
                 "t:2: no measure is called 'latency-p51'; is 'latency-p50' meant?"},
                {"[cell a]\nmeasures = latency-p50 latency-p90 latency-p99 latency-max "
                 "broker-cpu\n",
                 "t:2: more than 4 measures"},
                {"[cell a]\nrounds = 0\n", "t:2: '0' is no number from 1 to 50"},
                {"[cell a]\nextra = soon\n", "t:2: 'soon' is no duration"},
                {"[cell a]\nlatency = maybe\n", "t:2: 'maybe' is neither yes nor no"},
                {"[cell a]\nx = 1 2\n", "t:2: there is no key 'x' here"},
                {"[sweep a]\n" CELL, "t:1: [sweep a] has no 'x'"},
                {"[sweep a]\n" CELL "x = 1\n", "t:1: [sweep a] has {x} neither or twice"},
                {"[sweep a]\nx = 1 two\n", "t:2: 'two' is no number"},
                {"[sweep a]\nworkers = 3\n", "t:2: only 'workers = {x}'"},
                {"[cell a]\n" CELL "[suite]\n", "t:5: [suite] comes first"},
        };
        char said[512];

        (void)state;
        for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
                assert_int_equal(parse(mistakes[i].text, said), -1);
                said[strlen(mistakes[i].said)] = '\0';
                assert_string_equal(said, mistakes[i].said);
        }
}

static void test_suite_builtin_ones_are_sound(void **state)
{
        (void)state;
        assert_int_equal(suite_load(&suite, "quick", stderr), 0);
        assert_int_equal(suite_load(&suite, "standard", stderr), 0);
        assert_null(suite_builtin("slow"));
}

/* The promise: four brokers on two CPUs in less than 20 minutes. */
static void test_suite_standard_takes_less_than_20_minutes(void **state)
{
        static const char *const brokers[] = {"dbus-daemon", "dbus-broker", "ringbus", "floor"};
        uint64_t ns = 0;

        (void)state;
        assert_int_equal(suite_load(&suite, "standard", stderr), 0);
        for (unsigned i = 0; i < suite.n_cells; i++)
                for (size_t b = 0; b < 4; b++)
                        if (suite_has_broker(&suite.cells[i], brokers[b]))
                                ns += suite.cells[i].rounds * suite_run_ns(&suite, &suite.cells[i]);
        /* A quarter of it may be repeated. */
        assert_true(ns + ns / 4 < UINT64_C(1200) * 1000000000);
}

static void test_number_has_three_digits(void **state)
{
        static const struct {
                double value;
                const char *text;
        } numbers[] = {{0, "0"},          {0.28, "0.280"},   {0.9996, "1.00"},   {7.2, "7.20"},
                       {12.66, "12.7"},   {118.4, "118"},    {1491, "1491"},     {9999, "9999"},
                       {54400, "54.4 k"}, {756000, "756 k"}, {1240000, "1.24 M"}};
        char text[NUMBER_TEXT_MAX];

        (void)state;
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                assert_string_equal(number_text(numbers[i].value, text), numbers[i].text);
        assert_string_equal(number_tick(8, text), "8");
        assert_string_equal(number_tick(4096, text), "4 Ki");
        assert_string_equal(number_tick(1048576, text), "1 Mi");
        assert_string_equal(number_tick(10000, text), "10000");
}

/* What a run writes, as far as it is looked at. */
static json_t *result(double cpu_ns_per_message, unsigned n_errors)
{
        return json_pack("{s:{s:f, s:f, s:i, s:i}, s:i, s:i, s:i, s:{s:i}, s:{s:s}, s:{s:s}, "
                         "s:{s:b}}",
                         "broker_use", "cpu_ns_per_message", cpu_ns_per_message, "cpu_ns", 5e6,
                         "rss_before_kib", 1000, "rss_after_kib", 3000, "operations", 1000,
                         "errors", (int)n_errors, "dropped", 0, "errors_by_name", "t.Error",
                         (int)n_errors, "machine", "cpu", "C", "broker", "version", "V 1",
                         "generator", "bound", 1);
}

static void add(json_t *document, const char *broker, double cpu_ns, unsigned n_errors)
{
        const SuiteCell *cell = &suite.cells[0];
        RunnerOutcome outcome = {.result = result(cpu_ns, n_errors)};
        const DocumentRun run = {.n_repeated = 1, .is_disturbed = cpu_ns > 8000};

        document_add(document, document_place(document, &suite, cell, broker), cell, &outcome,
                     &run);
        runner_outcome_deinit(&outcome);
}

static json_t *new_document(void)
{
        const DocumentBroker brokers[] = {{"a", "/bin/a"}, {"b", "/bin/b"}};
        char said[512];

        assert_int_equal(parse("[cell one]\n" CELL, said), 0);
        return document_new(&suite, brokers, 2, "ringbus-load compare");
}

static void test_document_has_median_and_range_of_the_runs(void **state)
{
        json_t *document = new_document();
        DocumentFigure figure;
        const json_t *place;

        (void)state;
        add(document, "a", 7000, 0);
        add(document, "a", 9000, 0);
        add(document, "a", 7500, 0);
        add(document, "b", 100, 0);
        place = document_find_place(document_find_cell(document, "one"), "a");
        assert_true(document_figure(place, "cpu-per-message", &figure));
        assert_float_equal(figure.median, 7.5, 1e-9);
        assert_float_equal(figure.min, 7, 1e-9);
        assert_float_equal(figure.max, 9, 1e-9);
        assert_int_equal(figure.n, 3);
        assert_true(document_figure(place, "cpu-per-operation", &figure));
        assert_float_equal(figure.median, 5, 1e-9);
        assert_true(document_figure(place, "memory-growth", &figure));
        assert_float_equal(figure.median, 2.048, 1e-9);
        assert_false(document_figure(place, "latency-p50", &figure));
        assert_float_equal(document_number(place, "n_runs"), 3, 0);
        assert_float_equal(document_number(place, "n_repeated"), 3, 0);
        assert_float_equal(document_number(place, "n_disturbed"), 1, 0);
        assert_float_equal(document_number(place, "n_generator_bound"), 3, 0);
        assert_string_equal(document_text(json_object_get(document, "machine"), "cpu"), "C");
        json_decref(document);
}

static void test_document_run_with_errors_has_no_figures(void **state)
{
        json_t *document = new_document();
        const json_t *place, *errors;
        DocumentFigure figure;

        (void)state;
        add(document, "a", 7000, 3);
        place = document_find_place(document_find_cell(document, "one"), "a");
        assert_false(document_figure(place, "cpu-per-message", &figure));
        assert_float_equal(document_number(place, "n_failed"), 1, 0);
        errors = json_object_get(place, "errors");
        assert_string_equal(json_string_value(json_array_get(errors, 0)),
                            "3 errors, 0 dropped: t.Error");
        json_decref(document);
}

/* Runs of 10.0, 10.4 and 10.2 µs before, and `now` three times. Returns how many got worse. */
static unsigned regress(double now_ns, const char *said_first)
{
        json_t *before = new_document(), *now = new_document();
        char said[1024] = "";
        FILE *file = fmemopen(said, sizeof(said), "w");
        unsigned n;

        add(before, "a", 10000, 0);
        add(before, "a", 10400, 0);
        add(before, "a", 10200, 0);
        for (int i = 0; i < 3; i++)
                add(now, "a", now_ns, now_ns > 0 ? 0 : 1);
        assert_non_null(file);
        n = regress_print(before, now, file);
        fclose(file);
        said[strlen(said_first)] = '\0';
        assert_string_equal(said, said_first);
        json_decref(before);
        json_decref(now);
        return n;
}

static void test_regress_needs_more_than_the_range_and_ten_percent(void **state)
{
        (void)state;
        assert_int_equal(regress(10300, "1 of 1 cells"), 0);
        assert_int_equal(regress(11000, "1 of 1 cells"), 0); /* outside, but by 8 % */
        assert_int_equal(regress(11300, "worse: one, a: broker CPU per message 11.3 µs; was 10.2 "
                                        "(10.0-10.4), +11 %"),
                         1);
        assert_int_equal(regress(5000, "better: one, a: "), 0);
        assert_int_equal(regress(0, "worse: one, a: fails now"), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_suite_cells_and_sweeps_are_read),
                cmocka_unit_test(test_suite_mistakes_are_told_with_their_line),
                cmocka_unit_test(test_suite_builtin_ones_are_sound),
                cmocka_unit_test(test_suite_standard_takes_less_than_20_minutes),
                cmocka_unit_test(test_number_has_three_digits),
                cmocka_unit_test(test_document_has_median_and_range_of_the_runs),
                cmocka_unit_test(test_document_run_with_errors_has_no_figures),
                cmocka_unit_test(test_regress_needs_more_than_the_range_and_ten_percent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
