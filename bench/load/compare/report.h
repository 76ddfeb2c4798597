/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_REPORT_H
#define RINGBUS_BENCH_LOAD_COMPARE_REPORT_H

/* A comparison for people: a table on a terminal, and one HTML file that needs nothing else. */

#include <jansson.h>
#include <stdio.h>

/* The tables as text. */
void report_print(const json_t *document, FILE *file);

/* 0, or -1 after saying on `errors` why not. Without gnuplot the page says so instead of plots. */
int report_write_html(const json_t *document, const char *path, FILE *errors);

#endif
