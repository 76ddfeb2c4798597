/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_SUITE_PRIVATE_H
#define RINGBUS_BENCH_LOAD_COMPARE_SUITE_PRIVATE_H

/* What the files of the suite share. */

#include "bench/load/compare/suite.h"
#include "bench/load/scenario/scenario.h"

typedef enum SuiteSection {
        SUITE_SECTION_NONE,
        SUITE_SECTION_SUITE,
        SUITE_SECTION_CELL,
        SUITE_SECTION_SWEEP,
} SuiteSection;

typedef struct SuiteParser {
        Suite *suite;
        const char *name;
        FILE *errors;
        unsigned line, section_line;
        SuiteSection section;
        SuiteSweep sweep; /* the section being read; of a cell only .cell */
} SuiteParser;

/* Says what is wrong in a line; returns -1. */
int suite_complain(const SuiteParser *parser, unsigned line, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* A "key = value" of the section being read. 0, or -1 after saying what is wrong. */
int suite_set_key(SuiteParser *parser, const char *name, const char *value);

/* What a cell runs; NULL if there is no such scenario. */
const Scenario *suite_scenario(const SuiteCell *cell);

/* Makes the cells of a sweep that was read. -1 if there is no room for them. */
int suite_expand(Suite *suite, unsigned index);

#endif
