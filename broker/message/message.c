/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/message/message.h"

#include <string.h>
#include <unistd.h>

#include "broker/base/trace.h"
#include "proto/stamp.h"

enum { CHUNK_DELIVERIES = 255 }; /* a chunk just fits 4 KiB */

struct DeliveryChunk {
        DeliveryChunk *next;
        uint32_t n_used;
        Delivery deliveries[CHUNK_DELIVERIES] __attribute__((aligned(MAILBOX_NODE_ALIGNMENT)));
};

static Message *message_new_block(Pool *pool, size_t bytes_size, unsigned n_deliveries)
{
        size_t head = sizeof(Message) + n_deliveries * sizeof(Delivery);
        Message *message = pool_alloc(pool, head + bytes_size);

        if (!message)
                return NULL;
        memset(message, 0, sizeof(*message));
        refcount_init(&message->references, 1);
        message->bytes = (uint8_t *)message + head;
        message->bytes_size = (uint32_t)bytes_size;
        message->block_size = head + bytes_size;
        message->n_deliveries = n_deliveries;
        return message;
}

Message *message_new_own(Pool *pool, uint32_t size, unsigned n_deliveries)
{
        Message *message = message_new_block(pool, size, n_deliveries);

        if (message)
                message->size = size;
        return message;
}

Message *message_new_relay(Pool *pool, Incoming *incoming, Text sender, unsigned n_deliveries,
                           bool own)
{
        const Header *header = &incoming->header;
        const uint32_t header_size = stamp_size(incoming->data, header, sender);
        const uint32_t body_size = header->frame.body_size;
        /* Bytes that nobody counts references to, such as the gate's, are copied in any case. */
        const bool inside =
                own || body_size <= MESSAGE_COPY_MAX || (!incoming->buffer && !incoming->blob);
        Message *message = message_new_block(
                pool, inside ? (size_t)header_size + body_size : header_size, n_deliveries);

        TRACE_HOP();
        if (!message)
                return NULL;
        stamp_write(incoming->data, header, sender, message->bytes);
        message->size = header_size + body_size;
        if (inside) {
                memcpy(message->bytes + header_size, incoming_body(incoming), body_size);
        } else {
                message->body = incoming_body(incoming);
                message->body_size = body_size;
                message->buffer = incoming->buffer;
                message->blob = incoming->blob;
                if (message->buffer)
                        io_buffer_ref(message->buffer);
                if (message->blob)
                        refcount_add(&message->blob->references, 1);
        }
        message->fds = incoming->fds;
        message->n_fds = incoming->fds ? header->n_unix_fds : 0;
        incoming->fds = NULL;
        message->account = incoming->account;
        refcount_add(&incoming->account->references, 1);
        account_charge(message->account, message->size, message->n_fds);
        return message;
}

void message_give_back_fds(Message *message, Incoming *incoming)
{
        ASSERT(refcount_is_single(&message->references) && !incoming->fds);
        incoming->fds = message->fds;
        if (message->n_fds > 0)
                account_discharge(message->account, 0, message->n_fds);
        message->fds = NULL;
        message->n_fds = 0;
}

/* The next free place, from the block, the newest chunk or a new chunk. */
static Delivery *message_find_place(Pool *pool, Message *message)
{
        DeliveryChunk *chunk = message->chunks;

        if (message->n_used < message->n_deliveries)
                return &message->deliveries[message->n_used++];
        if (!chunk || chunk->n_used == CHUNK_DELIVERIES) {
                chunk = pool_alloc(pool, sizeof(*chunk));
                if (!chunk)
                        return NULL;
                chunk->next = message->chunks;
                chunk->n_used = 0;
                message->chunks = chunk;
        }
        return &chunk->deliveries[chunk->n_used++];
}

Delivery *message_add_delivery(Pool *pool, Message *message)
{
        Delivery *delivery = message_find_place(pool, message);

        if (!delivery)
                return NULL;
        delivery->message = message;
        delivery->captured = false;
        return delivery;
}

void message_undo_delivery(Message *message, Delivery *delivery)
{
        if (message->n_used > 0 && delivery == &message->deliveries[message->n_used - 1])
                message->n_used--;
        /* A place in a chunk stays unused: it dies with the message. */
}

void message_join_step(Message *message, Message *step)
{
        ASSERT(!message->step);
        message->step = step;
        if (step != message)
                refcount_add(&step->references, 1);
}

static void message_free(Pool *mine, Message *message)
{
        while (message->chunks) {
                DeliveryChunk *chunk = message->chunks;

                message->chunks = chunk->next;
                pool_free(mine, chunk, sizeof(*chunk));
        }
        if (message->n_fds > 0) {
                for (uint32_t i = 0; i < message->n_fds; i++)
                        close(message->fds[i]);
        }
        if (message->fds)
                pool_free(mine, message->fds, message->n_fds * sizeof(int));
        if (message->account) {
                if (!switch_is_on(&message->forgiven))
                        account_discharge(message->account, message->size, message->n_fds);
                account_unref(mine, message->account);
        }
        if (message->buffer)
                io_buffer_unref(message->buffer);
        blob_unref(mine, message->blob);
        if (message->step && message->step != message)
                message_unref(mine, message->step, 1);
        pool_free(mine, message, message->block_size);
}

void message_forgive(Message *message)
{
        if (message->account && switch_claim(&message->forgiven))
                account_discharge(message->account, message->size, message->n_fds);
}

void message_begin_capture(Message *message, uint32_t n_receivers)
{
        ASSERT(!message->captured);
        message->captured = true;
        refcount_init(&message->receivers, n_receivers);
        if (n_receivers == 0)
                message_forgive(message);
}

void message_drop_receivers(Message *message, uint32_t n)
{
        if (refcount_drop(&message->receivers, n))
                message_forgive(message);
}

void message_ref(Message *message, uint32_t n)
{
        refcount_add(&message->references, n);
}

void message_give_back_refs(Message *message, uint32_t n)
{
        bool last = refcount_drop(&message->references, n);

        ASSERT(!last);
}

void message_unref(Pool *mine, Message *message, uint32_t n)
{
        if (refcount_drop(&message->references, n))
                message_free(mine, message);
}

bool message_release_buffer(Pool *pool, Message *message)
{
        Blob *blob;

        if (!message->buffer)
                return true;
        if (!refcount_is_single(&message->references))
                return false;
        blob = blob_new(pool, message->body_size);
        if (!blob)
                return false;
        memcpy(blob->data, message->body, message->body_size);
        message->body = blob->data;
        message->blob = blob;
        io_buffer_unref(message->buffer);
        message->buffer = NULL;
        return true;
}

unsigned message_fill_iovecs(const Message *message, size_t offset, struct iovec *iovecs)
{
        unsigned n = 0;

        if (offset < message->bytes_size) {
                iovecs[n].iov_base = message->bytes + offset;
                iovecs[n++].iov_len = message->bytes_size - offset;
                offset = 0;
        } else {
                offset -= message->bytes_size;
        }
        if (message->body && offset < message->body_size) {
                /* The kernel only reads it. */
                iovecs[n].iov_base = (void *)(uintptr_t)(message->body + offset);
                iovecs[n++].iov_len = message->body_size - offset;
        }
        return n;
}
