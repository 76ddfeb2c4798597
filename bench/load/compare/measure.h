/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_MEASURE_H
#define RINGBUS_BENCH_LOAD_COMPARE_MEASURE_H

/* The figures that can be compared: how they are called, and where a run's JSON has them. */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct Measure {
        const char *name;  /* in suites and in JSON */
        const char *title; /* for people */
        const char *unit;
        const char *path;  /* in a run's JSON: names with dots between */
        const char *minus; /* path of what is taken from it, or NULL */
        const char *per;   /* path of what the rest is divided by, or NULL */
        double scale;      /* and multiplied with */
        bool is_more_better;
} Measure;

/* NULL at the end of the list. */
const Measure *measure_list(void);

/* NULL, and the nearest name is suggested on `errors`, if that is not NULL. */
const Measure *measure_find(const char *name, FILE *errors);

/* From one run's result. False if it has no such figure. */
bool measure_read(const Measure *measure, const json_t *result, double *ret_value);

#endif
