/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the runs: cell by cell, and in each round of a cell one broker after the other, so
 * that what changes slowly (temperature, other guests of the machine) meets all of them alike.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/load/compare/compare_private.h"
#include "bench/load/compare/number.h"
#include "bench/load/engine/progress.h"
#include "broker/base/clock.h"

enum {
        PER_CENT = 100,
        SECONDS_PER_MINUTE = 60,
};

static void on_signal(int number)
{
        (void)number;
        runner_stop();
}

static void catch_signals(void)
{
        /* No SA_RESTART: what is waited for now ends. */
        struct sigaction action = {.sa_handler = on_signal};

        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
}

static void make_plan(Compare *compare)
{
        for (unsigned c = 0; c < compare->suite.n_cells; c++) {
                SuiteCell *cell = &compare->suite.cells[c];

                if (compare->options.rounds > 0)
                        cell->rounds = (unsigned)compare->options.rounds;
                for (unsigned b = 0; b < compare->n_brokers; b++) {
                        if (!suite_has_broker(cell, compare->brokers[b].kind))
                                continue;
                        compare->n_runs += cell->rounds;
                        compare->planned_ns += cell->rounds * suite_run_ns(&compare->suite, cell);
                }
        }
        compare->n_repeats_left = compare->n_runs / 4;
}

static void print_plan(const Compare *compare)
{
        unsigned seconds = (unsigned)(compare->planned_ns / CLOCK_NS_PER_S);

        fprintf(stderr, "%u cells on", compare->suite.n_cells);
        for (unsigned i = 0; i < compare->n_brokers; i++)
                fprintf(stderr, "%s %s", i > 0 ? "," : "", compare->brokers[i].name);
        fprintf(stderr,
                ": %u runs, about %u min %02u s; up to %u more if other programs disturb them\n",
                compare->n_runs, seconds / SECONDS_PER_MINUTE, seconds % SECONDS_PER_MINUTE,
                compare->n_repeats_left);
}

/* What is left, in seconds: as planned, corrected by how the plan did so far. */
static unsigned seconds_left(const Compare *compare)
{
        double elapsed = (double)(clock_now_ns() - compare->begun_ns);
        double left = (double)(compare->planned_ns - compare->done_ns);
        double pace = compare->done_ns > 0 ? elapsed / (double)compare->done_ns : 1;

        return (unsigned)(left * pace / (double)CLOCK_NS_PER_S);
}

static void show_progress(const Compare *compare, Progress *progress, const SuiteCell *cell,
                          const CompareBroker *broker)
{
        unsigned left = seconds_left(compare);

        progress_write(progress, clock_now_ns(), "%u of %u runs, %u:%02u left: %s, %s",
                       compare->n_done, compare->n_runs, left / SECONDS_PER_MINUTE,
                       left % SECONDS_PER_MINUTE, cell->name, broker->name);
}

/* A finished cell's line, so that there is something to see when nobody watches a terminal. */
static void print_cell(const Compare *compare, Progress *progress, const SuiteCell *cell)
{
        const json_t *described = document_find_cell(compare->document, cell->name);
        unsigned left = seconds_left(compare);

        if (compare->options.quiet)
                return;
        progress_clear(progress);
        fprintf(stderr, "[%3u %%, %u:%02u left] %s: %s",
                (unsigned)(compare->done_ns * PER_CENT / compare->planned_ns),
                left / SECONDS_PER_MINUTE, left % SECONDS_PER_MINUTE, cell->name,
                cell->measures[0]->name);
        for (unsigned i = 0; i < compare->n_brokers; i++) {
                const json_t *place = document_find_place(described, compare->brokers[i].name);
                DocumentFigure figure;
                char text[NUMBER_TEXT_MAX];

                if (!place)
                        continue;
                fprintf(stderr, "  %s %s%s%s", compare->brokers[i].name,
                        document_figure(place, cell->measures[0]->name, &figure)
                                ? number_text(figure.median, text)
                                : "-",
                        document_number(place, "n_failed") > 0 ? " (failed)" : "",
                        document_number(place, "n_disturbed") > 0 ? "*" : "");
        }
        fputc('\n', stderr);
}

