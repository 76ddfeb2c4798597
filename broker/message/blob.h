/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_MESSAGE_BLOB_H
#define RINGBUS_MESSAGE_BLOB_H

/*
 * Blob: counted memory for the bytes of one message that did not lie whole in a receive buffer, or
 * that was copied out of one.
 * Owner: atomic reference count; the bytes are immutable once a Message refers to them.
 */

#include "broker/sync/pool.h"
#include "broker/sync/refcount.h"

typedef struct Blob {
        RefCount references;
        size_t size;
        uint8_t data[] __attribute__((aligned(16)));
} Blob;

static inline Blob *blob_new(Pool *pool, size_t size)
{
        Blob *blob = pool_alloc(pool, sizeof(Blob) + size);

        if (!blob)
                return NULL;
        refcount_init(&blob->references, 1);
        blob->size = size;
        return blob;
}

static inline void blob_unref(Pool *mine, Blob *blob)
{
        if (blob && refcount_drop(&blob->references, 1))
                pool_free(mine, blob, sizeof(Blob) + blob->size);
}

#endif
