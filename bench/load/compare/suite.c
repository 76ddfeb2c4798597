/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/compare/suite_private.h"

enum {
        FILE_SIZE_MAX = 1 << 20,
};

/* Starting and stopping a broker, connecting, draining. */
#define OVERHEAD_NS UINT64_C(150000000)

/* Whether `names`, with spaces between, has `name`. */
static bool has_name(const char *names, const char *name)
{
        size_t size = strlen(name);

        for (const char *at = names; (at = strstr(at, name)); at += size)
                if ((at == names || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
                        return true;
        return false;
}

bool suite_has_broker(const SuiteCell *cell, const char *broker)
{
        if (cell->only[0] && !has_name(cell->only, broker))
                return false;
        return !has_name(cell->without, broker);
}

const Scenario *suite_scenario(const SuiteCell *cell)
{
        char name[SUITE_NAME_MAX];

        snprintf(name, sizeof(name), "%.*s", (int)strcspn(cell->run, " "), cell->run);
        return scenario_find(name);
}

bool suite_has_knob(const SuiteCell *cell, const char *knob)
{
        const Scenario *scenario = suite_scenario(cell);

        return scenario && !(scenario->lacks && has_name(scenario->lacks, knob));
}

uint64_t suite_run_ns(const Suite *suite, const SuiteCell *cell)
{
        return suite->warmup_ns + suite->duration_ns + cell->extra_ns + OVERHEAD_NS;
}

/* `run` with {x} replaced. */
static void replace_x(const char *run, const char *x, char *ret_run)
{
        const char *found = strstr(run, "{x}");

        if (found)
                snprintf(ret_run, SUITE_TEXT_MAX, "%.*s%s%s", (int)(found - run), run, x,
                         found + 3);
        else
                snprintf(ret_run, SUITE_TEXT_MAX, "%s", run);
}

int suite_expand(Suite *suite, unsigned index)
{
        const SuiteSweep *sweep = &suite->sweeps[index];

        for (unsigned i = 0; i < sweep->n_x; i++) {
                SuiteCell cell = sweep->cell;
                char x[32];

                if (suite->n_cells == SUITE_CELLS_MAX)
                        return -1;
                cell.sweep = (int)index;
                cell.x = sweep->x[i];
                cell.workers = sweep->is_of_workers ? (unsigned)cell.x : 0;
                snprintf(x, sizeof(x), "%.15g", cell.x);
                snprintf(cell.name, sizeof(cell.name), "%.24s/%.20s", sweep->cell.name, x);
                replace_x(sweep->cell.run, x, cell.run);
                suite->cells[suite->n_cells++] = cell;
        }
        return 0;
}

int suite_load(Suite *suite, const char *name, FILE *errors)
{
        const char *builtin = suite_builtin(name);
        char *text;
        size_t size;
        FILE *file;
        int r;

        if (builtin)
                return suite_parse(suite, name, builtin, errors);
        file = fopen(name, "re");
        if (!file) {
                fprintf(errors, "no suite '%s': standard, quick or the path of a file (%s)\n", name,
                        strerror(errno));
                return -1;
        }
        text = calloc(1, FILE_SIZE_MAX + 1);
        size = text ? fread(text, 1, FILE_SIZE_MAX, file) : 0;
        if (!text || ferror(file) || size == FILE_SIZE_MAX) {
                fprintf(errors, "%s: cannot be read, or longer than 1 MiB\n", name);
                r = -1;
        } else {
                r = suite_parse(suite, name, text, errors);
        }
        fclose(file);
        free(text);
        return r;
}
