/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/sync/pool.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_ASAN 1
#endif
#endif
#if defined(POOL_ASAN)
#include <sanitizer/asan_interface.h>
/* A returned block is poisoned, but for the link that the free list keeps in it. */
#define POISON(block, size)                                                                        \
        ASAN_POISON_MEMORY_REGION((char *)(block) + sizeof(StackNode), (size) - sizeof(StackNode))
#define UNPOISON(block, size) ASAN_UNPOISON_MEMORY_REGION(block, size)
#else
#define POISON(block, size) ((void)(block), (void)(size))
#define UNPOISON(block, size) ((void)(block), (void)(size))
#endif

enum { CHUNK_SIZE = 256 * 1024, CHUNK_HEADER = 64, REPLENISH_BELOW = 32 };

/* A chunk is aligned to its size, so that a block finds it by masking its address. */
struct PoolChunk {
        Pool *owner;
        PoolChunk *next;
        unsigned size_class;
};

static unsigned pool_class(size_t size)
{
        unsigned size_class = 0;

        if (size > 1u << POOL_CLASS_MIN_SHIFT)
                size_class = 64 - (unsigned)__builtin_clzll(size - 1) - POOL_CLASS_MIN_SHIFT;
        return size_class;
}

static size_t pool_class_size(unsigned size_class)
{
        return (size_t)1 << (POOL_CLASS_MIN_SHIFT + size_class);
}

static PoolChunk *pool_chunk_of(void *pointer)
{
        return (PoolChunk *)((uintptr_t)pointer & ~(uintptr_t)(CHUNK_SIZE - 1));
}

void pool_init(Pool *pool)
{
        memset(pool, 0, sizeof(*pool));
        stack_init(&pool->returned);
}

static void pool_drop_spares(Pool *pool)
{
        for (unsigned i = 0; i < POOL_SPARES; i++)
                pool->spares[i] = (PoolSpare){.block = alloc_free(pool->spares[i].block)};
}

void pool_deinit(Pool *pool)
{
        pool_drop_spares(pool);
        while (pool->chunks) {
                PoolChunk *chunk = pool->chunks;

                pool->chunks = chunk->next;
                UNPOISON(chunk, CHUNK_SIZE);
                munmap(chunk, CHUNK_SIZE);
        }
}

static void pool_put(Pool *pool, unsigned size_class, void *block)
{
        StackNode *node = block;

        node->next = pool->free[size_class];
        pool->free[size_class] = node;
        pool->n_free[size_class]++;
}

static void pool_take_returned(Pool *pool)
{
        StackNode *node = stack_take(&pool->returned);

        while (node) {
                StackNode *next = node->next;

                pool_put(pool, pool_chunk_of(node)->size_class, node);
                node = next;
        }
}

/* Maps one chunk for a size_class; false when out of memory. */
static bool pool_map_chunk(Pool *pool, unsigned size_class)
{
        const size_t size = pool_class_size(size_class);
        char *area, *aligned;
        PoolChunk *chunk;

        area = mmap(NULL, 2 * CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                    0);
        if (area == MAP_FAILED)
                return false;
        aligned = (char *)(((uintptr_t)area + CHUNK_SIZE - 1) & ~(uintptr_t)(CHUNK_SIZE - 1));
        if (aligned > area)
                munmap(area, (size_t)(aligned - area));
        if (area + 2 * CHUNK_SIZE > aligned + CHUNK_SIZE)
                munmap(aligned + CHUNK_SIZE,
                       (size_t)(area + 2 * CHUNK_SIZE - aligned - CHUNK_SIZE));
        chunk = (PoolChunk *)aligned;
        chunk->owner = pool;
        chunk->size_class = size_class;
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        pool->n_chunks++;
        for (size_t at = CHUNK_HEADER; at + size <= CHUNK_SIZE; at += size) {
                pool_put(pool, size_class, aligned + at);
                POISON(aligned + at, size);
        }
        return true;
}

static void *pool_alloc_large(Pool *pool, size_t size)
{
        for (unsigned i = 0; i < POOL_SPARES; i++) {
                void *block = pool->spares[i].block;

                if (!block || pool->spares[i].size < size)
                        continue;
                pool->spares[i].block = NULL;
                return block;
        }
        return alloc_aligned(POOL_ALIGNMENT, size);
}

static void pool_reserve_large(Pool *pool, size_t size, unsigned n)
{
        ASSERT(n <= POOL_SPARES);
        for (unsigned i = 0; i < n; i++) {
                PoolSpare *spare = &pool->spares[i];

                if (spare->block && spare->size >= size)
                        continue;
                alloc_free(spare->block);
                *spare = (PoolSpare){.block = alloc_aligned(POOL_ALIGNMENT, size), .size = size};
        }
}

void pool_reserve(Pool *pool, size_t size, unsigned n)
{
        unsigned size_class = pool_class(size);

        if (size > POOL_SIZE_MAX) {
                pool_reserve_large(pool, size, n);
                return;
        }
        if (pool->n_free[size_class] < n)
                pool_take_returned(pool);
        while (pool->n_free[size_class] < n && pool_map_chunk(pool, size_class))
                continue;
}

void *pool_alloc(Pool *pool, size_t size)
{
        unsigned size_class = pool_class(size);
        StackNode *node;

        if (UNLIKELY(size > POOL_SIZE_MAX))
                return pool_alloc_large(pool, size);
        if (UNLIKELY(!pool->free[size_class])) {
                pool_take_returned(pool);
                if (!pool->free[size_class] && !pool_map_chunk(pool, size_class))
                        return NULL;
        }
        node = pool->free[size_class];
        pool->free[size_class] = node->next;
        pool->n_free[size_class]--;
        UNPOISON(node, size > sizeof(StackNode) ? size : sizeof(StackNode));
        return node;
}

void pool_free(Pool *mine, void *pointer, size_t size)
{
        PoolChunk *chunk;

        if (UNLIKELY(size > POOL_SIZE_MAX)) {
                alloc_free(pointer);
                return;
        }
        chunk = pool_chunk_of(pointer);
        ASSERT(chunk->size_class == pool_class(size));
        POISON(pointer, pool_class_size(chunk->size_class));
        if (chunk->owner == mine)
                pool_put(mine, chunk->size_class, pointer);
        else
                stack_push(&chunk->owner->returned, pointer);
}

void pool_replenish(Pool *pool)
{
        pool_take_returned(pool);
        pool_drop_spares(pool);
        for (unsigned size_class = 0; size_class < POOL_N_CLASSES - 2; size_class++)
                if (pool->n_free[size_class] < (size_class < 5 ? REPLENISH_BELOW : 4))
                        if (!pool_map_chunk(pool, size_class))
                                return;
}

size_t pool_bytes(const Pool *pool)
{
        return pool->n_chunks * CHUNK_SIZE;
}

size_t pool_free_bytes(const Pool *pool)
{
        size_t bytes = 0;

        for (unsigned size_class = 0; size_class < POOL_N_CLASSES; size_class++)
                bytes += pool->n_free[size_class] * pool_class_size(size_class);
        return bytes;
}
