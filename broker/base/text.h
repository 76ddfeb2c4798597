/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_TEXT_H
#define RINGBUS_BASE_TEXT_H

/*
 * Text: a borrowed run of bytes with a length. Not NUL-terminated by contract (strings inside a
 * validated D-Bus message happen to be). data == NULL means "absent"; an empty text has size 0 and
 * a non-NULL data.
 *
 * Owner: whoever owns the bytes; a Text never does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Text {
        const char *data;
        size_t size;
} Text;

#define TEXT(literal) ((Text){.data = (literal), .size = sizeof(literal) - 1})
#define TEXT_NONE ((Text){.data = NULL, .size = 0})

/* For printf("%.*s"): the length is cut at INT_MAX. */
#define TEXT_FORMAT(text) (int)((text).size > 0x7fffffff ? 0x7fffffff : (text).size), (text).data

static inline Text text_from(const char *string)
{
        return (Text){.data = string, .size = string ? strlen(string) : 0};
}

static inline bool text_present(Text text)
{
        return text.data != NULL;
}

/* Absent equals only absent. */
static inline bool text_equal(Text a, Text b)
{
        if (!a.data || !b.data)
                return a.data == b.data;
        return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static inline bool text_starts_with(Text text, Text prefix)
{
        return text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0;
}

#endif
