/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/compare/suite_private.h"
#include "bench/load/engine/knobs.h"

enum {
        VALUE_MAX = 1024,
};

typedef int (*Setter)(SuiteParser *parser, const char *value, size_t offset);

typedef struct Key {
        const char *name;
        Setter set;
        size_t offset;
} Key;

int suite_complain(const SuiteParser *parser, unsigned line, const char *format, ...)
{
        va_list arguments;

        fprintf(parser->errors, "%s:%u: ", parser->name, line);
        va_start(arguments, format);
        vfprintf(parser->errors, format, arguments);
        va_end(arguments);
        fputc('\n', parser->errors);
        return -1;
}

static void *field(SuiteParser *parser, size_t offset)
{
        if (parser->section == SUITE_SECTION_SUITE)
                return (char *)parser->suite + offset;
        return (char *)&parser->sweep + offset;
}

static int set_text(SuiteParser *parser, const char *value, size_t offset, size_t size)
{
        if (strlen(value) >= size)
                return suite_complain(parser, parser->line, "longer than %zu bytes", size - 1);
        snprintf(field(parser, offset), size, "%s", value);
        return 0;
}

static int set_long(SuiteParser *parser, const char *value, size_t offset)
{
        return set_text(parser, value, offset, SUITE_TEXT_MAX);
}

static int set_short(SuiteParser *parser, const char *value, size_t offset)
{
        return set_text(parser, value, offset, SUITE_NAME_MAX);
}

static int set_duration(SuiteParser *parser, const char *value, size_t offset)
{
        uint64_t *duration_ns = field(parser, offset);

        if (knobs_read_duration(value, duration_ns))
                return 0;
        return suite_complain(parser, parser->line, "'%s' is no duration, as 2s and 500ms are",
                              value);
}

static int set_rounds(SuiteParser *parser, const char *value, size_t offset)
{
        unsigned *rounds = field(parser, offset);
        uint64_t n;

        if (!knobs_read_count(value, &n) || n == 0 || n > SUITE_ROUNDS_MAX)
                return suite_complain(parser, parser->line, "'%s' is no number from 1 to %d", value,
                                      SUITE_ROUNDS_MAX);
        *rounds = (unsigned)n;
        return 0;
}

/* One of two words. */
static int set_choice(SuiteParser *parser, const char *value, size_t offset, const char *yes,
                      const char *no)
{
        bool *flag = field(parser, offset);

        if (strcmp(value, yes) != 0 && strcmp(value, no) != 0)
                return suite_complain(parser, parser->line, "'%s' is neither %s nor %s", value, yes,
                                      no);
        *flag = !strcmp(value, yes);
        return 0;
}

static int set_flag(SuiteParser *parser, const char *value, size_t offset)
{
        return set_choice(parser, value, offset, "yes", "no");
}

static int set_scale(SuiteParser *parser, const char *value, size_t offset)
{
        return set_choice(parser, value, offset, "log", "linear");
}

static int set_workers(SuiteParser *parser, const char *value, size_t offset)
{
        bool *is_of_workers = field(parser, offset);

        if (strcmp(value, "{x}") != 0)
                return suite_complain(parser, parser->line, "only 'workers = {x}' is known");
        *is_of_workers = true;
        return 0;
}

/* The next word of *rest, which it ends and passes; NULL if there is none. */
static char *next_word(char **rest)
{
        char *word = *rest + strspn(*rest, " \t");
        size_t size = strcspn(word, " \t");

        if (size == 0)
                return NULL;
        *rest = word + size + (word[size] != '\0');
        word[size] = '\0';
        return word;
}

static int set_measures(SuiteParser *parser, const char *value, size_t offset)
{
        SuiteCell *cell = field(parser, offset);
        char copy[VALUE_MAX], *rest = copy, *word;

        snprintf(copy, sizeof(copy), "%s", value);
        cell->n_measures = 0;
        while ((word = next_word(&rest))) {
                if (cell->n_measures == SUITE_MEASURES_MAX)
                        return suite_complain(parser, parser->line, "more than %d measures",
                                              SUITE_MEASURES_MAX);
                cell->measures[cell->n_measures] = measure_find(word, NULL);
                if (!cell->measures[cell->n_measures]) {
                        fprintf(parser->errors, "%s:%u: ", parser->name, parser->line);
                        (void)measure_find(word, parser->errors);
                        return -1;
                }
                cell->n_measures++;
        }
        return 0;
}

