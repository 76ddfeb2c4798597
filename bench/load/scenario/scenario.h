/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_SCENARIO_H
#define RINGBUS_BENCH_LOAD_SCENARIO_SCENARIO_H

/*
 * What ringbus-load can do to a bus. Each scenario is one constant, in a file of its own, and one
 * line of the table in scenario.c.
 */

#include "bench/load/scenario/run.h"

typedef struct Scenario {
        const char *name;
        const char *summary;     /* one line, for the list */
        const char *description; /* paragraphs, for its --help; ends with a newline */
        const Knob *knobs;       /* its own; those that all have are run.h's RunOptions */
        size_t knobs_size;       /* of their struct: Run.knobs points to one, parsed */
        /* Shared knobs that have no meaning here: names, separated by spaces; or NULL. */
        const char *lacks;
        /* Words that replace initials of knobs, as of a command line, NULL at the end; or NULL. */
        const char *const *defaults;
        /* What may follow the knobs, for the usage ("SIGNATURE [ARGUMENT...]"); NULL: nothing. */
        const char *words;
        /* 0, or 1 after saying why: usually checks its knobs, then run_execute(). 2: usage. */
        int (*run)(Run *run);
} Scenario;

/* All, NULL at the end. */
extern const Scenario *const scenario_table[];

const Scenario *scenario_find(const char *name); /* may be NULL */

/* The subcommand: argv[0] is the scenario's name. Exit status. */
int scenario_main(const Scenario *scenario, int argc, char **argv);

/* The list of scenarios with their summaries. */
void scenario_print_list(FILE *file);

#endif
