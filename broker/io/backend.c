/* SPDX-License-Identifier: Apache-2.0 */
/* What a backend reports to its Io; see backend.h. */
#include "broker/io/backend.h"

#include "broker/base/assert.h"

IoSend *backend_take_send(Io *io)
{
        IoSend *send = io->sends;

        if (send)
                io->sends = send->next;
        return send;
}

void backend_queue_send(Io *io, IoSend *send)
{
        send->next = NULL;
        if (io->sends)
                io->sends_end->next = send;
        else
                io->sends = send;
        io->sends_end = send;
}

void backend_finish_send(Io *io, IoSend *send, ssize_t result)
{
        send->queued = false;
        io->n_sent++;
        io->handlers.on_sent(io->handlers.context, send, result);
}

void backend_push_data(Io *io, Slot *slot, IoBuffer *buffer, size_t size, bool ended)
{
        record_queue_push(&io->records, &(Record){
                                                .socket = slot->socket,
                                                .buffer = buffer,
                                                .size = size,
                                                .n_fds_max = slot->n_fds_max,
                                                .ended = ended,
                                        });
        io->counters.receives++;
        slot->n_queued++;
        if (ended)
                slot->state = SLOT_IDLE;
}

void backend_push_end(Io *io, Slot *slot, size_t size, int error)
{
        slot->state = SLOT_IDLE;
        record_queue_push(&io->records, &(Record){
                                                .socket = slot->socket,
                                                .into = slot->into,
                                                .size = size,
                                                .n_fds_max = slot->n_fds_max,
                                                .error = error,
                                                .ended = true,
                                        });
        slot->into = NULL;
        if (size > 0)
                io->counters.receives++;
}

void backend_hang_up(Io *io, Slot *slot)
{
        if (slot->hung_up)
                return;
        slot->hung_up = true;
        if (io->handlers.on_hung_up)
                io->handlers.on_hung_up(io->handlers.context, slot->socket);
}

void backend_make_wait(Io *io, Slot *slot)
{
        slot->state = SLOT_WAITING;
        list_remove(&slot->node);
        list_push_back(&io->waiting, &slot->node);
}

void backend_make_rest(Io *io, Slot *slot)
{
        if (slot->n_queued == 0) {
                backend_make_wait(io, slot);
                return;
        }
        slot->state = SLOT_RESTING;
        list_remove(&slot->node);
}

void backend_make_stall(Io *io, Slot *slot)
{
        io->counters.buffer_stalls++;
        slot->state = SLOT_STALLED;
        list_remove(&slot->node);
        list_push_back(&io->stalled, &slot->node);
}

void backend_resume_stalled(Io *io, unsigned n)
{
        ListNode *node;

        while (n-- > 0 && (node = list_first(&io->stalled)))
                backend_make_wait(io, CONTAINER_OF(node, Slot, node));
}

void backend_forget_slot(Io *io, Slot *slot)
{
        ASSERT(!slot->socket);
        slot_release(&io->slots, slot);
}
