/* SPDX-License-Identifier: Apache-2.0 */
/* From what the parts counted, and two moments, to figures. */

#include <errno.h>
#include <string.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/run_private.h"
#include "bench/load/scenario/scenario.h"
#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"
#include "broker/base/clock.h"

static uint64_t load(const atomic_ullong *counter)
{
        return atomic_load_explicit(counter, memory_order_relaxed);
}

void run_report_totals(const Run *run, RunTotals *ret_totals)
{
        *ret_totals = (RunTotals){0};
        for (unsigned i = 0; i < run->n_parts; i++) {
                const RunCounters *counters = &run->parts[i].counters;

                ret_totals->n_begun += load(&counters->n_begun);
                ret_totals->n_operations += load(&counters->n_operations);
                ret_totals->n_errors += load(&counters->n_errors);
                ret_totals->n_dropped += load(&counters->n_dropped);
                ret_totals->n_late += load(&counters->n_late);
                ret_totals->n_messages += load(&counters->n_messages);
                ret_totals->n_deliveries += load(&counters->n_deliveries);
        }
}

void run_report_moment(const Run *run, RunMoment *ret_moment)
{
        /*
         * The counters and the broker's CPU time belong together: that is read first in
         * facts_read_process(), the rest of which may take milliseconds.
         */
        ret_moment->taken_ns = clock_now_ns();
        run_report_totals(run, &ret_moment->totals);
        facts_read_process(run->broker.pid, &ret_moment->broker);
        facts_read_cpu(&ret_moment->cpu);
        for (unsigned i = 0; i < run->n_parts; i++)
                ret_moment->threads_ns[i] = crew_cpu_ns(&run->crew.members[i]);
}

static void add_knobs(Figures *figures, const Knob *knobs, const void *values, const char *lacks)
{
        const KnobParse parse = {.lacks = lacks};
        char text[KNOB_TEXT_MAX];

        for (; knobs && knobs->name; knobs++)
                if (!knobs_is_lacking(&parse, knobs->name))
                        figures_add_knob(figures, knobs->name,
                                         knobs_value_text(knobs, values, text));
}

static void fill_counts(Figures *figures, const RunTotals *begin, const RunTotals *end)
{
        figures->n_messages = end->n_messages - begin->n_messages;
        figures->n_deliveries = end->n_deliveries - begin->n_deliveries;
        figures->n_operations = end->n_operations - begin->n_operations;
        figures->n_errors = end->n_errors - begin->n_errors;
        figures->n_dropped = end->n_dropped - begin->n_dropped;
        figures->n_late = end->n_late - begin->n_late;
}

static void fill_broker(Figures *figures, const RunMoment *begin, const RunMoment *end)
{
        figures->knows_broker = begin->broker.is_known && end->broker.is_known;
        if (!figures->knows_broker)
                return;
        figures->broker_cpu_ns = (double)(end->broker.cpu_ns - begin->broker.cpu_ns);
        figures->broker_cpu_share =
                figures->broker_cpu_ns / (double)(end->broker.taken_ns - begin->broker.taken_ns);
        figures->broker_switches = (double)(end->broker.switches - begin->broker.switches);
        figures->broker_rss_before_kib = begin->broker.rss_kib;
        figures->broker_rss_after_kib = end->broker.rss_kib;
        figures->broker_threads = end->broker.n_threads;
}

static void fill_generator(Figures *figures, const Run *run, const RunMoment *begin,
                           const RunMoment *end)
{
        double wall_ns = (double)(end->cpu.taken_ns - begin->cpu.taken_ns), least = 1;
        unsigned possible = figures->broker_threads;

        for (unsigned i = 0; i < run->n_parts; i++) {
                double used_ns = (double)(end->threads_ns[i] - begin->threads_ns[i]);

                figures->generator_cpu_ns += used_ns;
                if (used_ns / wall_ns > figures->generator_cpu_share)
                        figures->generator_cpu_share = used_ns / wall_ns;
                if (used_ns / wall_ns < least)
                        least = used_ns / wall_ns;
        }
        figures->generator_threads = run->n_parts;
        if (possible > run->machine.n_cpus)
                possible = run->machine.n_cpus;
        figures->is_generator_bound = figures_is_generator_bound(
                figures->generator_cpu_share, least, figures->broker_cpu_share, possible);
}

static void fill(Figures *figures, Run *run)
{
        const RunState *state = run->state;
        RunTotals totals;

        figures_init(figures, run->scenario->name);
        add_knobs(figures, run->scenario->knobs, run->knobs, NULL);
        add_knobs(figures, run_options_knobs, &run->options, run->scenario->lacks);
        figures->command_line = run->command_line;
        figures->address = run->address;
        figures->machine = run->machine;
        figures->broker = run->broker;
        figures->seconds = (double)(state->end.taken_ns - state->begin.taken_ns) / 1e9;
        figures->latency_of = run->acts->latency_of;
        figures->was_interrupted = state->was_interrupted;
        fill_counts(figures, &state->begin.totals, &state->end.totals);
        fill_broker(figures, &state->begin, &state->end);
        fill_generator(figures, run, &state->begin, &state->end);
        figures->foreign_cpu_share = facts_foreign_share(
                &state->begin.cpu, &state->end.cpu,
                state->end.broker.cpu_ns - state->begin.broker.cpu_ns, run->machine.n_cpus);
        run_report_totals(run, &totals);
        figures->n_begun = totals.n_begun;
        figures->n_ended = totals.n_operations + totals.n_errors + totals.n_dropped;
        for (unsigned i = 0; i < run->n_parts; i++) {
                const RunPart *part = &run->parts[i];

                histogram_merge(&figures->latency, &part->latency);
                for (unsigned j = 0; j < part->n_error_names; j++)
                        figures_add_error(figures, part->errors[j].name, part->errors[j].n);
        }
        if (run->acts->report)
                run->acts->report(run, figures);
}

static int print_json(const Figures *figures, const char *path)
{
        CLEANUP_FILE FILE *file = NULL;
        json_t *json = figures_to_json(figures);
        FILE *out = stdout;
        int r;

        if (path[0] && strcmp(path, "-") != 0)
                out = file = fopen(path, "we");
        r = out ? json_dumpf(json, out, JSON_INDENT(2)) : -1;
        if (r == 0)
                r = fputc('\n', out) == EOF || fflush(out) != 0 ? -1 : 0;
        if (r < 0)
                fprintf(stderr, "ringbus-load: %s: %s\n", path, strerror(errno));
        json_decref(json);
        return r < 0 ? 1 : 0;
}

int run_report(Run *run)
{
        const char *json = run->options.json;
        Figures *figures = alloc_zeroed(1, sizeof(*figures));
        int status = 0;

        if (!figures)
                process_out_of_memory();
        fill(figures, run);
        run->figures = figures;
        if (json)
                status = print_json(figures, json);
        if (!json || (json[0] && strcmp(json, "-") != 0))
                figures_print_table(figures, stdout);
        if (figures->n_begun != figures->n_ended) {
                fprintf(stderr,
                        "ringbus-load: of %llu operations %lld are missing: neither answered nor "
                        "refused\n",
                        (unsigned long long)figures->n_begun,
                        (long long)(figures->n_begun - figures->n_ended));
                status = 1;
        } else if (figures->n_operations == 0 && figures->n_errors > 0) {
                fprintf(stderr, "ringbus-load: every operation failed\n");
                status = 1;
        }
        return status;
}
