/* SPDX-License-Identifier: Apache-2.0 */
/* Records and received fds; see record.h. */
#include "broker/io/record.h"

#include <errno.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"

int record_queue_reserve(RecordQueue *queue, size_t n)
{
        size_t size = queue->head - queue->tail;
        size_t capacity = queue->capacity ? queue->capacity : 64;
        Record *records;

        if (queue->capacity >= n)
                return 0;
        while (capacity < n)
                capacity *= 2;
        records = alloc_zeroed(capacity, sizeof(Record));
        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++)
                records[i] = queue->records[(queue->tail + i) & (queue->capacity - 1)];
        alloc_free(queue->records);
        queue->records = records;
        queue->capacity = capacity;
        queue->tail = 0;
        queue->head = size;
        return 0;
}

void record_queue_deinit(RecordQueue *queue)
{
        queue->records = alloc_free(queue->records);
        queue->capacity = queue->head = queue->tail = 0;
}

bool record_queue_is_empty(const RecordQueue *queue)
{
        return queue->head == queue->tail;
}

static Record *record_at(const RecordQueue *queue, size_t position)
{
        return &queue->records[position & (queue->capacity - 1)];
}

void record_queue_push(RecordQueue *queue, const Record *record)
{
        ASSERT(queue->head - queue->tail < queue->capacity);
        *record_at(queue, queue->head++) = *record;
}

bool record_queue_pop(RecordQueue *queue, Record *ret_record)
{
        if (queue->head == queue->tail)
                return false;
        *ret_record = *record_at(queue, queue->tail++);
        return true;
}

bool record_queue_withdraw(RecordQueue *queue, const IoSocket *socket, Record *ret_record)
{
        size_t position = queue->tail;

        while (position != queue->head && record_at(queue, position)->socket != socket)
                position++;
        if (position == queue->head)
                return false;
        *ret_record = *record_at(queue, position);
        for (; position + 1 != queue->head; position++)
                *record_at(queue, position) = *record_at(queue, position + 1);
        queue->head--;
        return true;
}

/* The control data of a completion, as a msghdr for the CMSG macros. */
static struct msghdr control_of(const IoBuffer *buffer, const IntoRequest *into)
{
        struct msghdr message = {.msg_control = NULL};

        if (into) {
                message.msg_flags = into->message.msg_flags;
                if (into->message.msg_controllen > 0) {
                        message.msg_control = into->message.msg_control;
                        message.msg_controllen = into->message.msg_controllen;
                }
        } else if (buffer) {
                const BufferHead *head = (const BufferHead *)(void *)buffer->data;

                message.msg_flags = (int)head->flags;
                if (head->control_size > 0) {
                        message.msg_control = buffer->data + sizeof(BufferHead);
                        message.msg_controllen = head->control_size;
                }
        }
        return message;
}

/*
 * Copies the fds out, at most n_max; the others are closed. Other kinds of control data are skipped
 * (some kernels append an SCM_INQ that nobody asked for). Returns how many; *ret_lost: some were
 * closed, here or by the kernel.
 */
static unsigned take_fds(struct msghdr *message, int *fds, unsigned n_max, bool *ret_lost)
{
        bool lost = (message->msg_flags & MSG_CTRUNC) != 0;
        struct cmsghdr *control;
        unsigned n = 0;

        for (control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
                size_t n_here;

                if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
                        continue;
                n_here = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n_here; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
                        if (n < n_max) {
                                fds[n++] = fd;
                        } else {
                                close(fd);
                                lost = true;
                        }
                }
        }
        *ret_lost = lost;
        return n;
}

void record_unpack(const Record *record, IoReceived *ret_received)
{
        ret_received->socket = record->socket;
        ret_received->buffer = record->buffer;
        ret_received->data = NULL;
        ret_received->size = record->size;
        ret_received->n_fds = 0;
        ret_received->fds_lost = false;
        ret_received->into = record->into != NULL;
        ret_received->ended = record->ended;
        ret_received->error = record->error;
        if (record->into)
                ret_received->data = record->into->vector.iov_base;
        else if (record->buffer)
                ret_received->data =
                        record->buffer->data + buffer_payload_offset(record->n_fds_max);
        if (record->size > 0) {
                struct msghdr control = control_of(record->buffer, record->into);

                ret_received->n_fds = take_fds(&control, ret_received->fds, record->n_fds_max,
                                               &ret_received->fds_lost);
        }
}

void record_close_fds(const IoBuffer *buffer, const IntoRequest *into)
{
        struct msghdr control = control_of(buffer, into);
        bool lost;

        take_fds(&control, NULL, 0, &lost);
}
