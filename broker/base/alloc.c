/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if RINGBUS_HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

void *alloc_bytes(size_t size)
{
        return malloc(size ? size : 1);
}

void *alloc_zeroed(size_t n, size_t size)
{
        return calloc(n ? n : 1, size ? size : 1);
}

void *alloc_resize(void *pointer, size_t size)
{
        return realloc(pointer, size ? size : 1);
}

void *alloc_aligned(size_t alignment, size_t size)
{
        void *pointer;

        if (posix_memalign(&pointer, alignment, size ? size : 1) != 0)
                return NULL;
        return pointer;
}

char *alloc_string(const char *data, size_t size)
{
        char *copy = alloc_bytes(size + 1);

        if (!copy)
                return NULL;
        if (size > 0)
                memcpy(copy, data, size);
        copy[size] = '\0';
        return copy;
}

char *alloc_format(const char *format, ...)
{
        va_list args;
        char *string;

        va_start(args, format);
        if (vasprintf(&string, format, args) < 0)
                string = NULL;
        va_end(args);
        return string;
}

void *alloc_free(void *pointer)
{
        free(pointer);
        return NULL;
}

const char *alloc_name(void)
{
#if RINGBUS_HAVE_JEMALLOC
        return "jemalloc " JEMALLOC_VERSION;
#else
        return "malloc (libc)";
#endif
}
