/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_REPORT_PRIVATE_H
#define RINGBUS_BENCH_LOAD_COMPARE_REPORT_PRIVATE_H

/* What the files of the report share. Owner: the caller of report.h. */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench/load/compare/document.h"

enum { REPORT_BROKERS_MAX = 8 };

typedef struct Report {
        const json_t *document;
        const char *brokers[REPORT_BROKERS_MAX];
        unsigned n_brokers;
        FILE *file;
        bool has_plots;
        unsigned n_disturbed, n_failed, n_bound; /* runs */
} Report;

void report_init(Report *report, const json_t *document, FILE *file);

/* The measure's number `index` of a cell, or NULL. */
const Measure *report_measure(const json_t *cell, size_t index);

/* What is to be known of a place's figures: "*" disturbed by other programs, "!" some runs failed,
 * "°" the load generator was the limit of most runs. Returns `marks`. */
enum { REPORT_MARKS_MAX = 8 };
const char *report_marks(const json_t *place, char marks[static REPORT_MARKS_MAX]);

/* The same colour for a broker everywhere: N of the page's --cN. */
unsigned report_colour(const Report *report, unsigned broker);

/* report_table.c: rows for each figure, and the ratios between brokers. */
void report_table_write(const Report *report);
void report_table_ratios(const Report *report);
void report_table_details(const Report *report);

/* report_plots.c */
void report_plots_write(const Report *report);

#endif
