/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_DOCUMENT_H
#define RINGBUS_BENCH_LOAD_COMPARE_DOCUMENT_H

/*
 * The document of a comparison, as JSON (docs/ringbus-load.schema.json): all that the tables, the
 * report and later comparisons are made from. It grows run by run, so an interrupted comparison
 * has one too.
 *
 * Owner: one thread.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench/load/compare/runner.h"
#include "bench/load/compare/suite.h"

/* One broker's column. */
typedef struct DocumentBroker {
        const char *name; /* "ringbus", or a label that tells two of them apart */
        const char *program;
} DocumentBroker;

/* What to know of a run besides its figures. */
typedef struct DocumentRun {
        unsigned n_repeated; /* times that it was repeated because of foreign CPU time */
        bool is_disturbed;   /* and was kept in spite of it, because that did not end */
} DocumentRun;

/* A new document, without cells. */
json_t *document_new(const Suite *suite, const DocumentBroker *brokers, unsigned n_brokers,
                     const char *command_line);

/* The place for the results of a cell and broker: made when asked for first. Borrowed. */
json_t *document_place(json_t *document, const Suite *suite, const SuiteCell *cell,
                       const char *broker);

/* Adds a run to its place. What the machine and the broker are is taken from the first. */
void document_add(json_t *document, json_t *place, const SuiteCell *cell,
                  const RunnerOutcome *outcome, const DocumentRun *run);

/* From a file that document_write() wrote. NULL after saying on `errors` what is wrong. */
json_t *document_read(const char *path, FILE *errors);
int document_write(const json_t *document, const char *path, FILE *errors);

/* One figure of a place, over its runs. */
typedef struct DocumentFigure {
        double median, min, max;
        size_t n;
} DocumentFigure;

/* False if the runs have none. */
bool document_figure(const json_t *place, const char *measure, DocumentFigure *ret_figure);

/* The place of a broker in a cell, or NULL. `cell` is one of the document's. */
const json_t *document_find_place(const json_t *cell, const char *broker);
const json_t *document_find_cell(const json_t *document, const char *name);

/* Text and number members, with "" and 0 if there are none. */
const char *document_text(const json_t *object, const char *key);
double document_number(const json_t *object, const char *key);

#endif
