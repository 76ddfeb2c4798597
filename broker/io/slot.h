/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_IO_SLOT_H
#define RINGBUS_IO_SLOT_H

/*
 * Slot: what an Io keeps for each socket that was added. Requests in the kernel are named by slot
 * and generation, never by fd or pointer: a completion that comes after io_remove() finds a slot
 * without a socket, or one of another generation.
 *
 * Owner: the Io's thread.
 *
 *      IDLE ──io_receive()──▶ WAITING ──submit──▶ ARMED ──completion──▶ IDLE (the `ended` record)
 *                               ▲                   │ no buffers
 *                               └─buffers came back─┴─▶ STALLED
 *
 * A socket that brings more than its share is RESTING until io_next() has handed out all that it
 * brought, then WAITING again.
 *
 * io_stop() leads from WAITING, RESTING and STALLED straight to IDLE, from ARMED through a
 * cancellation. A slot whose socket is removed while the kernel has requests for it keeps its
 * place, without a socket, until they have ended.
 */

#include "broker/base/list.h"
#include "broker/io/record.h"

typedef enum SlotState {
        SLOT_IDLE,    /* nothing is wanted, or the `ended` record waits for io_next() */
        SLOT_WAITING, /* to be armed at the next submit; on the Io's list `waiting` */
        SLOT_STALLED, /* there was no buffer; on the Io's list `stalled` */
        SLOT_RESTING, /* what it brought is to be handed out first */
        SLOT_ARMED,   /* the kernel watches; on `waiting` if it has to be cancelled */
} SlotState;

typedef struct Slot {
        ListNode node;     /* in `waiting` or `stalled`; free: in SlotTable.free */
        IoSocket *socket;  /* borrowed; NULL: free, or removed while the kernel is busy */
        IntoRequest *into; /* the io_receive_into() that runs; else NULL */
        SlotState state;
        uint32_t index;
        uint32_t generation; /* raised whenever the slot becomes free */
        unsigned n_fds_max;  /* room for fds in the request that is armed */
        bool cancel;         /* a cancellation is wanted and not yet given to the kernel */
        bool watched;        /* epoll: in the epoll set; io_uring: a poll for hang-ups runs */
        unsigned n_queued;   /* records with data that io_next() has not handed out */
        bool crowding;       /* io_uring: brings more than its share: one receive at a time */
        bool careful;     /* io_uring: it has brought fds: never more than one receive at a time */
        bool dry;         /* io_uring, careful: there was nothing to receive: poll first */
        bool polling;     /* io_uring: armed is that poll */
        IoBuffer *single; /* io_uring: of a single receive, while it is armed */
        bool quiet;       /* epoll: in the set for the end of the stream only */
        bool hung_up;     /* the end of the stream was seen and reported */
} Slot;

typedef struct SlotTable {
        Slot **chunks; /* of SLOT_CHUNK each: slots never move */
        unsigned n_chunks;
        unsigned n_used;
        List free;
} SlotTable;

enum {
        SLOT_CHUNK = 128,
        SLOT_MAX = 1 << 20,
};

void slot_table_init(SlotTable *table);
void slot_table_deinit(SlotTable *table);

/* Makes room for one more slot; 0, -ENOMEM or -ENOSPC. */
int slot_table_reserve(SlotTable *table);

/* How many slots there are, used and free. */
unsigned slot_table_size(const SlotTable *table);

/* After slot_table_reserve(): takes a free slot for `socket`. */
Slot *slot_take(SlotTable *table, IoSocket *socket);

/* The kernel knows nothing of the slot any more. */
void slot_release(SlotTable *table, Slot *slot);

/* The slot that a completion names; NULL if it has another tenant by now. */
Slot *slot_find(const SlotTable *table, uint32_t index, uint32_t generation);

/* The slot of an added socket. */
Slot *slot_get(const SlotTable *table, const IoSocket *socket);

#endif
