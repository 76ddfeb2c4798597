/* SPDX-License-Identifier: Apache-2.0 */
/* ringbus-load: a load harness for D-Bus message buses. The subcommands. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/broker/broker_serve.h"
#include "bench/load/compare/compare.h"
#include "bench/load/engine/knobs.h"
#include "bench/load/engine/process.h"
#include "bench/load/scenario/scenario.h"
#include "bench/load/trace/info.h"
#include "bench/load/trace/record.h"
#include "bench/load/trace/replay.h"

/* Whatever is no scenario. One line each; argv[0] is the subcommand's name. Exit status. */
typedef struct Subcommand {
        const char *name;
        const char *summary;
        int (*run)(int argc, char **argv);
} Subcommand;

enum { NAMES_MAX = 64 };

static int list(int argc, char **argv);

static const Subcommand subcommands[] = {
        {"broker", "a private broker, for other programs to use", broker_serve},
        {"compare", "a suite on several brokers in turn, with a report", compare_main},
        {"list", "the scenarios, one a line", list},
        {"record", "a bus's traffic into a file, from the live bus or a pcap", record_main},
        {"replay", "the same traffic again, on any bus", replay_main},
        {"trace-info", "what such a file holds", info_main},
};

static const Subcommand *find_subcommand(const char *name)
{
        for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
                if (strcmp(subcommands[i].name, name) == 0)
                        return &subcommands[i];
        return NULL;
}

static int list(int argc, char **argv)
{
        if (argc > 1) {
                fprintf(stderr, "ringbus-load %s: takes no arguments\n", argv[0]);
                return 2;
        }
        scenario_print_list(stdout);
        return 0;
}

static void print_help(FILE *file)
{
        fprintf(file, "Usage: ringbus-load SCENARIO [KNOBS]\n"
                      "       ringbus-load SUBCOMMAND [KNOBS]\n\n"
                      "Puts load on a D-Bus message bus and measures what it costs.\n\n"
                      "Scenarios:\n");
        scenario_print_list(file);
        fprintf(file, "\nSubcommands:\n");
        for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
                fprintf(file, "  %-11s %s\n", subcommands[i].name, subcommands[i].summary);
        fprintf(file, "\n\"ringbus-load SCENARIO --help\" tells its knobs; so does the manual, "
                      "ringbus-load(1).\n");
}

static int refuse(const char *word)
{
        const char *names[NAMES_MAX + 1], *near;
        size_t n = 0;

        for (const Scenario *const *scenario = scenario_table; *scenario && n < NAMES_MAX;
             scenario++)
                names[n++] = (*scenario)->name;
        for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]) && n < NAMES_MAX; i++)
                names[n++] = subcommands[i].name;
        names[n] = NULL;
        near = knobs_nearest(word, names);
        fprintf(stderr, "ringbus-load: there is no scenario or subcommand \"%s\"", word);
        if (near)
                fprintf(stderr, "; the nearest is \"%s\"", near);
        fputs("\n\n", stderr);
        print_help(stderr);
        return 2;
}

int main(int argc, char **argv)
{
        const Subcommand *subcommand;
        const Scenario *scenario;

        if (argc < 2) {
                print_help(stderr);
                return 2;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
                print_help(stdout);
                return 0;
        }
        if (strcmp(argv[1], "--version") == 0) {
                printf("ringbus-load %s\n", RINGBUS_VERSION);
                return 0;
        }
        process_raise_fds();
        subcommand = find_subcommand(argv[1]);
        if (subcommand)
                return subcommand->run(argc - 1, argv + 1);
        scenario = scenario_find(argv[1]);
        return scenario ? scenario_main(scenario, argc - 1, argv + 1) : refuse(argv[1]);
}
