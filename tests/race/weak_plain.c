/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXCEPTION: __tsan_: what the compiler calls for each plain access under -fsanitize=thread, here
 * for the weak-memory explorer and not for ThreadSanitizer's library. The atomic operations do not
 * come here: weak_atomics.h has renamed them.
 */
#include <stddef.h>

#include "tests/race/weak.h"
#include "tests/race/weak_memory.h"
#include "tests/race/weak_search.h"

static void touch(const void *address, size_t size, bool is_write)
{
        if (!search_is_on() || search_is_stack(address))
                return;
        if (!weak_memory_touch(weak_thread(), address, size, is_write))
                search_fail(is_write ? "a data race: a plain write" : "a data race: a plain read");
}

#define WEAK_PLAIN(size)                                                                           \
        void __tsan_read##size(void *address);                                                     \
        void __tsan_read##size(void *address)                                                      \
        {                                                                                          \
                touch(address, size, false);                                                       \
        }                                                                                          \
        void __tsan_write##size(void *address);                                                    \
        void __tsan_write##size(void *address)                                                     \
        {                                                                                          \
                touch(address, size, true);                                                        \
        }                                                                                          \
        void __tsan_read_write##size(void *address);                                               \
        void __tsan_read_write##size(void *address)                                                \
        {                                                                                          \
                touch(address, size, true);                                                        \
        }                                                                                          \
        void __tsan_unaligned_read##size(void *address);                                           \
        void __tsan_unaligned_read##size(void *address)                                            \
        {                                                                                          \
                touch(address, size, false);                                                       \
        }                                                                                          \
        void __tsan_unaligned_write##size(void *address);                                          \
        void __tsan_unaligned_write##size(void *address)                                           \
        {                                                                                          \
                touch(address, size, true);                                                        \
        }

WEAK_PLAIN(1)
WEAK_PLAIN(2)
WEAK_PLAIN(4)
WEAK_PLAIN(8)
WEAK_PLAIN(16)

void __tsan_read_range(void *address, size_t size);
void __tsan_read_range(void *address, size_t size)
{
        touch(address, size, false);
}

void __tsan_write_range(void *address, size_t size);
void __tsan_write_range(void *address, size_t size)
{
        touch(address, size, true);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
        (void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}
