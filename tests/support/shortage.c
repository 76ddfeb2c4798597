/* SPDX-License-Identifier: Apache-2.0 */

/* See shortage.h. */

#include "tests/support/shortage.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static long limit = SHORTAGE_NEVER, n_asked, n_live;

void shortage_begin(long n)
{
        limit = n;
        n_asked = 0;
}

long shortage_count(void)
{
        return n_asked;
}

long shortage_n_live(void)
{
        return n_live;
}

bool shortage_strikes(void)
{
        n_asked++;
        return limit != SHORTAGE_NEVER && n_asked > limit;
}

static void *count(void *block)
{
        n_live += block != NULL;
        return block;
}

void *__real_alloc_bytes(size_t size);
void *__wrap_alloc_bytes(size_t size);
void *__wrap_alloc_bytes(size_t size)
{
        return shortage_strikes() ? NULL : count(__real_alloc_bytes(size));
}

void *__real_alloc_zeroed(size_t n, size_t size);
void *__wrap_alloc_zeroed(size_t n, size_t size);
void *__wrap_alloc_zeroed(size_t n, size_t size)
{
        return shortage_strikes() ? NULL : count(__real_alloc_zeroed(n, size));
}

void *__real_alloc_resize(void *pointer, size_t size);
void *__wrap_alloc_resize(void *pointer, size_t size);
void *__wrap_alloc_resize(void *pointer, size_t size)
{
        void *grown = shortage_strikes() ? NULL : __real_alloc_resize(pointer, size);

        return pointer ? grown : count(grown);
}

char *__real_alloc_string(const char *data, size_t size);
char *__wrap_alloc_string(const char *data, size_t size);
char *__wrap_alloc_string(const char *data, size_t size)
{
        return shortage_strikes() ? NULL : count(__real_alloc_string(data, size));
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
        return count(text);
}

void *__real_alloc_free(void *pointer);
void *__wrap_alloc_free(void *pointer);
void *__wrap_alloc_free(void *pointer)
{
        n_live -= pointer != NULL;
        return __real_alloc_free(pointer);
}
