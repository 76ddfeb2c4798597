/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_ALLOC_H
#define RINGBUS_BASE_ALLOC_H

/*
 * The general heap: the one file that knows which allocator serves it (jemalloc in release builds,
 * plain malloc under sanitizers, which cannot see overflows inside jemalloc's memory). Never used
 * between receiving and flushing an ordinary unicast: that path has broker/sync/pool.h.
 * All functions: any thread.
 */

#include <stddef.h>

/* `size` bytes, or NULL when out of memory. size 0 counts as 1. The caller owns the memory. */
void *alloc_bytes(size_t size) __attribute__((malloc, warn_unused_result));

/* As alloc_bytes, zeroed, for n elements of `size` bytes; NULL also when n * size overflows. */
void *alloc_zeroed(size_t n, size_t size) __attribute__((malloc, warn_unused_result));

/* As realloc(3); on NULL the old block stays valid. */
void *alloc_resize(void *pointer, size_t size) __attribute__((warn_unused_result));

/* Memory aligned to `alignment` (a power of two, at least sizeof(void *)). */
void *alloc_aligned(size_t alignment, size_t size) __attribute__((malloc, warn_unused_result));

/* A NUL-terminated copy of `size` bytes, or NULL. */
char *alloc_string(const char *data, size_t size) __attribute__((warn_unused_result));

/* printf into a fresh string, or NULL when out of memory. */
char *alloc_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Frees; NULL is allowed. Returns NULL, for `p = alloc_free(p)`. */
void *alloc_free(void *pointer);

/* The allocator's name and version for --version and --probe, e.g. "jemalloc 5.3.0". */
const char *alloc_name(void);

#endif
