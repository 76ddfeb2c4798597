/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/scarce.h"

#include <stdbool.h>
#include <stddef.h>

static long countdown = -1;
static long n_live;

void *__real_alloc_bytes(size_t size);
void *__wrap_alloc_bytes(size_t size);
void *__real_alloc_zeroed(size_t n, size_t size);
void *__wrap_alloc_zeroed(size_t n, size_t size);
void *__real_alloc_resize(void *pointer, size_t size);
void *__wrap_alloc_resize(void *pointer, size_t size);
char *__real_alloc_string(const char *data, size_t size);
char *__wrap_alloc_string(const char *data, size_t size);
void *__real_alloc_free(void *pointer);
void *__wrap_alloc_free(void *pointer);

static bool fails(void)
{
        if (countdown < 0)
                return false;
        if (countdown == 0)
                return true; /* and so do all that follow */
        countdown--;
        return false;
}

static void *count(void *pointer)
{
        n_live += pointer != NULL;
        return pointer;
}

void *__wrap_alloc_bytes(size_t size)
{
        return fails() ? NULL : count(__real_alloc_bytes(size));
}

void *__wrap_alloc_zeroed(size_t n, size_t size)
{
        return fails() ? NULL : count(__real_alloc_zeroed(n, size));
}

void *__wrap_alloc_resize(void *pointer, size_t size)
{
        void *grown = fails() ? NULL : __real_alloc_resize(pointer, size);

        return pointer ? grown : count(grown);
}

char *__wrap_alloc_string(const char *data, size_t size)
{
        return fails() ? NULL : count(__real_alloc_string(data, size));
}

void *__wrap_alloc_free(void *pointer)
{
        n_live -= pointer != NULL;
        return __real_alloc_free(pointer);
}

void scarce_allow(long n)
{
        countdown = n;
}

long scarce_n_live(void)
{
        return n_live;
}
