/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_KNOBS_H
#define RINGBUS_BENCH_LOAD_ENGINE_KNOBS_H

/*
 * Options from tables. "--name=value" and "--name value"; a flag has no value. What is wrong is
 * said with the nearest name and the usage. Tables end with a row without a name.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum KnobKind {
        KNOB_COUNT,    /* uint64_t: "12", "10k", "2M" (thousands) */
        KNOB_SIZE,     /* uint64_t, bytes: "12", "4KiB", "1MiB" (also K, M) */
        KNOB_DURATION, /* uint64_t, ns: "2" (seconds), "500ms", "20us", "1m" */
        KNOB_RATE,     /* double, per second: "1000", "1.5k", "2M", also with "/s" behind */
        KNOB_CHOICE,   /* unsigned: index into `choices` */
        KNOB_TEXT,     /* const char *, of argv; NULL if not given and without initial */
        KNOB_OPTIONAL, /* const char *: as KNOB_TEXT; "--name" alone gives "" */
        KNOB_FLAG,     /* bool */
} KnobKind;

typedef struct Knob {
        const char *name;     /* without the dashes */
        const char *argument; /* how its value is called in the help; NULL for a flag */
        const char *help;     /* one sentence, without a full stop; lines break at \n */
        KnobKind kind;
        size_t offset;              /* of its value in the struct */
        uint64_t min, max;          /* of COUNT, SIZE, DURATION and RATE; max 0: no limit */
        const char *initial;        /* as text; NULL: 0, false, the first choice, no text */
        const char *const *choices; /* of CHOICE, NULL at the end */
} Knob;

/* Some knobs and the struct for their values. */
typedef struct KnobSet {
        const Knob *knobs;
        void *values;
} KnobSet;

typedef struct KnobParse {
        const char *command; /* "ringbus-load call": begins the messages */
        const char *usage;   /* what follows the command in the usage, or NULL: "[KNOBS]" */
        const KnobSet *sets; /* searched in this order; a set without knobs ends them */
        const char *lacks;   /* names, separated by spaces, that these sets have and the command
                              * does not; or NULL */
        const char *const *defaults; /* words as of argv that replace initials, NULL at the end; or
                                      * NULL */
        bool takes_words; /* words that begin without "--" may follow, from the first on */
        FILE *errors;
        unsigned n_given; /* out: knobs that were given */
} KnobParse;

/*
 * Sets initials, then reads argv[0] to argv[argc - 1] (no program's name). Returns how many words
 * were read (all, or up to the first that begins without "--"; "--" alone is skipped and ends the
 * knobs); -1 after saying what is wrong; or KNOBS_HELP if --help was found (nothing is printed).
 */
enum { KNOBS_ERROR = -1, KNOBS_HELP = -2 };
int knobs_parse(KnobParse *parse, int argc, char *const *argv);

/* One line for each knob (and more for long help): "  --name=ARG   help (default ...)". */
void knobs_print_help(const KnobParse *parse, FILE *file);

/*
 * The name in `names` (NULL at the end) that is nearest to `word` by edit distance, if it is near
 * enough to be meant; or NULL.
 */
const char *knobs_nearest(const char *word, const char *const *names);

/* Whether the name is among parse->lacks. */
bool knobs_is_lacking(const KnobParse *parse, const char *name);

/* A value as text, in `text`. For reports. Returns `text`. */
enum { KNOB_TEXT_MAX = 128 };
const char *knobs_value_text(const Knob *knob, const void *values, char text[static KNOB_TEXT_MAX]);

/* Single values: true, or false if `text` is none. Used by the tables, and by others. */
bool knobs_read_count(const char *text, uint64_t *ret_value);
bool knobs_read_size(const char *text, uint64_t *ret_value);
bool knobs_read_duration(const char *text, uint64_t *ret_value);
bool knobs_read_rate(const char *text, double *ret_value);

#endif
