/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_SUITE_H
#define RINGBUS_BENCH_LOAD_COMPARE_SUITE_H

/*
 * What is measured, as a text: sections with "key = value" lines, '#' for comments.
 *
 *   [suite]            once, first; all keys have defaults
 *   duration = 1s      of the measured part of each run; warmup = 200ms before it
 *   rounds = 5         runs of each cell and broker
 *
 *   [cell NAME]        one row of the tables
 *   title = what it is, for people
 *   run = call --callers=4 --window=32     the scenario and its knobs
 *   measures = cpu-per-message             one or more, see measure.h: the first is the headline
 *   rounds = 3         instead of the suite's
 *   only = ringbus     brokers that take part; without = floor: all but these
 *   latency = yes      its percentiles are drawn
 *   extra = 2s         how long a run takes besides: for the estimate of the time
 *   allows-errors = yes
 *
 *   [sweep NAME]       a plot: one cell for each value of x, which replaces {x} in `run`
 *   x = 8 64 512       the values; x-title, x-scale = log or linear, y-scale
 *   workers = {x}      the values are of the broker's --workers (ringbus), not of a knob
 *
 * Owner: whoever loaded it; memory of its own throughout.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/load/compare/measure.h"

enum {
        SUITE_CELLS_MAX = 160,
        SUITE_SWEEPS_MAX = 16,
        SUITE_MEASURES_MAX = 4,
        SUITE_X_MAX = 16,
        SUITE_NAME_MAX = 48,
        SUITE_TEXT_MAX = 400,
        SUITE_ROUNDS_MAX = 50,
};

typedef struct SuiteCell {
        char name[SUITE_NAME_MAX];
        char title[SUITE_TEXT_MAX];
        char run[SUITE_TEXT_MAX];
        const Measure *measures[SUITE_MEASURES_MAX];
        unsigned n_measures;
        unsigned rounds;
        char only[SUITE_NAME_MAX], without[SUITE_NAME_MAX]; /* names with spaces between, or "" */
        bool has_latency, allows_errors;
        uint64_t extra_ns;
        unsigned workers; /* of the broker, or 0 */
        int sweep;        /* index, or -1 */
        double x;
        bool is_wanted; /* the caller's */
} SuiteCell;

typedef struct SuiteSweep {
        SuiteCell cell; /* `run` with {x} */
        char x_title[SUITE_TEXT_MAX];
        bool is_x_log, is_y_log, is_of_workers;
        double x[SUITE_X_MAX];
        unsigned n_x;
} SuiteSweep;

typedef struct Suite {
        char name[SUITE_NAME_MAX];
        uint64_t duration_ns, warmup_ns;
        unsigned rounds;
        SuiteCell cells[SUITE_CELLS_MAX];
        unsigned n_cells;
        SuiteSweep sweeps[SUITE_SWEEPS_MAX];
        unsigned n_sweeps;
} Suite;

/* Reads a text; `name` is for messages. 0, or -1 after saying what is wrong in which line. */
int suite_parse(Suite *suite, const char *name, const char *text, FILE *errors);

/* A built-in suite, "standard" or "quick", or a file. 0, or -1 after saying what is wrong. */
int suite_load(Suite *suite, const char *name, FILE *errors);

/* The text of a built-in suite, or NULL. */
const char *suite_builtin(const char *name);

/* Whether a broker takes part in a cell. */
bool suite_has_broker(const SuiteCell *cell, const char *broker);

/* Whether a cell's scenario has one of the knobs that scenarios share. */
bool suite_has_knob(const SuiteCell *cell, const char *knob);

/* How long one run of a cell takes, start and end included. */
uint64_t suite_run_ns(const Suite *suite, const SuiteCell *cell);

#endif
