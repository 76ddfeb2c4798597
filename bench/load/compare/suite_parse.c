/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "bench/load/compare/suite_private.h"

enum {
        LINE_MAX_SIZE = 1024,
};

static int check_cell(const SuiteParser *parser)
{
        const SuiteCell *cell = &parser->sweep.cell;

        if (!cell->run[0])
                return suite_complain(parser, parser->section_line, "[%s] has no 'run'",
                                      cell->name);
        if (!suite_scenario(cell))
                return suite_complain(parser, parser->section_line,
                                      "[%s] runs '%.*s', which is no scenario: see ringbus-load "
                                      "list",
                                      cell->name, (int)strcspn(cell->run, " "), cell->run);
        if (!cell->title[0])
                return suite_complain(parser, parser->section_line, "[%s] has no 'title'",
                                      cell->name);
        if (cell->n_measures == 0)
                return suite_complain(parser, parser->section_line, "[%s] has no 'measures'",
                                      cell->name);
        for (unsigned i = 0; i < parser->suite->n_cells; i++)
                if (!strcmp(parser->suite->cells[i].name, cell->name))
                        return suite_complain(parser, parser->section_line, "a second [cell %s]",
                                              cell->name);
        return 0;
}

static int check_sweep(const SuiteParser *parser)
{
        const SuiteSweep *sweep = &parser->sweep;
        bool has_x = strstr(sweep->cell.run, "{x}") != NULL;

        if (sweep->n_x == 0)
                return suite_complain(parser, parser->section_line, "[sweep %s] has no 'x'",
                                      sweep->cell.name);
        if (has_x == sweep->is_of_workers)
                return suite_complain(
                        parser, parser->section_line,
                        "[sweep %s] has {x} neither or twice: in 'run' or in 'workers'",
                        sweep->cell.name);
        for (unsigned i = 0; i < parser->suite->n_sweeps; i++)
                if (!strcmp(parser->suite->sweeps[i].cell.name, sweep->cell.name))
                        return suite_complain(parser, parser->section_line, "a second [sweep %s]",
                                              sweep->cell.name);
        return 0;
}

/* What was read goes to the suite. */
static int end_section(SuiteParser *parser)
{
        Suite *suite = parser->suite;

        if (parser->section != SUITE_SECTION_CELL && parser->section != SUITE_SECTION_SWEEP)
                return 0;
        if (parser->sweep.cell.rounds == 0)
                parser->sweep.cell.rounds = suite->rounds;
        if (check_cell(parser) < 0)
                return -1;
        if (parser->section == SUITE_SECTION_CELL) {
                if (suite->n_cells == SUITE_CELLS_MAX)
                        return suite_complain(parser, parser->section_line, "more than %d cells",
                                              SUITE_CELLS_MAX);
                suite->cells[suite->n_cells++] = parser->sweep.cell;
                return 0;
        }
        if (check_sweep(parser) < 0)
                return -1;
        if (suite->n_sweeps == SUITE_SWEEPS_MAX)
                return suite_complain(parser, parser->section_line, "more than %d sweeps",
                                      SUITE_SWEEPS_MAX);
        suite->sweeps[suite->n_sweeps++] = parser->sweep;
        if (suite_expand(suite, suite->n_sweeps - 1) < 0)
                return suite_complain(parser, parser->section_line, "more than %d cells",
                                      SUITE_CELLS_MAX);
        return 0;
}

static int begin_section(SuiteParser *parser, char *line)
{
        char kind[16], name[SUITE_NAME_MAX], rest;
        int n = sscanf(line, "[%15[a-z] %24[a-z0-9-] ] %c", kind, name, &rest);

        if (end_section(parser) < 0)
                return -1;
        parser->section_line = parser->line;
        parser->sweep = (SuiteSweep){.cell.sweep = -1};
        if (!strcmp(line, "[suite]")) {
                if (parser->suite->n_cells > 0)
                        return suite_complain(parser, parser->line, "[suite] comes first");
                parser->section = SUITE_SECTION_SUITE;
                return 0;
        }
        if (n != 2 || line[strlen(line) - 1] != ']' ||
            (strcmp(kind, "cell") != 0 && strcmp(kind, "sweep") != 0))
                return suite_complain(
                        parser, parser->line,
                        "neither [suite], [cell NAME] nor [sweep NAME] (names: a-z 0-9 -, "
                        "24 bytes)");
        parser->section = !strcmp(kind, "cell") ? SUITE_SECTION_CELL : SUITE_SECTION_SWEEP;
        snprintf(parser->sweep.cell.name, SUITE_NAME_MAX, "%s", name);
        return 0;
}

static char *trim(char *text)
{
        size_t size;

        text += strspn(text, " \t");
        size = strlen(text);
        while (size > 0 && isspace((unsigned char)text[size - 1]))
                text[--size] = '\0';
        return text;
}

static int read_line(SuiteParser *parser, char *line)
{
        char *equals;

        line = trim(line);
        if (!*line || *line == '#')
                return 0;
        if (*line == '[')
                return begin_section(parser, line);
        equals = strchr(line, '=');
        if (!equals)
                return suite_complain(parser, parser->line, "neither [section] nor 'key = value'");
        *equals = '\0';
        return suite_set_key(parser, trim(line), trim(equals + 1));
}

int suite_parse(Suite *suite, const char *name, const char *text, FILE *errors)
{
        SuiteParser parser = {.suite = suite, .name = name, .errors = errors};

        *suite = (Suite){.duration_ns = 1000000000, .warmup_ns = 200000000, .rounds = 3};
        snprintf(suite->name, sizeof(suite->name), "%.40s", name);
        while (*text) {
                size_t size = strcspn(text, "\n");
                char line[LINE_MAX_SIZE];

                parser.line++;
                if (size >= sizeof(line))
                        return suite_complain(&parser, parser.line, "a line of %zu bytes", size);
                snprintf(line, sizeof(line), "%.*s", (int)size, text);
                if (read_line(&parser, line) < 0)
                        return -1;
                text += size + (text[size] == '\n');
        }
        if (end_section(&parser) < 0)
                return -1;
        if (suite->n_cells == 0)
                return suite_complain(&parser, parser.line, "no [cell] and no [sweep]");
        return 0;
}
