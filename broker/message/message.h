/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_MESSAGE_MESSAGE_H
#define RINGBUS_MESSAGE_MESSAGE_H

/*
 * Message: what is queued at receivers: immutable, counted, its bytes on their way out: the
 * rewritten header in the message's own block, the body there too when it is small, else by
 * reference to where it was received.
 */

#include <sys/uio.h>

#include "broker/message/incoming.h"
#include "broker/sync/commit.h"
#include "broker/sync/mailbox.h"

enum {
        /* Bodies up to this are copied into the message: cheaper than one more iovec, and nothing
         * is pinned (docs/decisions/0002). */
        MESSAGE_COPY_MAX = 4096,
        MESSAGE_IOVECS = 2, /* header, body */
};

typedef struct Message Message;

/* A message's place in one mailbox. */
typedef struct Delivery {
        MailNode node;
        Message *message;
        bool captured; /* for somebody who watches: does not hold the sender up */
} Delivery;

typedef struct DeliveryChunk DeliveryChunk;

/*
 * Owner: atomic reference count; immutable after the first push.
 *
 * What every flusher reads comes first, what is written while they read last: with two workers that
 * flush the same broadcast, a count on the line of the size would cost each of them a miss.
 */
struct Message {
        Commit commit;       /* for the messages whose `step` is this one */
        uint32_t size;       /* on the wire */
        Message *step;       /* commit word to wait for: itself, another (referenced), or NULL */
        uint8_t *bytes;      /* inside the block: header, perhaps body */
        const uint8_t *body; /* NULL: everything is in `bytes` */
        uint32_t bytes_size;
        uint32_t body_size; /* of `body` */
        int *fds;           /* owned */
        uint32_t n_fds;
        uint32_t n_deliveries; /* in the block */
        IoBuffer *buffer;      /* referenced: where body lies, or NULL */
        bool captured;         /* message_begin_capture() */
        RefCount references;
        RefCount receivers; /* of a captured one: that still hold its sender up */
        uint32_t n_used;
        Switch forgiven;  /* its size counts against nobody any more */
        Account *account; /* referenced; NULL: the bus's own message */
        Blob *blob;       /* referenced: where body lies, if not in `buffer` */
        size_t block_size;
        DeliveryChunk *chunks; /* further deliveries */
        Delivery deliveries[] __attribute__((aligned(MAILBOX_NODE_ALIGNMENT)));
};

/* A delivery's cost to a receiver's queue, in bytes. */
static inline uint64_t message_charge(const Message *message)
{
        return (uint64_t)message->size + sizeof(Delivery);
}

/*
 * A relayed message: SENDER stamped, unknown fields stripped, `n_deliveries` places at hand. With
 * `own` its bytes are its own; otherwise a large body refers to where it was received. Takes the
 * incoming fds over and charges the account. One reference, the caller's; NULL: out of memory.
 */
Message *message_new_relay(Pool *pool, Incoming *incoming, Text sender, unsigned n_deliveries,
                           bool own);

/* Before any push succeeded: the fds go back to where they came from. */
void message_give_back_fds(Message *message, Incoming *incoming);

/* A message of the bus's own, `size` bytes of which the caller writes to message->bytes. */
Message *message_new_own(Pool *pool, uint32_t size, unsigned n_deliveries);

/* A fresh place in one more mailbox, to be pushed with one of the caller's references; NULL: out of
 * memory. Only the pusher. */
Delivery *message_add_delivery(Pool *pool, Message *message);

/* Gives a place back that was not pushed (the latest one). */
void message_undo_delivery(Message *message, Delivery *delivery);

/* Before any push: its commit word is `step`'s (referenced, or the message itself). */
void message_join_step(Message *message, Message *step);

/* Whether it may be sent. */
static inline bool message_is_committed(const Message *message)
{
        return !message->step || commit_is_set(&message->step->commit);
}

/* Any duty holder of a receiver: it no longer counts against its sender. Inside a read-side
 * section.
 */
void message_forgive(Message *message);

/*
 * Before any push: some that it is pushed to only watch, and must not hold its sender up, however
 * slowly they read. It counts against him until `n_receivers` others have dropped it. Sender's home
 * worker, which makes this safe inside the turn: it resumes nobody while it handles his message.
 */
void message_begin_capture(Message *message, uint32_t n_receivers);

/* So many of those have dropped a captured one, or never got it. Inside a read-side section. */
void message_drop_receivers(Message *message, uint32_t n);

/* Whoever takes a delivery out of a queue for good, before the reference is dropped. */
static inline void message_end_delivery(const Delivery *delivery)
{
        if (delivery->message->captured && !delivery->captured)
                message_drop_receivers(delivery->message, 1);
}

/* Drops n references. Inside a read-side section (the account may resume its sender). */
void message_unref(Pool *mine, Message *message, uint32_t n);

/* Takes n more references, one for each push; and gives back those that no push used: never the
 * last one. */
void message_ref(Message *message, uint32_t n);
void message_give_back_refs(Message *message, uint32_t n);

/*
 * The duty holder of the only receiver: a body that pins a receive buffer is copied out when it is
 * small against the buffer. True if nothing is pinned any more.
 */
bool message_release_buffer(Pool *pool, Message *message);

/* Fills at most MESSAGE_IOVECS vectors from byte `offset` on; returns how many. */
unsigned message_fill_iovecs(const Message *message, size_t offset, struct iovec *iovecs);

#endif
