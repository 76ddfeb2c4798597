/* SPDX-License-Identifier: Apache-2.0 */
/* Io: what both backends share; see io.h and backend.h. */
#include "broker/io/io.h"

#include <errno.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/io/backend.h"

enum {
        N_BUFFERS_DEFAULT = 256,
        N_BUFFERS_MAX = 1 << 15, /* what a kernel buffer ring can hold */
};

/* Records: one for each buffer, one `ended` for each slot. */
static int reserve_records(Io *io)
{
        return record_queue_reserve(&io->records,
                                    io->buffers.n_total + slot_table_size(&io->slots));
}

int io_new(const IoOptions *options, Io **ret_io)
{
        unsigned n_buffers = options->n_buffers ? options->n_buffers : N_BUFFERS_DEFAULT;
        Io *io;
        int r;

        ASSERT(options->wake && options->handlers.on_sent && n_buffers <= N_BUFFERS_MAX);
        io = alloc_zeroed(1, sizeof(*io));
        if (!io)
                return -ENOMEM;
        io->backend = options->backend;
        io->methods = options->backend == IO_BACKEND_URING ? &uring_methods : &epoll_methods;
        io->wake = options->wake;
        io->handlers = options->handlers;
        list_init(&io->waiting);
        list_init(&io->stalled);
        slot_table_init(&io->slots);
        r = buffer_pool_init(&io->buffers, io, n_buffers, io->wake);
        if (r == 0)
                r = reserve_records(io);
        if (r == 0)
                r = io->methods->init(io);
        if (r < 0) {
                io_free(io);
                return r;
        }
        *ret_io = io;
        return 0;
}

static void release_into(Io *io, IntoRequest *into)
{
        into->next = io->into_spare;
        io->into_spare = into;
}

/* A record that nobody will see: its buffer and its fds are given back. */
static void drop_record(Io *io, const Record *record)
{
        if (record->size > 0)
                record_close_fds(record->buffer, record->into);
        if (record->buffer)
                io_buffer_unref(record->buffer);
        if (record->into)
                release_into(io, record->into);
}

Io *io_free(Io *io)
{
        Record record;

        if (!io)
                return NULL;
        ASSERT(!io->inside && !io->sends);
        io->methods->deinit(io);
        while (record_queue_pop(&io->records, &record))
                drop_record(io, &record);
        buffer_pool_collect(&io->buffers, false);
        buffer_pool_deinit(&io->buffers);
        record_queue_deinit(&io->records);
        slot_table_deinit(&io->slots);
        while (io->into_spare) {
                IntoRequest *into = io->into_spare;

                io->into_spare = into->next;
                alloc_free(into);
        }
        return alloc_free(io);
}

IoBackend io_backend(const Io *io)
{
        return io->backend;
}

const IoCounters *io_counters(const Io *io)
{
        return &io->counters;
}

int io_add(Io *io, IoSocket *socket)
{
        Slot *slot;
        int r;

        ASSERT(!socket->added && socket->n_fds_max <= IO_FDS_MAX);
        r = slot_table_reserve(&io->slots);
        if (r == 0)
                r = reserve_records(io);
        if (r < 0)
                return r;
        slot = slot_take(&io->slots, socket);
        socket->slot = slot->index;
        socket->generation = slot->generation;
        socket->added = true;
        socket->receiving = false;
        socket->stopping = false;
        return 0;
}

void io_remove(Io *io, IoSocket *socket)
{
        Slot *slot = slot_get(&io->slots, socket);
        Record record;
        bool done;

        /* The memory of a receive that runs is the caller's and would be gone. */
        ASSERT(!slot->into);
        while (record_queue_withdraw(&io->records, socket, &record))
                drop_record(io, &record);
        if (slot->state != SLOT_ARMED) {
                list_remove(&slot->node);
                slot->state = SLOT_IDLE;
        }
        done = io->methods->forget(io, slot);
        slot->socket = NULL;
        if (done)
                slot_release(&io->slots, slot);
        socket->added = false;
        socket->receiving = false;
        socket->stopping = false;
}

