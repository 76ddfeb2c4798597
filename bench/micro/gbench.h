/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_MICRO_GBENCH_H
#define RINGBUS_BENCH_MICRO_GBENCH_H

/* Google Benchmark for C: a case is a function that loops while gbench_next() says so. One thread.
 */

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct GbenchState GbenchState;
typedef void GbenchRun(GbenchState *state, const void *context);

/* `name` is copied; `context` stays the caller's and is passed to `run`. */
void gbench_register(const char *name, GbenchRun *run, const void *context);

/* Begins the next iteration; false: enough. What comes before the first call is not timed. */
bool gbench_next(GbenchState *state);

/* A number beside the time in the report. */
void gbench_count(GbenchState *state, const char *name, double value);

/* Ends the case as failed; return at once. */
void gbench_fail(GbenchState *state, const char *reason);

/* Reads Google Benchmark's options, runs, reports. Returns the exit status. */
int gbench_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
