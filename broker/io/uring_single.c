/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receives from sockets that crowd others out; see uring.h.
 *
 * A multishot receive takes whatever comes, as long as there are buffers: a client that writes
 * faster than its messages are routed would fill all of them, everybody else's bytes would lie
 * behind its own, and as many of its fds as fit would be open at once. So a socket of which several
 * buffers wait to be handed out loses its multishot and is received from one buffer at a time, the
 * next one when io_next() has handed out the last: as much as everybody else has in a turn. These
 * receives do not wait (MSG_DONTWAIT), so they complete in the entry that submits them and no
 * buffer is held for an idle socket; one that finds nothing brings the multishot back.
 *
 * A socket that has brought fds never gets a multishot again: what comes while the worker is busy
 * would be received in one go when it looks, and all of its fds opened, more than this process may
 * have; others would lose theirs for it. So a poll comes before its next receive instead.
 */
#include "broker/io/uring.h"

#include <errno.h>
#include <poll.h>

static UringSingleArm arm_receive(Io *io, Slot *slot)
{
        Uring *uring = io->state;
        const size_t offset = buffer_payload_offset(slot->n_fds_max);
        IoBuffer *buffer = buffer_pool_take(&io->buffers);
        struct io_uring_sqe *sqe;
        UringSingle *single;

        if (!buffer)
                return URING_SINGLE_NO_BUFFER;
        sqe = uring_get_sqe(uring, uring_receive_name(slot, URING_TAG_SINGLE));
        if (!sqe) {
                buffer_pool_put(&io->buffers, buffer);
                return URING_SINGLE_NO_ROOM;
        }
        buffer_pool_lend(&io->buffers, buffer);
        single = &uring->singles[buffer->index];
        single->vector = (struct iovec){.iov_base = buffer->data + offset,
                                        .iov_len = io->buffers.stride - offset};
        single->message = (struct msghdr){
                .msg_iov = &single->vector,
                .msg_iovlen = 1,
                .msg_control = slot->n_fds_max ? buffer->data + sizeof(BufferHead) : NULL,
                .msg_controllen = buffer_control_size(slot->n_fds_max)};
        io_uring_prep_recvmsg(sqe, slot->socket->fd, &single->message,
                              MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        slot->single = buffer;
        slot->state = SLOT_ARMED;
        return URING_SINGLE_ARMED;
}

static UringSingleArm arm_poll(Io *io, Slot *slot)
{
        struct io_uring_sqe *sqe =
                uring_get_sqe(io->state, uring_receive_name(slot, URING_TAG_READY));

        if (!sqe)
                return URING_SINGLE_NO_ROOM;
        io_uring_prep_poll_add(sqe, slot->socket->fd, POLLIN);
        slot->polling = true;
        slot->state = SLOT_ARMED;
        return URING_SINGLE_ARMED;
}

UringSingleArm uring_single_arm(Io *io, Slot *slot)
{
        if (slot->careful && slot->dry)
                return arm_poll(io, slot);
        return arm_receive(io, slot);
}

/* What the kernel writes by itself in front of a multishot's data. */
static void write_head(const Uring *uring, IoBuffer *buffer, int size)
{
        const struct msghdr *message = &uring->singles[buffer->index].message;

        *(BufferHead *)(void *)buffer->data =
                (BufferHead){.control_size = (uint32_t)message->msg_controllen,
                             .payload_size = (uint32_t)size,
                             .flags = (uint32_t)message->msg_flags};
}

void uring_single_complete(Io *io, const struct io_uring_cqe *cqe)
{
        Slot *slot = uring_receive_slot(io, cqe->user_data);
        IoBuffer *buffer = slot->single;
        const int result = cqe->res;

        ASSERT(buffer);
        slot->single = NULL;
        slot->cancel = false;
        if (result > 0)
                write_head(io->state, buffer, result);
        if (!slot->socket) {
                uring_receive_drop(buffer, result > 0 ? (int)sizeof(BufferHead) : 0);
                slot->state = SLOT_IDLE;
                uring_receive_bury(io, slot);
                return;
        }
        if (result > 0) {
                slot->dry = (size_t)result <
                            ((Uring *)io->state)->singles[buffer->index].vector.iov_len;
                slot->careful |= ((const BufferHead *)(void *)buffer->data)->control_size > 0;
                backend_push_data(io, slot, buffer, (size_t)result, slot->socket->stopping);
                if (!slot->socket->stopping)
                        backend_make_rest(io, slot);
                return;
        }
        io_buffer_unref(buffer);
        if (result == -EAGAIN) {
                slot->crowding = false;
                slot->dry = true;
        }
        uring_receive_over(io, slot, result);
}

void uring_single_complete_ready(Io *io, const struct io_uring_cqe *cqe)
{
        Slot *slot = uring_receive_slot(io, cqe->user_data);

        ASSERT(slot->polling);
        slot->polling = false;
        slot->dry = false;
        slot->cancel = false;
        if (!slot->socket) {
                slot->state = SLOT_IDLE;
                uring_receive_bury(io, slot);
        } else if (slot->socket->stopping) {
                backend_push_end(io, slot, 0, 0);
        } else {
                backend_make_wait(io, slot);
        }
}
