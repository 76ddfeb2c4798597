/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main thread: gives orders to all parts, waits until all have arrived, or for time to pass,
 * and looks every 20 ms whether the run has failed, the broker has died or somebody wants to stop.
 */

#include "bench/load/engine/process.h"
#include "bench/load/scenario/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/scenario/run_private.h"
#include "bench/load/scenario/scenario.h"
#include "broker/base/alloc.h"
#include "broker/base/clock.h"

#define TICK_NS (RUN_TICK_MS * CLOCK_NS_PER_MS)

typedef enum Outcome { OUTCOME_GO_ON, OUTCOME_INTERRUPTED, OUTCOME_FAILED } Outcome;

void run_fail(Run *run, const char *format, ...)
{
        RunState *state = run->state;
        va_list arguments;

        va_start(arguments, format);
        pthread_mutex_lock(&state->lock);
        if (!state->has_failed) {
                vsnprintf(state->failure, sizeof(state->failure), format, arguments);
                state->has_failed = true;
                pthread_cond_signal(&state->changed);
        }
        pthread_mutex_unlock(&state->lock);
        va_end(arguments);
}

/* Sleeps until something changes, `tick_ns` at most. True if all parts are among those counted. */
static bool wait_for_parts(RunState *state, const unsigned *n_counted, unsigned n_parts,
                           uint64_t tick_ns)
{
        struct timespec until;
        bool all_counted;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)tick_ns;
        if (until.tv_nsec >= (long)CLOCK_NS_PER_S) {
                until.tv_sec++;
                until.tv_nsec -= (long)CLOCK_NS_PER_S;
        }
        pthread_mutex_lock(&state->lock);
        if (*n_counted < n_parts && !state->has_failed)
                pthread_cond_timedwait(&state->changed, &state->lock, &until);
        all_counted = *n_counted == n_parts;
        pthread_mutex_unlock(&state->lock);
        return all_counted;
}

bool run_was_interrupted(const Run *run)
{
        return run->state->was_interrupted;
}

static Outcome look(Run *run)
{
        RunState *state = run->state;
        bool has_failed;

        pthread_mutex_lock(&state->lock);
        has_failed = state->has_failed;
        pthread_mutex_unlock(&state->lock);
        if (!has_failed && run_watch_broker_died(run, 0)) {
                pthread_mutex_lock(&state->lock);
                state->has_failed = state->has_lost_bus = true;
                pthread_mutex_unlock(&state->lock);
                has_failed = true;
        }
        if (has_failed)
                return OUTCOME_FAILED;
        return run_watch_interrupted() ? OUTCOME_INTERRUPTED : OUTCOME_GO_ON;
}

/* Orders, and waits until every part has done so. A wish to stop waits as well, in the drain. */
static Outcome order(Run *run, RunOrder what, unsigned stage)
{
        RunState *state = run->state;

        pthread_mutex_lock(&state->lock);
        state->n_arrived = 0;
        pthread_mutex_unlock(&state->lock);
        for (unsigned i = 0; i < run->n_parts; i++)
                run_part_order(&run->parts[i], what, stage);
        for (;;) {
                bool all_arrived = wait_for_parts(state, &state->n_arrived, run->n_parts, TICK_NS);
                Outcome outcome = look(run);

                if (outcome == OUTCOME_FAILED || all_arrived)
                        return outcome;
                if (outcome == OUTCOME_INTERRUPTED && what == RUN_ORDER_PREPARE)
                        return outcome;
                if (what == RUN_ORDER_PREPARE)
                        progress_write(&state->progress, clock_now_ns(), "preparing");
        }
}

static void show(Run *run, const char *phase, uint64_t begun_ns)
{
        uint64_t now_ns = clock_now_ns();
        RunTotals totals;

        run_report_totals(run, &totals);
        progress_write(&run->state->progress, now_ns,
                       "%s %.0f s: %llu operations, %llu messages, %llu errors", phase,
                       (double)(now_ns - begun_ns) / 1e9, (unsigned long long)totals.n_operations,
                       (unsigned long long)totals.n_messages, (unsigned long long)totals.n_errors);
}

