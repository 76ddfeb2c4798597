/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/process.h"
#include "bench/load/scenario/scenario.h"

#include <stdlib.h>
#include <string.h>

#include "bench/load/scenario/run_private.h"
#include "broker/base/alloc.h"

extern const Scenario scenario_call, scenario_connect, scenario_fds, scenario_idle, scenario_match,
        scenario_mixed, scenario_names, scenario_neighbour, scenario_oneway, scenario_open,
        scenario_signal, scenario_target;

/* In the order of the list. */
const Scenario *const scenario_table[] = {
        &scenario_call,
        &scenario_oneway,
        &scenario_signal,
        &scenario_open,
        &scenario_connect,
        &scenario_names,
        &scenario_match,
        &scenario_fds,
        &scenario_idle,
        &scenario_mixed,
        &scenario_neighbour,
        &scenario_target,
        NULL,
};

const Scenario *scenario_find(const char *name)
{
        for (const Scenario *const *scenario = scenario_table; *scenario; scenario++)
                if (strcmp((*scenario)->name, name) == 0)
                        return *scenario;
        return NULL;
}

void scenario_print_list(FILE *file)
{
        for (const Scenario *const *scenario = scenario_table; *scenario; scenario++)
                fprintf(file, "  %-11s %s\n", (*scenario)->name, (*scenario)->summary);
}

static void print_help(const Scenario *scenario, const KnobParse *parse)
{
        printf("Usage: %s %s\n\n%s: %s.\n\n%s\n", parse->command, parse->usage, scenario->name,
               scenario->summary, scenario->description);
        knobs_print_help(parse, stdout);
}

static char *join(int argc, char *const *argv)
{
        char *line = alloc_string("ringbus-load", 12);

        for (int i = 0; i < argc && line; i++) {
                char *longer = alloc_format("%s %s", line, argv[i]);

                alloc_free(line);
                line = longer;
        }
        if (!line)
                process_out_of_memory();
        return line;
}

static int run_with_knobs(Run *run, int argc, char *const *argv)
{
        int status = run_options_find_bus(run);
        char *line;

        if (status != 0)
                return status;
        line = join(argc, argv);
        run->command_line = line;
        status = run->scenario->run(run);
        run->figures = alloc_free(run->figures);
        run_options_leave_bus(run);
        alloc_free(line);
        return status;
}

int scenario_main(const Scenario *scenario, int argc, char **argv)
{
        Run run = {.scenario = scenario};
        void *knobs = alloc_zeroed(1, scenario->knobs_size);
        KnobSet sets[] = {{scenario->knobs, knobs}, {run_options_knobs, &run.options}, {0}};
        char command[64], usage[128];
        KnobParse parse = {
                .command = command,
                .usage = usage,
                .sets = scenario->knobs ? sets : sets + 1,
                .lacks = scenario->lacks,
                .defaults = scenario->defaults,
                .takes_words = scenario->words != NULL,
                .errors = stderr,
        };
        int status = 2, n;

        if (!knobs)
                process_out_of_memory();
        snprintf(command, sizeof(command), "ringbus-load %s", scenario->name);
        snprintf(usage, sizeof(usage), "[KNOBS]%s%s", scenario->words ? " " : "",
                 scenario->words ? scenario->words : "");
        run.knobs = knobs;
        n = knobs_parse(&parse, argc - 1, argv + 1);
        if (n == KNOBS_HELP) {
                print_help(scenario, &parse);
                status = 0;
        } else if (n >= 0) {
                run.words = (const char *const *)(argv + 1 + n);
                run.n_words = (unsigned)(argc - 1 - n);
                status = run_with_knobs(&run, argc, argv);
        }
        alloc_free(knobs);
        return status;
}
