/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of limits. One list of names, defaults and members (LIMITS_LIST) makes the struct, the
 * built-in values and the lookup, so that none can be forgotten in one of them.
 */

#include "broker/limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/assert.h"

typedef struct LimitRow {
        const char *name;
        size_t offset;
        uint64_t value;
        LimitsSupport support;
} LimitRow;

static const LimitRow limit_rows[] = {
#define LIMITS_ROW(member, name, value, support) {name, offsetof(Limits, member), value, support},
        LIMITS_LIST(LIMITS_ROW)
#undef LIMITS_ROW
};

static uint64_t *limit_member(Limits *limits, const LimitRow *row)
{
        return (uint64_t *)(void *)((char *)limits + row->offset);
}

void limits_init(Limits *limits)
{
        for (size_t i = 0; i < ARRAY_SIZE(limit_rows); i++)
                *limit_member(limits, &limit_rows[i]) = limit_rows[i].value;
}

LimitsVerdict limits_parse(const char *text, uint64_t *ret_value)
{
        char *end;
        long value;

        errno = 0;
        value = strtol(text, &end, 0);
        if (end == text)
                return LIMITS_NOT_A_NUMBER;
        while (isspace((unsigned char)*end))
                end++;
        if (*end != '\0')
                return LIMITS_NOT_A_NUMBER;
        if (value < 0)
                return LIMITS_NEGATIVE;
        if (errno == ERANGE || value > INT32_MAX)
                return LIMITS_TOO_LARGE;
        *ret_value = (uint64_t)value;
        return LIMITS_SET;
}

LimitsVerdict limits_set(Limits *limits, const char *name, const char *text,
                         LimitsSupport *ret_support)
{
        for (size_t i = 0; i < ARRAY_SIZE(limit_rows); i++) {
                const LimitRow *row = &limit_rows[i];
                LimitsVerdict verdict;

                if (strcmp(row->name, name) != 0)
                        continue;
                verdict = limits_parse(text, limit_member(limits, row));
                if (verdict == LIMITS_SET)
                        *ret_support = row->support;
                return verdict;
        }
        return LIMITS_UNKNOWN;
}

const char *limits_name(size_t index)
{
        return limit_rows[index].name;
}
