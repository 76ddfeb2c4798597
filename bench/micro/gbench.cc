/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/micro/gbench.h"

#include <benchmark/benchmark.h>

struct GbenchState {
        benchmark::State &state;
};

void gbench_register(const char *name, GbenchRun *run, const void *context)
{
        benchmark::RegisterBenchmark(name, [run, context](benchmark::State &state) {
                GbenchState wrapped = {state};

                run(&wrapped, context);
        });
}

bool gbench_next(GbenchState *state)
{
        return state->state.KeepRunning();
}

void gbench_count(GbenchState *state, const char *name, double value)
{
        state->state.counters[name] = value;
}

void gbench_fail(GbenchState *state, const char *reason)
{
        state->state.SkipWithError(reason);
}

int gbench_main(int argc, char **argv)
{
        benchmark::Initialize(&argc, argv);
        if (benchmark::ReportUnrecognizedArguments(argc, argv))
                return 2;
        benchmark::RunSpecifiedBenchmarks();
        benchmark::Shutdown();
        return 0;
}
