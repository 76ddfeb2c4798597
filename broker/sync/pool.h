/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_POOL_H
#define RINGBUS_SYNC_POOL_H

/*
 * Pool: a thread's memory for the hot path. Size classes in chunks that come from mmap(2), a free
 * list per class that only the owner touches, and a lock-free stack on which other threads give
 * blocks back. It lies in sync and not in base because of that stack.
 *
 * Owner: one thread allocates; any thread frees. Chunks live until pool_deinit(): a pool shrinks to
 * its high-water mark and no further.
 */

#include <stddef.h>

#include "broker/sync/stack.h"

enum {
        POOL_CLASS_MIN_SHIFT = 6, /* 64 bytes */
        POOL_N_CLASSES = 10,      /* ... 32 KiB */
        POOL_SIZE_MAX = 1 << (POOL_CLASS_MIN_SHIFT + POOL_N_CLASSES - 1),
        POOL_ALIGNMENT = 32,
        POOL_SPARES = 2,
};

typedef struct PoolChunk PoolChunk;

/* A block larger than POOL_SIZE_MAX, at hand for a pool_alloc() under a lock. */
typedef struct PoolSpare {
        void *block; /* NULL: none */
        size_t size;
} PoolSpare;

typedef struct Pool {
        StackNode *free[POOL_N_CLASSES];
        unsigned n_free[POOL_N_CLASSES];
        PoolChunk *chunks;
        size_t n_chunks;
        PoolSpare spares[POOL_SPARES];
        Stack returned; /* by other threads */
} Pool;

void pool_init(Pool *pool);

/* Every block has been freed. */
void pool_deinit(Pool *pool);

/*
 * A block of at least `size` bytes, 32-byte aligned, or NULL when out of memory. Larger than
 * POOL_SIZE_MAX: from the general heap. Owner only.
 */
void *pool_alloc(Pool *pool, size_t size) __attribute__((malloc, warn_unused_result));

/*
 * So that the next `n` calls of pool_alloc(), for up to `size` bytes each, need neither the kernel
 * nor the general heap: rule R4 forbids both under the registry and the turn. For more than
 * POOL_SIZE_MAX bytes `n` is at most POOL_SPARES, and what is left of them goes with the next
 * pool_replenish(). Owner only, no lock held. Out of memory: as far as it went.
 */
void pool_reserve(Pool *pool, size_t size, unsigned n);

/* `size` as asked for in pool_alloc(). `mine` is the calling thread's pool, or NULL. */
void pool_free(Pool *mine, void *pointer, size_t size);

/* Owner: bytes in chunks, and in those of its blocks that are free and not on their way back. */
size_t pool_bytes(const Pool *pool);
size_t pool_free_bytes(const Pool *pool);

/* Owner, outside the hot path: takes back what others returned and keeps a few blocks of each small
 * class at hand, so that pool_alloc() does not have to map memory. */
void pool_replenish(Pool *pool);

#endif
