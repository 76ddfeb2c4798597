/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_IO_BACKEND_H
#define RINGBUS_IO_BACKEND_H

/*
 * What io.c and the two backends share. io.c keeps slots, records, buffers and the queue of sends;
 * a backend talks to the kernel and reports through the backend_*() functions below.
 *
 * Owner: the Io's thread.
 */

#include <pthread.h>

#include "broker/base/list.h"
#include "broker/io/buffer.h"
#include "broker/io/io.h"
#include "broker/io/record.h"
#include "broker/io/slot.h"

enum { BACKEND_CROWD = 4 }; /* buffers */

typedef struct IoMethods {
        int (*init)(Io *io);    /* 0 or -errno */
        void (*deinit)(Io *io); /* also after an init() that failed half way */
        /* The slot is ARMED and should end. */
        void (*stop)(Io *io, Slot *slot);
        /* The slot's socket is about to be removed; whether the kernel is done with the slot. */
        bool (*forget)(Io *io, Slot *slot);
        void (*submit)(Io *io);
        void (*wait)(Io *io, uint64_t timeout_ns, bool may_sleep);
        bool (*poll)(Io *io);
} IoMethods;

extern const IoMethods uring_methods;
extern const IoMethods epoll_methods;

struct Io {
        const IoMethods *methods;
        IoBackend backend;
        void *state; /* the backend's own */
        bool inside; /* in io_wait(), io_submit() or io_poll(): handlers must not come back in */
        Wake *wake;
        IoHandlers handlers;
        IoCounters counters;
        BufferPool buffers;
        SlotTable slots;
        RecordQueue records;
        List waiting;      /* Slots to arm or to cancel, oldest first */
        List stalled;      /* Slots for which there was no buffer, oldest first */
        IoSend *sends;     /* queued, oldest first */
        IoSend *sends_end; /* the newest; valid if there is one */
        uint64_t n_sent;   /* calls of on_sent() */
        IntoRequest *into_spare;
};

/* The oldest queued send, taken off the queue; NULL when there is none. */
IoSend *backend_take_send(Io *io);

/* Puts a send at the end of the queue (again). */
void backend_queue_send(Io *io, IoSend *send);

/* Tells the handler how a send ended; it may queue more. */
void backend_finish_send(Io *io, IoSend *send, ssize_t result);

/* Received: `size` > 0 bytes in `buffer`, which is lent. `ended`: nothing more will come. */
void backend_push_data(Io *io, Slot *slot, IoBuffer *buffer, size_t size, bool ended);

/* Nothing more will come until the next io_receive*(). An io_receive_into() ends with its size. */
void backend_push_end(Io *io, Slot *slot, size_t size, int error);

/* The peer of a slot's socket is gone: reports it, once. */
void backend_hang_up(Io *io, Slot *slot);

/* A slot goes (back) to the queue of those to arm, or to those that wait for a buffer. */
void backend_make_wait(Io *io, Slot *slot);
/* Whether the socket of a slot crowds others out: several buffers of it wait to be handed out. */
static inline bool backend_is_crowding(const Slot *slot)
{
        return slot->n_queued >= BACKEND_CROWD;
}

/* To be armed when io_next() has handed out all that it brought. */
void backend_make_rest(Io *io, Slot *slot);
void backend_make_stall(Io *io, Slot *slot);

/* Lets up to n slots that were stalled wait for being armed. */
void backend_resume_stalled(Io *io, unsigned n);

/* The kernel's last word on a removed slot. */
void backend_forget_slot(Io *io, Slot *slot);

#endif
