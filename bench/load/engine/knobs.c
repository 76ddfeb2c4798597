/* SPDX-License-Identifier: Apache-2.0 */
/* The command line by tables, as the daemon's own (broker/options.c), with values of several kinds.
 */

#include "bench/load/engine/knobs.h"

#include <string.h>

#include "bench/load/engine/knobs_private.h"
#include "broker/base/assert.h"

enum { NAMES_MAX = 128 };

bool knobs_is_lacking(const KnobParse *parse, const char *name)
{
        size_t size = strlen(name);

        for (const char *at = parse->lacks; at && (at = strstr(at, name)); at += size) {
                bool begins = at == parse->lacks || at[-1] == ' ';

                if (begins && (at[size] == ' ' || at[size] == '\0'))
                        return true;
        }
        return false;
}

static const Knob *find(const KnobParse *parse, const char *name, size_t size, void **ret_values)
{
        for (const KnobSet *set = parse->sets; set->knobs; set++) {
                for (const Knob *knob = set->knobs; knob->name; knob++) {
                        if (strlen(knob->name) != size || memcmp(knob->name, name, size) != 0 ||
                            knobs_is_lacking(parse, knob->name))
                                continue;
                        *ret_values = set->values;
                        return knob;
                }
        }
        return NULL;
}

static void print_usage(const KnobParse *parse)
{
        fprintf(parse->errors, "Usage: %s %s\nSee %s --help\n", parse->command,
                parse->usage ? parse->usage : "[KNOBS]", parse->command);
}

static int refuse_unknown(const KnobParse *parse, const char *word, size_t size)
{
        const char *names[NAMES_MAX + 1], *near;
        char name[64];
        size_t n = 0;

        for (const KnobSet *set = parse->sets; set->knobs; set++)
                for (const Knob *knob = set->knobs; knob->name; knob++)
                        if (n < NAMES_MAX && !knobs_is_lacking(parse, knob->name))
                                names[n++] = knob->name;
        names[n] = NULL;
        snprintf(name, sizeof(name), "%.*s", (int)size, word);
        near = knobs_nearest(name, names);
        fprintf(parse->errors, "%s: there is no --%s", parse->command, name);
        if (near)
                fprintf(parse->errors, "; the nearest is --%s", near);
        fputc('\n', parse->errors);
        print_usage(parse);
        return KNOBS_ERROR;
}

static int refuse(const KnobParse *parse, const Knob *knob, const char *what)
{
        fprintf(parse->errors, "%s: --%s %s\n", parse->command, knob->name, what);
        print_usage(parse);
        return KNOBS_ERROR;
}

static void set_initials(const KnobParse *parse)
{
        char error[KNOBS_ERROR_MAX];

        for (const KnobSet *set = parse->sets; set->knobs; set++)
                for (const Knob *knob = set->knobs; knob->name; knob++)
                        if (!knobs_set(knob, set->values, knob->initial, error))
                                ASSERT_NOT_REACHED(); /* the table is wrong */
}

/* Reads the knob at argv[0]: how many words it takes, or KNOBS_ERROR. */
static int read_knob(KnobParse *parse, int argc, char *const *argv)
{
        const char *name = argv[0] + 2;
        const char *equals = strchr(name, '=');
        size_t size = equals ? (size_t)(equals - name) : strlen(name);
        const char *value = equals ? equals + 1 : NULL;
        char error[KNOBS_ERROR_MAX];
        int n_words = 1;
        const Knob *knob;
        void *values;

        knob = find(parse, name, size, &values);
        if (!knob)
                return refuse_unknown(parse, name, size);
        if (knob->kind == KNOB_FLAG && value)
                return refuse(parse, knob, "takes no value");
        if (knob->kind == KNOB_FLAG || (knob->kind == KNOB_OPTIONAL && !value))
                value = "";
        else if (!value && argc > 1)
                value = argv[n_words++];
        if (!value)
                return refuse(parse, knob, "needs a value");
        if (!knobs_set(knob, values, value, error))
                return refuse(parse, knob, error);
        return n_words;
}

static int set_defaults(KnobParse *parse)
{
        int n = 0;

        if (!parse->defaults)
                return 0;
        while (parse->defaults[n]) {
                char *word[2] = {NULL};

                memcpy(word, &parse->defaults[n++], sizeof(word[0]));
                if (read_knob(parse, 1, word) < 0)
                        return KNOBS_ERROR;
        }
        return 0;
}

int knobs_parse(KnobParse *parse, int argc, char *const *argv)
{
        int i = 0;

        set_initials(parse);
        if (set_defaults(parse) < 0)
                return KNOBS_ERROR;
        parse->n_given = 0;
        while (i < argc) {
                int n;

                if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
                        return KNOBS_HELP;
                if (strcmp(argv[i], "--") == 0) {
                        i++;
                        break;
                }
                if (strncmp(argv[i], "--", 2) != 0)
                        break;
                n = read_knob(parse, argc - i, argv + i);
                if (n < 0)
                        return n;
                i += n;
                parse->n_given++;
        }
        if (i < argc && !parse->takes_words) {
                fprintf(parse->errors, "%s: what does \"%s\" mean here?\n", parse->command,
                        argv[i]);
                print_usage(parse);
                return KNOBS_ERROR;
        }
        return i;
}
