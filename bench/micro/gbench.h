/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_MICRO_GBENCH_H
#define RINGBUS_BENCH_MICRO_GBENCH_H

/* Google Benchmark for C: a case is a function that loops while gbench_next() says so. */

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct GbenchState GbenchState;
typedef void GbenchRun(GbenchState *state, const void *context);

/* `name` is copied; `context` stays the caller's and is passed to `run`. */
void gbench_register(const char *name, GbenchRun *run, const void *context);

/*
 * The same, but `run` is called by `n_threads` threads at once, the first of which is the caller's
 * own. All make the same number of iterations; they meet at the first gbench_next(), so that what
 * the first thread did before is there for all, and again at the last. The time is elapsed time.
 */
void gbench_register_threads(const char *name, GbenchRun *run, const void *context,
                             unsigned n_threads);

/* Which thread of the case this is: 0, 1 and so on. */
unsigned gbench_thread(const GbenchState *state);

/* Begins the next iteration; false: enough. What comes before the first call is not timed. */
bool gbench_next(GbenchState *state);

/* How many iterations this thread has made; after the last. */
unsigned long gbench_iterations(const GbenchState *state);

/* What one iteration of this thread's did, for items_per_second and, unless 0, bytes_per_second;
 * after the last. */
void gbench_did(GbenchState *state, double items, double bytes);

/* A number beside the time in the report. Those of several threads are added up. */
void gbench_count(GbenchState *state, const char *name, double value);

/* Words beside the time in the report. */
void gbench_label(GbenchState *state, const char *text);

/* Ends the case, and the program, as failed; return at once. */
void gbench_fail(GbenchState *state, const char *reason);

/* Reads Google Benchmark's options, runs, reports. Returns the exit status: 1 if a case failed. */
int gbench_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
