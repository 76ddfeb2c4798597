/* SPDX-License-Identifier: Apache-2.0 */
/* BufferPool; see buffer.h. */
#include "broker/io/buffer.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/sync/annotate.h"

#if RINGBUS_ASAN
#include <sanitizer/asan_interface.h>
#endif

#if RINGBUS_TSAN
/* ThreadSanitizer's own entry point for "this range is written here". */
extern void __tsan_write_range(void *address, unsigned long size);
#endif

enum {
        HUGE_PAGE = 2 * 1024 * 1024,
        LARGEST_PAGE = 64 * 1024, /* of the architectures that Linux has */
        CACHE_LINE = 64,
};

size_t buffer_control_size(unsigned n_fds_max)
{
        return n_fds_max ? CMSG_SPACE(n_fds_max * sizeof(int)) : 0;
}

size_t buffer_payload_offset(unsigned n_fds_max)
{
        return sizeof(BufferHead) + buffer_control_size(n_fds_max);
}

/* Nobody may look into a buffer that is not lent (the kernel's writes are not checked). */
static void hide(BufferPool *pool, IoBuffer *buffer)
{
#if RINGBUS_ASAN
        ASAN_POISON_MEMORY_REGION(buffer->data, pool->stride);
#endif
        (void)pool;
        (void)buffer;
}

/*
 * The kernel has written the buffer, which ThreadSanitizer cannot see: told so, it reports whoever
 * still reads what an earlier holder had lent it.
 */
static void reveal(BufferPool *pool, IoBuffer *buffer)
{
#if RINGBUS_ASAN
        ASAN_UNPOISON_MEMORY_REGION(buffer->data, pool->stride);
#endif
#if RINGBUS_TSAN
        __tsan_write_range(buffer->data, pool->stride);
#endif
        (void)pool;
        (void)buffer;
}

/* Aligned, so that the kernel may back it by huge pages where the administrator wants that. */
static uint8_t *map_aligned(size_t size)
{
        uint8_t *memory = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        size_t before;

        if (memory == MAP_FAILED)
                return NULL;
        before = (HUGE_PAGE - ((uintptr_t)memory & (HUGE_PAGE - 1))) & (HUGE_PAGE - 1);
        if (before > 0)
                munmap(memory, before);
        if (before < HUGE_PAGE)
                munmap(memory + before + size, HUGE_PAGE - before);
        return memory + before;
}

int buffer_pool_init(BufferPool *pool, Io *io, unsigned n_buffers, Wake *wake)
{
        size_t stride = IO_BUFFER_SIZE + buffer_payload_offset(IO_FDS_MAX);

        stride = (stride + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
        *pool = (BufferPool){
                .n_total = n_buffers,
                .stride = stride,
                .memory_size =
                        (n_buffers * stride + LARGEST_PAGE - 1) & ~(size_t)(LARGEST_PAGE - 1),
                .owner = pthread_self(),
                .wake = wake,
        };
        pool->buffers = alloc_zeroed(n_buffers, sizeof(IoBuffer));
        pool->free = alloc_zeroed(n_buffers, sizeof(IoBuffer *));
        pool->memory = map_aligned(pool->memory_size);
        if (!pool->buffers || !pool->free || !pool->memory) {
                buffer_pool_deinit(pool);
                return -ENOMEM;
        }
        stack_init(&pool->returned);
        stack_push(&pool->returned, &pool->bell);
        pool->bell_hung = true;
        for (unsigned i = n_buffers; i-- > 0;) {
                IoBuffer *buffer = &pool->buffers[i];

                buffer->index = i;
                buffer->data = pool->memory + i * stride;
                buffer->io = io;
                buffer_pool_put(pool, buffer);
        }
        return 0;
}

void buffer_pool_deinit(BufferPool *pool)
{
        ASSERT(pool->n_lent == 0);
        if (pool->memory) {
#if RINGBUS_ASAN
                ASAN_UNPOISON_MEMORY_REGION(pool->memory, pool->memory_size);
#endif
                munmap(pool->memory, pool->memory_size);
        }
        pool->memory = NULL;
        pool->buffers = alloc_free(pool->buffers);
        pool->free = alloc_free(pool->free);
}

IoBuffer *buffer_pool_take(BufferPool *pool)
{
        return pool->n_free > 0 ? pool->free[--pool->n_free] : NULL;
}

void buffer_pool_put(BufferPool *pool, IoBuffer *buffer)
{
        ASSERT(pool->n_free < pool->n_total);
        hide(pool, buffer);
        pool->free[pool->n_free++] = buffer;
}

void buffer_pool_lend(BufferPool *pool, IoBuffer *buffer)
{
        reveal(pool, buffer);
        refcount_init(&buffer->references, 1);
        pool->n_lent++;
}

static void take_back(BufferPool *pool, IoBuffer *buffer)
{
        ASSERT(pool->n_lent > 0);
        pool->n_lent--;
        buffer_pool_put(pool, buffer);
}

void buffer_pool_return(BufferPool *pool, IoBuffer *buffer)
{
        if (pthread_equal(pthread_self(), pool->owner))
                take_back(pool, buffer);
        else if (stack_push(&pool->returned, &buffer->node))
                wake_up(pool->wake);
}

void buffer_pool_collect(BufferPool *pool, bool starving)
{
        StackNode *node;

        if (pool->n_lent == 0 && pool->bell_hung)
                return;
        node = stack_take(&pool->returned);
        while (node) {
                StackNode *next = node->next;

                if (node == &pool->bell)
                        pool->bell_hung = false;
                else
                        take_back(pool, CONTAINER_OF(node, IoBuffer, node));
                node = next;
        }
        if (!pool->bell_hung && !(starving && pool->n_free == 0)) {
                stack_push(&pool->returned, &pool->bell);
                pool->bell_hung = true;
        }
}
