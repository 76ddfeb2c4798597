/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_RUNNER_H
#define RINGBUS_BENCH_LOAD_COMPARE_RUNNER_H

/*
 * One run: a fresh broker, and this program once more as its load, in a process of its own, so that
 * neither a crash nor the memory of one run touches the next.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/load/broker/broker.h"
#include "bench/load/compare/suite.h"

enum {
        RUNNER_ERROR_MAX = 512,
        RUNNER_COMMAND_MAX = 640,
};

typedef struct RunnerOutcome {
        json_t *result;                   /* what the run wrote, owned; NULL if it failed */
        char error[RUNNER_ERROR_MAX];     /* then: why */
        char command[RUNNER_COMMAND_MAX]; /* as a user would type it */
} RunnerOutcome;

/* Ends the run under way, and all later ones at once. May be called by signal handlers. */
void runner_stop(void);
bool runner_is_stopped(void);

/* A run that is not over after three times its time and 30 s is ended. Always fills in the
 * outcome; 0, or -1 if the run failed. */
int runner_run(const Suite *suite, const SuiteCell *cell, const BrokerOptions *broker,
               RunnerOutcome *ret_outcome);

void runner_outcome_deinit(RunnerOutcome *outcome);

#endif
