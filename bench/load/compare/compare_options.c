/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/compare/compare_private.h"
#include "bench/load/engine/knobs.h"

enum {
        STATUS_USAGE = 2,
        IS_HELP = -1,
};

static const Knob knobs[] = {
        {"brokers", "LIST",
         "what is compared, in this order: dbus-daemon, dbus-broker, ringbus,\n"
         "ringbus=PATH, NAME=PATH, floor (which only forwards), with commas between",
         KNOB_TEXT, offsetof(CompareOptions, brokers), 0, 0,
         "dbus-daemon,dbus-broker,ringbus,floor", NULL},
        {"suite", "NAME", "what is measured: standard, quick or a file", KNOB_TEXT,
         offsetof(CompareOptions, suite), 0, 0, "standard", NULL},
        {"print-suite", "NAME", "print a built-in suite, as an example for a file, and end",
         KNOB_TEXT, offsetof(CompareOptions, print_suite), 0, 0, NULL, NULL},
        {"cells", "LIST", "only these cells and sweeps of the suite, with commas between",
         KNOB_TEXT, offsetof(CompareOptions, cells), 0, 0, NULL, NULL},
        {"rounds", "N", "runs of each cell and broker, instead of what the suite says", KNOB_COUNT,
         offsetof(CompareOptions, rounds), 1, SUITE_ROUNDS_MAX, NULL, NULL},
        {"foreign", "PERCENT",
         "repeat a run during which other programs used more than this of all CPUs", KNOB_COUNT,
         offsetof(CompareOptions, foreign_percent), 0, 100, "5", NULL},
        {"repeats", "N",
         "but not more often than this, and of all runs together no more than a quarter",
         KNOB_COUNT, offsetof(CompareOptions, repeats), 0, 100, "2", NULL},
        {"json", "FILE", "everything as JSON, into the file, or to standard output", KNOB_OPTIONAL,
         offsetof(CompareOptions, json), 0, 0, NULL, NULL},
        {"html", "FILE", "a report with plots (by gnuplot), in one file", KNOB_TEXT,
         offsetof(CompareOptions, html), 0, 0, NULL, NULL},
        {"against", "FILE",
         "list what got worse since this earlier JSON: medians that lie outside the\n"
         "earlier range by more than 10 %; the exit status is 1 if there are any",
         KNOB_TEXT, offsetof(CompareOptions, against), 0, 0, NULL, NULL},
        {"from", "FILE", "measure nothing: take the results from this JSON", KNOB_TEXT,
         offsetof(CompareOptions, from), 0, 0, NULL, NULL},
        {"quiet", NULL, "say nothing while measuring", KNOB_FLAG, offsetof(CompareOptions, quiet),
         0, 0, NULL, NULL},
        {NULL, NULL, NULL, KNOB_FLAG, 0, 0, 0, NULL, NULL},
};

/* The name of its column: with a number behind if there is one already. */
static void name_broker(const Compare *compare, CompareBroker *broker)
{
        unsigned n = 1;

        for (unsigned i = 0; i < compare->n_brokers; i++)
                n += !strcmp(compare->brokers[i].kind, broker->kind);
        if (n == 1)
                memcpy(broker->name, broker->kind, sizeof(broker->name));
        else
                snprintf(broker->name, sizeof(broker->name), "%.40s-%u", broker->kind, n);
}

static int add_broker(Compare *compare, const char *word)
{
        CompareBroker broker = {0};
        const char *slash = strrchr(word, '/');
        size_t size = strcspn(word, "=");

        if (compare->n_brokers == COMPARE_BROKERS_MAX) {
                fprintf(stderr, "ringbus-load compare: more than %d brokers\n",
                        COMPARE_BROKERS_MAX);
                return -1;
        }
        if (broker_find(word, broker.program) < 0)
                return -1;
        if (word[size] != '=' && slash)
                word = slash + 1; /* a path: its base name */
        snprintf(broker.kind, sizeof(broker.kind), "%.*s", (int)strcspn(word, "="), word);
        name_broker(compare, &broker);
        compare->brokers[compare->n_brokers++] = broker;
        return 0;
}

/* For each of the words with commas between: stops at the first that fails. */
static int for_each(Compare *compare, const char *list, int (*handle)(Compare *, const char *))
{
        while (*list) {
                size_t size = strcspn(list, ",");
                char word[BROKER_PATH_MAX];

                snprintf(word, sizeof(word), "%.*s", (int)size, list);
                if (size >= sizeof(word) || handle(compare, word) < 0)
                        return -1;
                list += size + (list[size] == ',');
        }
        return 0;
}

