/* SPDX-License-Identifier: Apache-2.0 */
/* Values: from text, and back for reports. */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/engine/knobs_private.h"
#include "broker/base/assert.h"
#include "broker/base/clock.h"

typedef struct Unit {
        const char *name;
        double factor;
} Unit;

static const Unit count_units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};
static const Unit rate_units[] = {{"", 1},    {"/s", 1},    {"k", 1e3}, {"k/s", 1e3},
                                  {"M", 1e6}, {"M/s", 1e6}, {NULL, 0}};
static const Unit size_units[] = {{"", 1},       {"B", 1},           {"K", 1024},
                                  {"KiB", 1024}, {"M", 1024 * 1024}, {"MiB", 1024 * 1024},
                                  {NULL, 0}};
static const Unit duration_units[] = {{"", 1e9}, {"s", 1e9},  {"ms", 1e6},   {"us", 1e3},
                                      {"ns", 1}, {"m", 60e9}, {"min", 60e9}, {NULL, 0}};

/* A number without sign, then a unit. */
static bool read_number(const char *text, const Unit *units, double *ret_value)
{
        char *end;
        double value;

        /* strtod(3) would read signs, "inf" and hexadecimal digits, too */
        if (text[0] < '0' || text[0] > '9' || (text[1] | 0x20) == 'x')
                return false;
        value = strtod(text, &end);
        for (; units->name; units++) {
                if (strcmp(end, units->name) == 0) {
                        *ret_value = value * units->factor;
                        return isfinite(*ret_value);
                }
        }
        return false;
}

static bool read_whole(const char *text, const Unit *units, uint64_t *ret_value)
{
        double value;

        /* 2^53: whole numbers are exact up to there */
        if (!read_number(text, units, &value) || value > 9007199254740992.0)
                return false;
        *ret_value = (uint64_t)llround(value);
        return fabs((double)*ret_value - value) < 1e-6 * (1 + value);
}

bool knobs_read_count(const char *text, uint64_t *ret_value)
{
        return read_whole(text, count_units, ret_value);
}

bool knobs_read_size(const char *text, uint64_t *ret_value)
{
        return read_whole(text, size_units, ret_value);
}

bool knobs_read_duration(const char *text, uint64_t *ret_value)
{
        return read_whole(text, duration_units, ret_value);
}

bool knobs_read_rate(const char *text, double *ret_value)
{
        return read_number(text, rate_units, ret_value);
}

static const char *expected(KnobKind kind)
{
        switch (kind) {
        case KNOB_COUNT:
                return "a number such as 12, 10k or 2M";
        case KNOB_SIZE:
                return "a size such as 12, 4KiB or 1MiB";
        case KNOB_DURATION:
                return "a time such as 2 (seconds), 500ms or 20us";
        case KNOB_RATE:
                return "a rate such as 1000 (per second), 1.5k or 2M";
        case KNOB_CHOICE:
        case KNOB_TEXT:
        case KNOB_OPTIONAL:
        case KNOB_FLAG:
                break;
        }
        return "something else";
}

