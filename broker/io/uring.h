/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_IO_URING_H
#define RINGBUS_IO_URING_H

/*
 * Uring: the io_uring backend's state.
 *
 * Owner: the Io's thread (the kernel insists: IORING_SETUP_SINGLE_ISSUER).
 *
 * uring.c turns the ring (submit, wait, reap), uring_receive.c knows receives and buffers,
 * uring_single.c receives from sockets that crowd others out, uring_ring.c sets rings up, for the
 * probe too.
 */

#include "broker/io/backend.h"
#include "broker/io/uring_compat.h"

enum {
        URING_SQ_ENTRIES = 256,
        URING_CQ_ENTRIES = 4096,
        URING_BUFFER_GROUP = 0,
};

/* The low bits of user_data: what completed. */
typedef enum UringTag {
        URING_TAG_RECEIVE, /* multishot; slot and generation above */
        URING_TAG_INTO,    /* one io_receive_into(); slot and generation above */
        URING_TAG_SEND,    /* the rest is the IoSend's address */
        URING_TAG_HANGUP,  /* poll for the end of the stream; slot and generation above */
        URING_TAG_WAKE,    /* multishot poll on the wake's eventfd */
        URING_TAG_SINGLE,  /* one receive of a crowding socket; slot and generation above */
        URING_TAG_READY,   /* poll before such a receive; slot and generation above */
        URING_TAG_CANCEL,  /* a cancellation; says nothing by itself */
} UringTag;

#define URING_TAG_MASK UINT64_C(7)

/* A receive of one buffer, as the kernel takes it; there is one for each buffer. */
typedef struct UringSingle {
        struct msghdr message;
        struct iovec vector;
} UringSingle;

enum { URING_OFFERED_MIN = 8 };

typedef struct Uring {
        struct io_uring ring;
        bool ring_made;
        struct io_uring_buf_ring *buffer_ring; /* the kernel's queue of free buffers */
        size_t buffer_ring_size;
        unsigned buffer_ring_entries;
        unsigned n_offered;      /* buffers in the kernel's queue, as far as completions told */
        unsigned n_offered_goal; /* few, so that hot ones are reused; doubled when they ran out */
        unsigned n_offered_most; /* that were taken between two offers, and in how many: */
        unsigned n_offers;
        unsigned n_tries;   /* IO_SEND_TRY in the SQ or in the CQ */
        unsigned n_pending; /* requests whose last completion is to come */
        bool wake_armed;
        /* Read again by some kernels whenever a multishot receive goes on: one for each room for
         * fds, and they live as long as the ring. */
        struct msghdr headers[IO_FDS_MAX + 1];
        UringSingle *singles; /* by the buffer's index */
} Uring;

/* Sets a ring up with the flags and sizes we use; 0 or -errno. */
int uring_ring_init(struct io_uring *ring);

/* Registers an empty ring of `n_entries` (a power of two) buffers; 0 or -errno. */
int uring_ring_add_buffers(Uring *uring, unsigned n_entries);
void uring_ring_remove_buffers(Uring *uring);

/* A request to fill in; NULL while the submission queue is full. */
struct io_uring_sqe *uring_get_sqe(Uring *uring, uint64_t user_data);

/* Gives the kernel buffers up to the goal and re-arms what waited for them. */
void uring_receive_replenish(Io *io);

/* Arms and cancels what waits for it, as far as requests fit; whether some did not. */
bool uring_receive_fill(Io *io);

/* A completion of URING_TAG_RECEIVE or URING_TAG_INTO. */
void uring_receive_complete(Io *io, const struct io_uring_cqe *cqe);
void uring_receive_complete_into(Io *io, const struct io_uring_cqe *cqe);

/* A completion of URING_TAG_HANGUP. */
void uring_receive_complete_hangup(Io *io, const struct io_uring_cqe *cqe);

/* What uring_receive.c and uring_single.c share: names of requests, and what becomes of them. */
uint64_t uring_receive_name(const Slot *slot, UringTag tag);
Slot *uring_receive_slot(Io *io, uint64_t user_data);  /* NULL: it has another tenant */
void uring_receive_drop(IoBuffer *buffer, int result); /* nobody's data: back with it */
void uring_receive_bury(Io *io, Slot *slot); /* a request of a slot without a socket has ended */
void uring_receive_over(Io *io, Slot *slot, int result);

/* Whether a slot is received from once at a time. */
static inline bool uring_single_is_due(const Slot *slot)
{
        return (slot->crowding || slot->careful) && !slot->into;
}

/* Arms one receive that does not wait, or a poll before it. URING_SINGLE_NO_BUFFER: none is free,
 * go on as usual. */
typedef enum UringSingleArm {
        URING_SINGLE_ARMED,
        URING_SINGLE_NO_BUFFER,
        URING_SINGLE_NO_ROOM, /* in the submission queue */
} UringSingleArm;
UringSingleArm uring_single_arm(Io *io, Slot *slot);

/* A completion of URING_TAG_SINGLE, or URING_TAG_READY. */
void uring_single_complete(Io *io, const struct io_uring_cqe *cqe);
void uring_single_complete_ready(Io *io, const struct io_uring_cqe *cqe);

/* The methods stop() and forget(). */
void uring_receive_stop(Io *io, Slot *slot);
bool uring_receive_forget(Io *io, Slot *slot);

#endif
