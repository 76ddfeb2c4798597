/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/signals_run.h"

#include <stdio.h>
#include <string.h>

#include "bench/load/engine/process.h"
#include "bench/load/signals_generator.h"

enum {
        CONNECT_MS = 120000, /* thousands of connections, one after the other */
        DRAIN_MS = 60000,
        END_MS = 30000,
};

typedef struct Run {
        const SignalsPlan *plan; // borrowed
        Broker broker;
        SignalsShared *shared;
        SignalsGenerator generators[SIGNALS_PROCESSES_MAX];
        Process processes[SIGNALS_PROCESSES_MAX];
} Run;

/* All that counts, at one moment. */
typedef struct Moment {
        uint64_t now_ns;
        uint64_t deliveries;
        uint64_t due;
        uint64_t broker_ns;
        uint64_t generator_ns[SIGNALS_PROCESSES_MAX];
} Moment;

static bool run_is_sound(const Run *run)
{
        if (!broker_is_alive(&run->broker)) {
                fprintf(stderr, "bench_signals: the bus has ended\n");
                return false;
        }
        return atomic_load(&run->shared->n_failed) == 0;
}

static int start_generators(Run *run)
{
        const unsigned n = run->plan->n_processes;

        for (unsigned i = 0; i < n; i++) {
                run->generators[i] = (SignalsGenerator){.shared = run->shared, .index = i};
                if (wake_init(&run->shared->wakes[i]) < 0)
                        return -1;
        }
        for (unsigned i = 0; i < n; i++)
                if (process_start(&run->processes[i], signals_generator_run, &run->generators[i]) <
                    0)
                        return -1;
        for (unsigned waited = 0; atomic_load(&run->shared->n_connected) < n; waited += 5) {
                if (!run_is_sound(run) || waited > CONNECT_MS)
                        return -1;
                process_sleep_ms(5);
        }
        return 0;
}

static Moment look(const Run *run)
{
        Moment moment = {.broker_ns = process_cpu_ns(run->broker.pid)};

        for (unsigned i = 0; i < run->plan->n_processes; i++)
                moment.generator_ns[i] = process_cpu_ns(run->processes[i].pid);
        moment.due = signals_generator_due(run->shared);
        moment.deliveries = signals_generator_received(run->shared);
        moment.now_ns = process_now_ns();
        return moment;
}

static void fill_figures(const Run *run, const Moment *from, const Moment *to, unsigned fan_out,
                         SignalsFigures *ret_figures)
{
        double elapsed_ns = (double)(to->now_ns - from->now_ns);
        double deliveries = (double)(to->deliveries - from->deliveries);
        double cpu_ns = (double)(to->broker_ns - from->broker_ns);
        SignalsFigures figures = {.deliveries_per_s = deliveries * 1e9 / elapsed_ns,
                                  .broker_cpu = cpu_ns / elapsed_ns};

        figures.messages_per_s = figures.deliveries_per_s / fan_out;
        figures.cpu_ns_per_delivery = deliveries > 0 ? cpu_ns / deliveries : 0;
        figures.cpu_ns_per_message = figures.cpu_ns_per_delivery * fan_out;
        for (unsigned i = 0; i < run->plan->n_processes; i++) {
                double cpu = (double)(to->generator_ns[i] - from->generator_ns[i]) / elapsed_ns;

                if (cpu > figures.generator_cpu)
                        figures.generator_cpu = cpu;
        }
        *ret_figures = figures;
}

/* Nothing new is sent: waits until all that was is received. */
static int drain(Run *run)
{
        uint64_t due = 0, received = 0;

        signals_generator_enter(run->shared, SIGNALS_PHASE_REST);
        for (unsigned waited = 0; waited < DRAIN_MS; waited += 5) {
                process_sleep_ms(5);
                received = signals_generator_received(run->shared);
                due = signals_generator_due(run->shared);
                if (due == received && waited > 0)
                        return 0;
                if (!run_is_sound(run))
                        return -1;
        }
        fprintf(stderr, "bench_signals: %llu deliveries were due, %llu came\n",
                (unsigned long long)due, (unsigned long long)received);
        return -1;
}