static bool is_disturbed(const Compare *compare, const RunnerOutcome *outcome)
{
        return document_number(outcome->result, "foreign_cpu_share") * PER_CENT >
               (double)compare->options.foreign_percent;
}

/* Repeats a disturbed run while that is allowed; the least disturbed one counts. */
static void run_one(Compare *compare, const SuiteCell *cell, const CompareBroker *broker)
{
        const BrokerOptions options = {.daemon = broker->program, .workers = cell->workers};
        RunnerOutcome outcome, again;
        DocumentRun run = {0};

        (void)runner_run(&compare->suite, cell, &options, &outcome);
        while (outcome.result && is_disturbed(compare, &outcome) && !runner_is_stopped() &&
               run.n_repeated < compare->options.repeats && compare->n_repeats_left > 0) {
                run.n_repeated++;
                compare->n_repeats_left--;
                (void)runner_run(&compare->suite, cell, &options, &again);
                if (again.result && document_number(again.result, "foreign_cpu_share") <
                                            document_number(outcome.result, "foreign_cpu_share")) {
                        runner_outcome_deinit(&outcome);
                        outcome = again;
                } else {
                        runner_outcome_deinit(&again);
                }
        }
        run.is_disturbed = outcome.result && is_disturbed(compare, &outcome);
        if (!runner_is_stopped())
                document_add(compare->document,
                             document_place(compare->document, &compare->suite, cell, broker->name),
                             cell, &outcome, &run);
        runner_outcome_deinit(&outcome);
}

static void run_cell(Compare *compare, const SuiteCell *cell, Progress *progress)
{
        for (unsigned round = 0; round < cell->rounds; round++)
                for (unsigned b = 0; b < compare->n_brokers && !runner_is_stopped(); b++) {
                        if (!suite_has_broker(cell, compare->brokers[b].kind))
                                continue;
                        show_progress(compare, progress, cell, &compare->brokers[b]);
                        run_one(compare, cell, &compare->brokers[b]);
                        compare->done_ns += suite_run_ns(&compare->suite, cell);
                        compare->n_done++;
                }
        if (!runner_is_stopped())
                print_cell(compare, progress, cell);
}

static void begin_document(Compare *compare)
{
        DocumentBroker brokers[COMPARE_BROKERS_MAX];

        for (unsigned i = 0; i < compare->n_brokers; i++)
                brokers[i] =
                        (DocumentBroker){compare->brokers[i].name, compare->brokers[i].program};
        compare->document =
                document_new(&compare->suite, brokers, compare->n_brokers, compare->command_line);
        json_object_set_new(compare->document, "foreign_cpu_share_max",
                            json_real((double)compare->options.foreign_percent / PER_CENT));
}

int compare_run(Compare *compare)
{
        Progress progress;

        make_plan(compare);
        begin_document(compare);
        if (!compare->options.quiet)
                print_plan(compare);
        progress_init(&progress, compare->options.quiet);
        catch_signals();
        compare->begun_ns = clock_now_ns();
        for (unsigned c = 0; c < compare->suite.n_cells && !runner_is_stopped(); c++)
                run_cell(compare, &compare->suite.cells[c], &progress);
        progress_clear(&progress);
        json_object_set_new(
                compare->document, "seconds",
                json_real((double)(clock_now_ns() - compare->begun_ns) / (double)CLOCK_NS_PER_S));
        if (!runner_is_stopped())
                return 0;
        json_object_set_new(compare->document, "interrupted", json_true());
        fprintf(stderr, "interrupted after %u of %u runs\n", compare->n_done, compare->n_runs);
        return 1;
}