static bool is_meant(const Suite *suite, const SuiteCell *cell, const char *word)
{
        return !strcmp(cell->name, word) ||
               (cell->sweep >= 0 && !strcmp(suite->sweeps[cell->sweep].cell.name, word));
}

/* Marks the cells that a word of --cells means. */
static int want_cell(Compare *compare, const char *word)
{
        const char *names[SUITE_CELLS_MAX + SUITE_SWEEPS_MAX + 1], *nearest;
        Suite *suite = &compare->suite;
        unsigned n_found = 0, n = 0;

        for (unsigned i = 0; i < suite->n_cells; i++) {
                names[n++] = suite->cells[i].name;
                if (!is_meant(suite, &suite->cells[i], word))
                        continue;
                suite->cells[i].is_wanted = true;
                n_found++;
        }
        if (n_found > 0)
                return 0;
        for (unsigned i = 0; i < suite->n_sweeps; i++)
                names[n++] = suite->sweeps[i].cell.name;
        names[n] = NULL;
        nearest = knobs_nearest(word, names);
        fprintf(stderr, "ringbus-load compare: the suite has no cell and no sweep \"%s\"%s%s%s\n",
                word, nearest ? "; the nearest is \"" : "", nearest ? nearest : "",
                nearest ? "\"" : "");
        return -1;
}

/* Leaves only the marked cells. */
static int choose_cells(Compare *compare)
{
        Suite *suite = &compare->suite;
        unsigned n = 0;

        if (!compare->options.cells)
                return 0;
        if (for_each(compare, compare->options.cells, want_cell) < 0)
                return -1;
        for (unsigned i = 0; i < suite->n_cells; i++)
                if (suite->cells[i].is_wanted)
                        suite->cells[n++] = suite->cells[i];
        suite->n_cells = n;
        return 0;
}

/* A report that cannot be written is known before anything is measured. */
static int check_output(const char *path)
{
        int fd = path && *path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -2;

        if (fd >= 0)
                close(fd);
        if (fd != -1)
                return 0;
        fprintf(stderr, "ringbus-load compare: cannot write %s: %m\n", path);
        return -1;
}

static void keep_command_line(Compare *compare, int n_arguments, char **arguments)
{
        size_t n = 0;

        n += (size_t)snprintf(compare->command_line, COMPARE_LINE_MAX, "ringbus-load");
        for (int i = 0; i < n_arguments && n < COMPARE_LINE_MAX; i++)
                n += (size_t)snprintf(compare->command_line + n, COMPARE_LINE_MAX - n, " %s",
                                      arguments[i]);
}

static int check(Compare *compare)
{
        const CompareOptions *options = &compare->options;

        if (options->print_suite) {
                if (suite_builtin(options->print_suite))
                        return 0;
                fprintf(stderr,
                        "ringbus-load compare: no built-in suite is called \"%s\"; there "
                        "are standard and quick\n",
                        options->print_suite);
                return STATUS_USAGE;
        }
        if (check_output(options->json) < 0 || check_output(options->html) < 0)
                return STATUS_USAGE;
        if (options->from)
                return 0;
        if (suite_load(&compare->suite, options->suite, stderr) < 0 || choose_cells(compare) < 0 ||
            for_each(compare, options->brokers, add_broker) < 0)
                return STATUS_USAGE;
        if (compare->n_brokers > 0)
                return 0;
        fprintf(stderr, "ringbus-load compare: --brokers names none\n");
        return STATUS_USAGE;
}

int compare_options_parse(Compare *compare, int n_arguments, char **arguments)
{
        const KnobSet sets[] = {{knobs, &compare->options}, {NULL, NULL}};
        KnobParse parse = {.command = "ringbus-load compare",
                           .usage = "[OPTIONS]",
                           .sets = sets,
                           .errors = stderr};
        int n = knobs_parse(&parse, n_arguments - 1, arguments + 1);

        if (n == KNOBS_HELP) {
                printf("Compares message brokers: runs a suite on each in turn, several "
                       "times.\n\n");
                knobs_print_help(&parse, stdout);
                return IS_HELP;
        }
        if (n < 0)
                return STATUS_USAGE;
        keep_command_line(compare, n_arguments, arguments);
        return check(compare);
}
