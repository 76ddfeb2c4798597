/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_COMPARE_PRIVATE_H
#define RINGBUS_BENCH_LOAD_COMPARE_COMPARE_PRIVATE_H

/* What the files of the comparison share. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/load/broker/broker.h"
#include "bench/load/compare/document.h"
#include "bench/load/compare/suite.h"

enum {
        COMPARE_BROKERS_MAX = 8, /* as many as a report has columns */
        COMPARE_LINE_MAX = 1024,
};

typedef struct CompareOptions {
        const char *brokers, *suite, *cells;
        const char *json, *html, *against, *from, *print_suite;
        uint64_t rounds;          /* 0: the suite's */
        uint64_t foreign_percent; /* of all CPUs; a run with more is repeated */
        uint64_t repeats;         /* of one run at most */
        bool quiet;
} CompareOptions;

/* A broker that takes part. */
typedef struct CompareBroker {
        char name[BROKER_LABEL_MAX]; /* the column's */
        char kind[BROKER_LABEL_MAX]; /* as suites call it */
        char program[BROKER_PATH_MAX];
} CompareBroker;

typedef struct Compare {
        CompareOptions options;
        Suite suite;
        CompareBroker brokers[COMPARE_BROKERS_MAX];
        unsigned n_brokers;
        char command_line[COMPARE_LINE_MAX];
        json_t *document;
        uint64_t begun_ns;
        uint64_t planned_ns, done_ns; /* of planned time: all, and what is over */
        unsigned n_runs, n_done;
        unsigned n_repeats_left; /* of all runs together */
} Compare;

/* compare_options.c: brokers, suite and what of it is wanted. 0, an exit status, or -1 for --help
 * (printed). */
int compare_options_parse(Compare *compare, int n_arguments, char **arguments);

/* compare_run.c: measures everything; the document is complete afterwards, or as far as it got.
 * 0, or 1 if interrupted. */
int compare_run(Compare *compare);

#endif