static void format_value(KnobKind kind, double value, char text[static KNOB_TEXT_MAX])
{
        const Unit *units[] = {
                [KNOB_DURATION] =
                        (const Unit[]){{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {NULL, 0}},
                [KNOB_SIZE] =
                        (const Unit[]){{"MiB", 1024 * 1024}, {"KiB", 1024}, {"", 1}, {NULL, 0}}};
        const Unit *unit = kind == KNOB_DURATION || kind == KNOB_SIZE ? units[kind] : NULL;

        while (unit && unit[1].name && (value == 0 || fmod(value, unit->factor) != 0))
                unit++;
        if (unit && value > 0)
                snprintf(text, KNOB_TEXT_MAX, "%.16g%s", value / unit->factor, unit->name);
        else
                snprintf(text, KNOB_TEXT_MAX, "%.16g", value);
}

static bool check_range(const Knob *knob, double value, char error[static KNOBS_ERROR_MAX])
{
        char least[KNOB_TEXT_MAX], most[KNOB_TEXT_MAX];

        if (value >= (double)knob->min && (knob->max == 0 || value <= (double)knob->max))
                return true;
        format_value(knob->kind, (double)knob->min, least);
        format_value(knob->kind, (double)knob->max, most);
        if (knob->max == 0)
                snprintf(error, KNOBS_ERROR_MAX, "must be at least %s", least);
        else
                snprintf(error, KNOBS_ERROR_MAX, "must be %.100s to %.100s", least, most);
        return false;
}

static bool set_number(const Knob *knob, void *place, const char *text,
                       char error[static KNOBS_ERROR_MAX])
{
        const bool is_rate = knob->kind == KNOB_RATE;
        uint64_t number = 0;
        double rate = 0;
        bool is_read;

        if (is_rate)
                is_read = knobs_read_rate(text, &rate);
        else if (knob->kind == KNOB_SIZE)
                is_read = knobs_read_size(text, &number);
        else if (knob->kind == KNOB_DURATION)
                is_read = knobs_read_duration(text, &number);
        else
                is_read = knobs_read_count(text, &number);
        if (!is_read) {
                snprintf(error, KNOBS_ERROR_MAX, "needs %s, not \"%.100s\"", expected(knob->kind),
                         text);
                return false;
        }
        if (!check_range(knob, is_rate ? rate : (double)number, error))
                return false;
        if (is_rate)
                memcpy(place, &rate, sizeof(rate));
        else
                memcpy(place, &number, sizeof(number));
        return true;
}

static bool set_choice(const Knob *knob, void *place, const char *text,
                       char error[static KNOBS_ERROR_MAX])
{
        size_t size;

        for (unsigned i = 0; knob->choices[i]; i++) {
                if (strcmp(knob->choices[i], text) == 0) {
                        memcpy(place, &i, sizeof(i));
                        return true;
                }
        }
        size = (size_t)snprintf(error, KNOBS_ERROR_MAX, "needs one of");
        for (unsigned i = 0; knob->choices[i] && size < KNOBS_ERROR_MAX; i++)
                size += (size_t)snprintf(error + size, KNOBS_ERROR_MAX - size, " %s",
                                         knob->choices[i]);
        if (size < KNOBS_ERROR_MAX)
                snprintf(error + size, KNOBS_ERROR_MAX - size, ", not \"%.40s\"", text);
        return false;
}

bool knobs_set(const Knob *knob, void *values, const char *text, char error[static KNOBS_ERROR_MAX])
{
        void *place = (char *)values + knob->offset;
        const bool flag = text != NULL;
        const unsigned first = 0;

        switch (knob->kind) {
        case KNOB_COUNT:
        case KNOB_SIZE:
        case KNOB_DURATION:
        case KNOB_RATE:
                if (text)
                        return set_number(knob, place, text, error);
                memset(place, 0, sizeof(uint64_t)); /* of a rate, too */
                return true;
        case KNOB_CHOICE:
                if (text)
                        return set_choice(knob, place, text, error);
                memcpy(place, &first, sizeof(first));
                return true;
        case KNOB_TEXT:
        case KNOB_OPTIONAL:
                memcpy(place, &text, sizeof(text));
                return true;
        case KNOB_FLAG:
                memcpy(place, &flag, sizeof(flag));
                return true;
        }
        ASSERT_NOT_REACHED();
}

const char *knobs_value_text(const Knob *knob, const void *values, char text[static KNOB_TEXT_MAX])
{
        const void *place = (const char *)values + knob->offset;
        const char *string;
        uint64_t number;
        unsigned choice;
        double rate;

        switch (knob->kind) {
        case KNOB_COUNT:
        case KNOB_SIZE:
        case KNOB_DURATION:
                memcpy(&number, place, sizeof(number));
                format_value(knob->kind, (double)number, text);
                break;
        case KNOB_RATE:
                memcpy(&rate, place, sizeof(rate));
                format_value(knob->kind, rate, text);
                break;
        case KNOB_CHOICE:
                memcpy(&choice, place, sizeof(choice));
                snprintf(text, KNOB_TEXT_MAX, "%s", knob->choices[choice]);
                break;
        case KNOB_TEXT:
        case KNOB_OPTIONAL:
                memcpy(&string, place, sizeof(string));
                snprintf(text, KNOB_TEXT_MAX, "%s", string ? string : "");
                break;
        case KNOB_FLAG:
                snprintf(text, KNOB_TEXT_MAX, "%s", *(const bool *)place ? "yes" : "no");
                break;
        }
        return text;
}
