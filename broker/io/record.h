/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_IO_RECORD_H
#define RINGBUS_IO_RECORD_H

/*
 * Record: a receive completion that waits for io_next(), in compact form. Received fds are not
 * copied: they stay in the control data, in the buffer or in the IntoRequest, until io_next() reads
 * them from there.
 *
 * RecordQueue: the records, oldest first, in a ring of a fixed size that can hold the most there
 * can be: one for each buffer and one `ended` for each slot. So nothing allocates on the way.
 *
 * Owner: the Io's thread.
 */

#include "broker/io/buffer.h"

/* One io_receive_into(): what the kernel reads and writes while it runs. */
typedef struct IntoRequest {
        struct IntoRequest *next; /* in the Io's list of spare ones */
        struct msghdr message;
        struct iovec vector;
        _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(IO_FDS_MAX * sizeof(int))];
} IntoRequest;

typedef struct Record {
        IoSocket *socket;
        IoBuffer *buffer;  /* holds the data, one reference; or NULL */
        IntoRequest *into; /* the io_receive_into() that ended; or NULL */
        size_t size;       /* of the payload */
        unsigned n_fds_max;
        int error;
        bool ended;
} Record;

typedef struct RecordQueue {
        Record *records;
        size_t capacity; /* a power of two */
        size_t head;     /* where the next is pushed; runs freely */
        size_t tail;     /* the oldest */
} RecordQueue;

/* Grows the queue to hold at least n records; 0 or -ENOMEM. */
int record_queue_reserve(RecordQueue *queue, size_t n);
void record_queue_deinit(RecordQueue *queue);

bool record_queue_is_empty(const RecordQueue *queue);
void record_queue_push(RecordQueue *queue, const Record *record);
bool record_queue_pop(RecordQueue *queue, Record *ret_record);

/* Takes out the oldest record of `socket`; false when there is none. */
bool record_queue_withdraw(RecordQueue *queue, const IoSocket *socket, Record *ret_record);

/* Fills in *ret_received: the buffer's reference and the fds are the receiver's from now on. */
void record_unpack(const Record *record, IoReceived *ret_received);

/* Closes the fds that lie in the control data of a buffer or of an IntoRequest (either may be
 * NULL). */
void record_close_fds(const IoBuffer *buffer, const IntoRequest *into);

#endif