static Outcome let_time_pass(Run *run, const char *phase, uint64_t duration_ns)
{
        const uint64_t begun_ns = clock_now_ns();
        Outcome outcome = OUTCOME_GO_ON;
        bool is_enough = false;

        while (outcome == OUTCOME_GO_ON && !is_enough) {
                uint64_t passed_ns = clock_now_ns() - begun_ns, left_ns;

                if (passed_ns >= duration_ns)
                        break;
                left_ns = duration_ns - passed_ns;
                is_enough = wait_for_parts(run->state, &run->state->n_enough, run->n_parts,
                                           left_ns < TICK_NS ? left_ns : TICK_NS);
                outcome = look(run);
                show(run, phase, begun_ns);
        }
        return outcome;
}

/* Without a warm-up the traffic begins after the measurement has: no message is left out. */
static Outcome begin(Run *run)
{
        RunState *state = run->state;
        Outcome outcome;

        if (run->options.warmup_ns == 0) {
                outcome = order(run, RUN_ORDER_MEASURE, 0);
                run_report_moment(run, &state->begin);
                return outcome == OUTCOME_GO_ON ? order(run, RUN_ORDER_START, 0) : outcome;
        }
        outcome = order(run, RUN_ORDER_START, 0);
        if (outcome == OUTCOME_GO_ON)
                outcome = let_time_pass(run, "warm-up", run->options.warmup_ns);
        if (outcome == OUTCOME_GO_ON)
                outcome = order(run, RUN_ORDER_MEASURE, 0);
        run_report_moment(run, &state->begin);
        return outcome;
}

static Outcome go(Run *run)
{
        RunState *state = run->state;
        Outcome outcome = OUTCOME_GO_ON;

        for (unsigned stage = 0; stage < run->acts->n_stages && outcome == OUTCOME_GO_ON; stage++)
                outcome = order(run, RUN_ORDER_PREPARE, stage);
        if (outcome == OUTCOME_GO_ON)
                outcome = begin(run);
        if (outcome == OUTCOME_INTERRUPTED)
                run_fail(run, "interrupted before anything was measured");
        if (outcome != OUTCOME_GO_ON)
                return OUTCOME_FAILED;
        outcome = let_time_pass(run, "measuring", run->options.duration_ns);
        run_report_moment(run, &state->end);
        state->was_interrupted = outcome == OUTCOME_INTERRUPTED;
        if (outcome == OUTCOME_FAILED)
                return outcome;
        return order(run, RUN_ORDER_STOP, 0);
}

static int open_parts(Run *run)
{
        int r;

        run->n_parts = (unsigned)run->options.n_threads;
        run->parts = alloc_zeroed(run->n_parts, sizeof(RunPart));
        if (!run->parts)
                process_out_of_memory();
        r = crew_start(&run->crew, run->n_parts, NULL, NULL);
        if (r < 0) {
                fprintf(stderr, "ringbus-load: threads: %s\n", strerror(-r));
                return 1;
        }
        for (unsigned i = 0; i < run->n_parts; i++)
                run_part_init(&run->parts[i], run, &run->crew.members[i]);
        return 0;
}

static void close_parts(Run *run)
{
        for (unsigned i = 0; i < run->crew.n_members; i++)
                run_part_finish(&run->parts[i]);
        crew_stop(&run->crew);
}

static void say_failure(Run *run)
{
        RunState *state = run->state;
        bool has_lost_bus;

        pthread_mutex_lock(&state->lock); /* the other clients may be losing it just now */
        has_lost_bus = state->has_lost_bus;
        pthread_mutex_unlock(&state->lock);
        if (has_lost_bus && run_watch_broker_died(run, 500))
                run_options_say_end(run);
        if (state->failure[0])
                fprintf(stderr, "ringbus-load: %s\n", state->failure);
}

int run_execute(Run *run, const RunActs *acts)
{
        RunState state = {.broker_fd = -1};
        pthread_condattr_t attributes;
        int status = 1;

        run->acts = acts;
        run->state = &state;
        pthread_mutex_init(&state.lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&state.changed, &attributes);
        pthread_condattr_destroy(&attributes);
        if (run_probe(run) == 0) {
                progress_init(&state.progress, run->options.quiet);
                run_watch_begin(run);
                if (open_parts(run) == 0) {
                        Outcome outcome = go(run);

                        progress_clear(&state.progress);
                        if (outcome == OUTCOME_FAILED)
                                say_failure(run);
                        else
                                status = run_report(run);
                }
                close_parts(run);
                run_watch_end(run);
        }
        for (unsigned i = 0; i < run->n_parts; i++)
                alloc_free(run->parts[i].data);
        run->parts = alloc_free(run->parts);
        run->state = NULL;
        pthread_cond_destroy(&state.changed);
        pthread_mutex_destroy(&state.lock);
        return status;
}