void io_receive(Io *io, IoSocket *socket)
{
        Slot *slot = slot_get(&io->slots, socket);

        ASSERT(!socket->receiving && slot->state == SLOT_IDLE);
        socket->receiving = true;
        slot->n_fds_max = socket->with_fds ? socket->n_fds_max : 0;
        backend_make_wait(io, slot);
}

void io_receive_into(Io *io, IoSocket *socket, uint8_t *data, size_t size)
{
        Slot *slot = slot_get(&io->slots, socket);
        IntoRequest *into = io->into_spare;

        ASSERT(!socket->receiving && slot->state == SLOT_IDLE && size > 0);
        socket->receiving = true;
        slot->n_fds_max = socket->with_fds ? socket->n_fds_max : 0;
        if (into)
                io->into_spare = into->next;
        else
                into = alloc_bytes(sizeof(*into));
        if (!into) {
                backend_push_end(io, slot, 0, -ENOMEM);
                return;
        }
        into->vector = (struct iovec){.iov_base = data, .iov_len = size};
        into->message = (struct msghdr){
                .msg_iov = &into->vector,
                .msg_iovlen = 1,
                .msg_control = slot->n_fds_max ? into->control : NULL,
                .msg_controllen = buffer_control_size(slot->n_fds_max),
        };
        slot->into = into;
        backend_make_wait(io, slot);
}

void io_stop(Io *io, IoSocket *socket)
{
        Slot *slot = slot_get(&io->slots, socket);

        ASSERT(socket->receiving);
        if (socket->stopping)
                return;
        socket->stopping = true;
        switch (slot->state) {
        case SLOT_IDLE: /* the `ended` record is under way */
                break;
        case SLOT_WAITING:
        case SLOT_STALLED:
        case SLOT_RESTING:
                list_remove(&slot->node);
                backend_push_end(io, slot, 0, 0);
                break;
        case SLOT_ARMED:
                io->methods->stop(io, slot);
                break;
        }
}

void io_send(Io *io, IoSend *send)
{
        ASSERT(!send->queued && send->message.msg_iovlen <= IO_IOVECS_MAX);
        send->queued = true;
        send->slot = 0;
        send->done = 0;
        io->counters.sends++;
        backend_queue_send(io, send);
}

void io_submit(Io *io)
{
        ASSERT(!io->inside);
        io->inside = true;
        io->methods->submit(io);
        io->inside = false;
}

bool io_wait(Io *io, uint64_t timeout_ns, bool may_sleep)
{
        ASSERT(!io->inside);
        io->inside = true;
        io->methods->wait(io, timeout_ns, may_sleep && timeout_ns > 0);
        io->inside = false;
        return !record_queue_is_empty(&io->records);
}

bool io_poll(Io *io)
{
        bool ready;

        ASSERT(!io->inside);
        if (!record_queue_is_empty(&io->records) || io->sends || !list_is_empty(&io->waiting))
                return true;
        io->inside = true;
        ready = io->methods->poll(io);
        io->inside = false;
        return ready;
}

static void count_handed_out(Io *io, const IoSocket *socket)
{
        Slot *slot = slot_get(&io->slots, socket);

        slot->n_queued--;
        if (slot->state == SLOT_RESTING && slot->n_queued == 0)
                backend_make_wait(io, slot);
}

bool io_next(Io *io, IoReceived *ret_received)
{
        Record record;

        if (!record_queue_pop(&io->records, &record))
                return false;
        record_unpack(&record, ret_received);
        if (record.buffer)
                count_handed_out(io, record.socket);
        if (record.into)
                release_into(io, record.into);
        if (record.ended) {
                record.socket->receiving = false;
                record.socket->stopping = false;
        }
        return true;
}

unsigned io_buffers_free(const Io *io)
{
        return io->buffers.n_total - io->buffers.n_lent;
}

unsigned io_buffers_total(const Io *io)
{
        return io->buffers.n_total;
}

void io_buffer_ref(IoBuffer *buffer)
{
        refcount_add(&buffer->references, 1);
}

void io_buffer_unref(IoBuffer *buffer)
{
        if (refcount_drop(&buffer->references, 1))
                buffer_pool_return(&buffer->io->buffers, buffer);
}