static int set_x(SuiteParser *parser, const char *value, size_t offset)
{
        SuiteSweep *sweep = field(parser, offset);
        char copy[VALUE_MAX], *rest = copy, *word, *end;

        snprintf(copy, sizeof(copy), "%s", value);
        sweep->n_x = 0;
        while ((word = next_word(&rest))) {
                if (sweep->n_x == SUITE_X_MAX)
                        return suite_complain(parser, parser->line, "more than %d values",
                                              SUITE_X_MAX);
                sweep->x[sweep->n_x] = strtod(word, &end);
                if (*end || sweep->x[sweep->n_x] < 0)
                        return suite_complain(parser, parser->line, "'%s' is no number from 0 on",
                                              word);
                sweep->n_x++;
        }
        return 0;
}

#define OF_CELL(member) (offsetof(SuiteSweep, cell) + offsetof(SuiteCell, member))

static const Key suite_keys[] = {
        {"duration", set_duration, offsetof(Suite, duration_ns)},
        {"warmup", set_duration, offsetof(Suite, warmup_ns)},
        {"rounds", set_rounds, offsetof(Suite, rounds)},
        {NULL, NULL, 0},
};

static const Key cell_keys[] = {
        {"title", set_long, OF_CELL(title)},
        {"run", set_long, OF_CELL(run)},
        {"measures", set_measures, offsetof(SuiteSweep, cell)},
        {"rounds", set_rounds, OF_CELL(rounds)},
        {"only", set_short, OF_CELL(only)},
        {"without", set_short, OF_CELL(without)},
        {"latency", set_flag, OF_CELL(has_latency)},
        {"allows-errors", set_flag, OF_CELL(allows_errors)},
        {"extra", set_duration, OF_CELL(extra_ns)},
        {NULL, NULL, 0},
};

static const Key sweep_keys[] = {
        {"x", set_x, 0},
        {"x-title", set_long, offsetof(SuiteSweep, x_title)},
        {"x-scale", set_scale, offsetof(SuiteSweep, is_x_log)},
        {"y-scale", set_scale, offsetof(SuiteSweep, is_y_log)},
        {"workers", set_workers, offsetof(SuiteSweep, is_of_workers)},
        {NULL, NULL, 0},
};

static const Key *find_key(const Key *keys, const char *name)
{
        while (keys->name && strcmp(keys->name, name) != 0)
                keys++;
        return keys->name ? keys : NULL;
}

/* What a section may have: with the nearest in mind, when a key is unknown. */
static int complain_about_key(const SuiteParser *parser, const char *name)
{
        const char *names[32];
        const char *nearest;
        size_t n = 0;

        for (const Key *key = suite_keys; parser->section == SUITE_SECTION_SUITE && key->name;
             key++)
                names[n++] = key->name;
        for (const Key *key = cell_keys; parser->section != SUITE_SECTION_SUITE && key->name; key++)
                names[n++] = key->name;
        for (const Key *key = sweep_keys; parser->section == SUITE_SECTION_SWEEP && key->name;
             key++)
                names[n++] = key->name;
        names[n] = NULL;
        nearest = knobs_nearest(name, names);
        if (nearest)
                return suite_complain(parser, parser->line,
                                      "there is no key '%s' here; is '%s' meant?", name, nearest);
        return suite_complain(parser, parser->line, "there is no key '%s' here", name);
}

int suite_set_key(SuiteParser *parser, const char *name, const char *value)
{
        const Key *key = NULL;

        switch (parser->section) {
        case SUITE_SECTION_NONE:
                return suite_complain(parser, parser->line, "a key before the first [section]");
        case SUITE_SECTION_SUITE:
                key = find_key(suite_keys, name);
                break;
        case SUITE_SECTION_SWEEP:
                key = find_key(sweep_keys, name);
                if (key)
                        break;
                __attribute__((fallthrough));
        case SUITE_SECTION_CELL:
                key = find_key(cell_keys, name);
                break;
        }
        if (!key)
                return complain_about_key(parser, name);
        if (!*value)
                return suite_complain(parser, parser->line, "'%s' has no value", name);
        return key->set(parser, value, key->offset);
}
