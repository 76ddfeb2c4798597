/* SPDX-License-Identifier: Apache-2.0 */
/* The help of a table, and what somebody may have meant. */

#include <string.h>

#include "bench/load/engine/knobs_private.h"

enum { HELP_COLUMN = 28, WORD_MAX = 63 };

static void print_choices(const Knob *knob, FILE *file)
{
        for (unsigned i = 0; knob->choices[i]; i++)
                fprintf(file, "%s%s", i ? "|" : "=", knob->choices[i]);
}

static size_t name_width(const Knob *knob)
{
        size_t width = 4 + strlen(knob->name);

        if (knob->kind == KNOB_CHOICE)
                for (unsigned i = 0; knob->choices[i]; i++)
                        width += 1 + strlen(knob->choices[i]);
        else if (knob->argument)
                width += 1 + strlen(knob->argument) + (knob->kind == KNOB_OPTIONAL ? 2 : 0);
        return width;
}

static void print_name(const Knob *knob, FILE *file)
{
        fprintf(file, "  --%s", knob->name);
        if (knob->kind == KNOB_CHOICE)
                print_choices(knob, file);
        else if (knob->kind == KNOB_OPTIONAL)
                fprintf(file, "[=%s]", knob->argument);
        else if (knob->argument)
                fprintf(file, "=%s", knob->argument);
}

/* What parse->defaults replaces the initial by, or the initial, or NULL. */
static const char *find_initial(const KnobParse *parse, const Knob *knob)
{
        const size_t size = strlen(knob->name);

        for (size_t i = 0; parse->defaults && parse->defaults[i]; i++) {
                const char *word = parse->defaults[i] + 2;

                if (strncmp(word, knob->name, size) == 0 && word[size] == '=')
                        return word + size + 1;
        }
        return knob->initial;
}

static void print_knob(const KnobParse *parse, const Knob *knob, FILE *file)
{
        const char *initial = find_initial(parse, knob);
        size_t width = name_width(knob);

        print_name(knob, file);
        if (width >= HELP_COLUMN)
                fprintf(file, "\n%*s", HELP_COLUMN, "");
        else
                fprintf(file, "%*s", (int)(HELP_COLUMN - width), "");
        for (const char *c = knob->help; *c; c++) {
                fputc(*c, file);
                if (*c == '\n')
                        fprintf(file, "%*s", HELP_COLUMN, "");
        }
        if (initial && knob->kind != KNOB_FLAG)
                fprintf(file, " (default %s)", initial);
        else if (knob->kind == KNOB_CHOICE)
                fprintf(file, " (default %s)", knob->choices[0]);
        fputc('\n', file);
}

void knobs_print_help(const KnobParse *parse, FILE *file)
{
        for (const KnobSet *set = parse->sets; set->knobs; set++) {
                if (set != parse->sets)
                        fputc('\n', file);
                for (const Knob *knob = set->knobs; knob->name; knob++)
                        if (!knobs_is_lacking(parse, knob->name))
                                print_knob(parse, knob, file);
        }
}

/* Levenshtein's distance of words of at most WORD_MAX bytes; neighbours swapped count as one. */
static unsigned distance(const char *a, const char *b)
{
        unsigned rows[3][WORD_MAX + 1];
        size_t n_a = strnlen(a, WORD_MAX), n_b = strnlen(b, WORD_MAX);
        unsigned *before = rows[0], *last = rows[1], *row = rows[2];

        for (size_t j = 0; j <= n_b; j++)
                last[j] = (unsigned)j;
        for (size_t i = 1; i <= n_a; i++) {
                unsigned *spare = before;

                row[0] = (unsigned)i;
                for (size_t j = 1; j <= n_b; j++) {
                        unsigned least = last[j - 1] + (a[i - 1] != b[j - 1]);

                        if (last[j] + 1 < least)
                                least = last[j] + 1;
                        if (row[j - 1] + 1 < least)
                                least = row[j - 1] + 1;
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                            before[j - 2] + 1 < least)
                                least = before[j - 2] + 1;
                        row[j] = least;
                }
                before = last;
                last = row;
                row = spare;
        }
        return last[n_b];
}

const char *knobs_nearest(const char *word, const char *const *names)
{
        size_t size = strlen(word);
        unsigned limit = size < 4 ? 1 : size < 8 ? 2 : 3;
        const char *nearest = NULL;

        for (; *names; names++) {
                unsigned d = distance(word, *names);

                /* what begins the same way was cut short, or is a longer form */
                if (size >= 3 && (strncmp(word, *names, size) == 0 ||
                                  strncmp(word, *names, strlen(*names)) == 0))
                        d = 1;
                if (d <= limit) {
                        nearest = *names;
                        limit = d - (d > 0);
                        if (d == 0)
                                break;
                }
        }
        return nearest;
}
