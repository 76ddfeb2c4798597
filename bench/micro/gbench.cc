/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/micro/gbench.h"

#include <atomic>

#include <benchmark/benchmark.h>

struct GbenchState {
        benchmark::State &state;
};

static std::atomic<bool> gbench_failed;

static benchmark::internal::Benchmark *gbench_add(const char *name, GbenchRun *run,
                                                  const void *context)
{
        return benchmark::RegisterBenchmark(name, [run, context](benchmark::State &state) {
                GbenchState wrapped = {state};

                run(&wrapped, context);
        });
}

void gbench_register(const char *name, GbenchRun *run, const void *context)
{
        gbench_add(name, run, context);
}

void gbench_register_threads(const char *name, GbenchRun *run, const void *context,
                             unsigned n_threads)
{
        gbench_add(name, run, context)->Threads(static_cast<int>(n_threads))->UseRealTime();
}

unsigned gbench_thread(const GbenchState *state)
{
        return static_cast<unsigned>(state->state.thread_index());
}

bool gbench_next(GbenchState *state)
{
        return state->state.KeepRunning();
}

unsigned long gbench_iterations(const GbenchState *state)
{
        return static_cast<unsigned long>(state->state.iterations());
}

void gbench_did(GbenchState *state, double items, double bytes)
{
        const double n = static_cast<double>(state->state.iterations());

        state->state.counters["items_per_second"] =
                benchmark::Counter(n * items, benchmark::Counter::kIsRate);
        if (bytes > 0)
                state->state.counters["bytes_per_second"] = benchmark::Counter(
                        n * bytes, benchmark::Counter::kIsRate, benchmark::Counter::kIs1024);
}

void gbench_count(GbenchState *state, const char *name, double value)
{
        state->state.counters[name] = value;
}

void gbench_label(GbenchState *state, const char *text)
{
        state->state.SetLabel(text);
}

void gbench_fail(GbenchState *state, const char *reason)
{
        gbench_failed = true;
        state->state.SkipWithError(reason);
}

int gbench_main(int argc, char **argv)
{
        benchmark::Initialize(&argc, argv);
        if (benchmark::ReportUnrecognizedArguments(argc, argv))
                return 2;
        benchmark::RunSpecifiedBenchmarks();
        benchmark::Shutdown();
        return gbench_failed ? 1 : 0;
}
