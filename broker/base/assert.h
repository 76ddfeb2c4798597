/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_ASSERT_H
#define RINGBUS_BASE_ASSERT_H

/*
 * Assertions state our own bugs only, never anything that a client, a file or the kernel may do.
 * They stay on in release builds.
 */

#include <stddef.h>

/* Prints the broken invariant with its place to standard error and aborts. Any thread. */
_Noreturn void assert_failed(const char *expression, const char *file, int line);

#define ASSERT(expression)                                                                         \
        do {                                                                                       \
                if (__builtin_expect(!(expression), 0))                                            \
                        assert_failed(#expression, __FILE__, __LINE__);                            \
        } while (0)

#define ASSERT_NOT_REACHED() assert_failed("not reached", __FILE__, __LINE__)

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that contains `member`, from a pointer to the member. */
#define CONTAINER_OF(pointer, type, member)                                                        \
        ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
