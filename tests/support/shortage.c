/* SPDX-License-Identifier: Apache-2.0 */

/* See shortage.h. */

#include "tests/support/shortage.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static long limit = SHORTAGE_NEVER, n_asked;

void shortage_begin(long n)
{
        limit = n;
        n_asked = 0;
}

long shortage_count(void)
{
        return n_asked;
}

bool shortage_strikes(void)
{
        n_asked++;
        return limit != SHORTAGE_NEVER && n_asked > limit;
}

void *__real_alloc_bytes(size_t size);
void *__wrap_alloc_bytes(size_t size);
void *__wrap_alloc_bytes(size_t size)
{
        return shortage_strikes() ? NULL : __real_alloc_bytes(size);
}

void *__real_alloc_zeroed(size_t n, size_t size);
void *__wrap_alloc_zeroed(size_t n, size_t size);
void *__wrap_alloc_zeroed(size_t n, size_t size)
{
        return shortage_strikes() ? NULL : __real_alloc_zeroed(n, size);
}

void *__real_alloc_resize(void *pointer, size_t size);
void *__wrap_alloc_resize(void *pointer, size_t size);
void *__wrap_alloc_resize(void *pointer, size_t size)
{
        return shortage_strikes() ? NULL : __real_alloc_resize(pointer, size);
}

char *__real_alloc_string(const char *data, size_t size);
char *__wrap_alloc_string(const char *data, size_t size);
char *__wrap_alloc_string(const char *data, size_t size)
{
        return shortage_strikes() ? NULL : __real_alloc_string(data, size);
}

char *__wrap_alloc_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *__wrap_alloc_format(const char *format, ...)
{
        char *text;
        va_list args;

        if (shortage_strikes())
                return NULL;
        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                text = NULL;
        va_end(args);
        return text;
}