static int measure(Run *run, SignalsPhase phase, SignalsFigures *ret_figures)
{
        unsigned fan_out = phase == SIGNALS_PHASE_SIGNALS ? run->plan->n_receivers : 1;
        Moment from, to;

        signals_generator_enter(run->shared, phase);
        process_sleep_ms(run->plan->warm_up_ms);
        atomic_store(&run->shared->measuring, 1);
        from = look(run);
        process_sleep_ms(run->plan->measure_ms);
        to = look(run);
        atomic_store(&run->shared->measuring, 0);
        if (to.deliveries == from.deliveries) {
                fprintf(stderr, "bench_signals: nothing was delivered\n");
                return -1;
        }
        fill_figures(run, &from, &to, fan_out, ret_figures);
        return drain(run);
}

static void fill_latencies(const Run *run, SignalsPhase phase, SignalsFigures *figures)
{
        Histogram all = {0};

        for (unsigned i = 0; i < run->plan->n_processes; i++)
                histogram_merge(&all, &run->shared->latencies[i][phase]);
        figures->p50_us = (double)histogram_percentile(&all, 50) / 1000;
        figures->p99_us = (double)histogram_percentile(&all, 99) / 1000;
}

/* How even the workers' shares are: that of the one with the least, over an even share. */
static double least_share(const Run *run)
{
        uint64_t routed[BROKER_WORKERS_MAX] = {0}, sum = 0, least = UINT64_MAX;
        unsigned n = broker_routed(&run->broker, routed);

        for (unsigned i = 0; i < n; i++) {
                sum += routed[i];
                least = routed[i] < least ? routed[i] : least;
        }
        return sum > 0 ? (double)least * n / (double)sum : 0;
}

static int end_generators(Run *run)
{
        int r = 0;

        signals_generator_enter(run->shared, SIGNALS_PHASE_END);
        for (unsigned i = 0; i < run->plan->n_processes; i++) {
                if (process_wait(&run->processes[i], END_MS) != 0)
                        r = -1;
                wake_deinit(&run->shared->wakes[i]);
        }
        return r;
}

static void fill_shared(const Run *run)
{
        const SignalsPlan *plan = run->plan;
        SignalsShared *shared = run->shared;

        snprintf(shared->address, sizeof(shared->address), "%s", run->broker.address);
        shared->n_emitters = plan->n_emitters;
        shared->n_receivers = plan->n_receivers;
        shared->n_processes = plan->n_processes;
        shared->window = plan->window;
        for (unsigned i = 0; i < plan->n_processes; i++)
                shared->wakes[i].fd = -1;
}

static int measure_signals(Run *run, SignalsResult *result)
{
        return measure(run, SIGNALS_PHASE_SIGNALS, &result->signals);
}

static int measure_unicast(Run *run, SignalsResult *result)
{
        return measure(run, SIGNALS_PHASE_UNICAST, &result->unicast);
}

static int run_sections(Run *run, SignalsResult *result)
{
        bool unicast_first = run->plan->unicast_first;
        int r;

        fill_shared(run);
        r = start_generators(run);
        if (r == 0)
                r = unicast_first ? measure_unicast(run, result) : measure_signals(run, result);
        if (r == 0)
                r = unicast_first ? measure_signals(run, result) : measure_unicast(run, result);
        if (r == 0)
                result->least_share = least_share(run);
        if (end_generators(run) < 0)
                r = -1;
        fill_latencies(run, SIGNALS_PHASE_SIGNALS, &result->signals);
        fill_latencies(run, SIGNALS_PHASE_UNICAST, &result->unicast);
        return r;
}

int signals_run(const SignalsPlan *plan, SignalsResult *ret_result)
{
        Run run = {.plan = plan};
        SignalsResult result = {0};
        int r;

        if (broker_start(&run.broker, &plan->broker) < 0)
                return -1;
        run.shared = process_share(sizeof(*run.shared));
        r = run_sections(&run, &result);
        process_unshare(run.shared, sizeof(*run.shared));
        if (broker_stop(&run.broker) < 0)
                r = -1;
        if (r == 0)
                *ret_result = result;
        return r;
}
