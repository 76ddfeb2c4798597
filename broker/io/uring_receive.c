/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receives of the io_uring backend: one multishot recvmsg for each socket, which takes buffers from
 * the ring of provided buffers and ends with whatever went wrong; see uring.h.
 */
#include "broker/io/uring.h"

#include <errno.h>
#include <poll.h>

_Static_assert(sizeof(BufferHead) == sizeof(struct io_uring_recvmsg_out) &&
                       offsetof(BufferHead, control_size) ==
                               offsetof(struct io_uring_recvmsg_out, controllen) &&
                       offsetof(BufferHead, flags) == offsetof(struct io_uring_recvmsg_out, flags),
               "BufferHead is what the kernel writes");

uint64_t uring_receive_name(const Slot *slot, UringTag tag)
{
        return (uint64_t)slot->generation << 32 | (uint64_t)slot->index << 3 | tag;
}

Slot *uring_receive_slot(Io *io, uint64_t user_data)
{
        return slot_find(&io->slots, (uint32_t)user_data >> 3, (uint32_t)(user_data >> 32));
}

/* When the bustle that made us offer many is over, we offer fewer again. */
static void consider_goal(Uring *uring)
{
        enum { OFFERS = 4096 };
        unsigned n_taken = uring->n_offered_goal - uring->n_offered;

        if (n_taken > uring->n_offered_most)
                uring->n_offered_most = n_taken;
        if (++uring->n_offers < OFFERS)
                return;
        if (uring->n_offered_most < uring->n_offered_goal / 4 &&
            uring->n_offered_goal >= 2 * URING_OFFERED_MIN)
                uring->n_offered_goal /= 2;
        uring->n_offered_most = 0;
        uring->n_offers = 0;
}

void uring_receive_replenish(Io *io)
{
        Uring *uring = io->state;
        int mask = io_uring_buf_ring_mask(uring->buffer_ring_entries);
        bool wanted = !list_is_empty(&io->stalled) || !list_is_empty(&io->waiting);
        int n = 0;

        buffer_pool_collect(&io->buffers, wanted && uring->n_offered == 0);
        if (uring->n_offered < uring->n_offered_goal)
                consider_goal(uring);
        while (uring->n_offered < uring->n_offered_goal) {
                IoBuffer *buffer = buffer_pool_take(&io->buffers);

                if (!buffer)
                        break;
                io_uring_buf_ring_add(uring->buffer_ring, buffer->data,
                                      (unsigned)io->buffers.stride, (unsigned short)buffer->index,
                                      mask, n++);
                uring->n_offered++;
        }
        if (n > 0)
                io_uring_buf_ring_advance(uring->buffer_ring, n);
        backend_resume_stalled(io, uring->n_offered);
}

/*
 * A poll for the end of the stream, beside the receive. From Linux 6.17 a multishot receive knows
 * that it has emptied the socket and then waits for the next event; if the peer closed right behind
 * its last bytes that event is past, and the end would never be seen (liburing issue 1549).
 */
static bool watch_hangup(Io *io, Slot *slot)
{
        struct io_uring_sqe *sqe =
                uring_get_sqe(io->state, uring_receive_name(slot, URING_TAG_HANGUP));

        if (!sqe)
                return false;
        io_uring_prep_poll_add(sqe, slot->socket->fd, POLLRDHUP);
        slot->watched = true;
        return true;
}

/*
 * Never with IORING_RECVSEND_POLL_FIRST: an immediate attempt and then a poll that begins with a
 * look at the socket's state miss nothing, the other order does (see above).
 */
static bool arm(Io *io, Slot *slot)
{
        Uring *uring = io->state;
        struct io_uring_sqe *sqe;

        if (!slot->watched && !slot->hung_up && !watch_hangup(io, slot))
                return false;
        if (uring_single_is_due(slot)) {
                UringSingleArm armed = uring_single_arm(io, slot);

                if (armed != URING_SINGLE_NO_BUFFER)
                        return armed == URING_SINGLE_ARMED;
                slot->crowding = false;
        }
        sqe = uring_get_sqe(
                uring, uring_receive_name(slot, slot->into ? URING_TAG_INTO : URING_TAG_RECEIVE));
        if (!sqe)
                return false;
        if (slot->into) {
                io_uring_prep_recvmsg(sqe, slot->socket->fd, &slot->into->message,
                                      MSG_CMSG_CLOEXEC);
        } else {
                struct msghdr *header = &uring->headers[slot->n_fds_max];

                header->msg_controllen = buffer_control_size(slot->n_fds_max);
                io_uring_prep_recvmsg_multishot(sqe, slot->socket->fd, header, MSG_CMSG_CLOEXEC);
                sqe->flags |= IOSQE_BUFFER_SELECT;
                sqe->buf_group = URING_BUFFER_GROUP;
        }
        slot->state = SLOT_ARMED;
        return true;
}

static bool cancel(Io *io, Slot *slot, UringTag tag)
{
        struct io_uring_sqe *sqe = uring_get_sqe(io->state, URING_TAG_CANCEL);

        if (!sqe)
                return false;
        io_uring_prep_cancel64(sqe, uring_receive_name(slot, tag), 0);
        return true;
}

/* Ends what the kernel still does for a slot; whether there was room for the requests. */
static bool cancel_slot(Io *io, Slot *slot)
{
        const UringTag tag = slot->into      ? URING_TAG_INTO
                             : slot->polling ? URING_TAG_READY
                                             : URING_TAG_RECEIVE;

        if (slot->state == SLOT_ARMED && !slot->single && !cancel(io, slot, tag))
                return false;
        /* Its poll goes only with the socket. (A second cancellation finds nothing: harmless.) */
        if (!slot->socket && slot->watched && !cancel(io, slot, URING_TAG_HANGUP))
                return false;
        slot->cancel = false;
        return true;
}

bool uring_receive_fill(Io *io)
{
        const Uring *uring = io->state;
        ListNode *node;

        while ((node = list_first(&io->waiting))) {
                Slot *slot = CONTAINER_OF(node, Slot, node);

                if (slot->cancel && !cancel_slot(io, slot))
                        return true;
                if (slot->state == SLOT_WAITING && !slot->into && uring->n_offered == 0)
                        backend_make_stall(io, slot);
                else if (slot->state == SLOT_WAITING && !arm(io, slot))
                        return true;
                else
                        list_remove(node);
        }
        return false;
}

void uring_receive_stop(Io *io, Slot *slot)
{
        slot->cancel = true;
        if (!list_contains_node(&slot->node))
                list_push_back(&io->waiting, &slot->node);
}

bool uring_receive_forget(Io *io, Slot *slot)
{
        if (slot->state != SLOT_ARMED && !slot->watched)
                return true;
        uring_receive_stop(io, slot);
        return false;
}

/* The buffer that a completion filled, lent; NULL when there is none. */
static IoBuffer *claim_buffer(Io *io, const struct io_uring_cqe *cqe)
{
        Uring *uring = io->state;
        unsigned index = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        IoBuffer *buffer;

        if (!(cqe->flags & IORING_CQE_F_BUFFER) || index >= io->buffers.n_total)
                return NULL;
        buffer = &io->buffers.buffers[index];
        uring->n_offered--;
        buffer_pool_lend(&io->buffers, buffer);
        return buffer;
}

static size_t payload_size(const Io *io, const Slot *slot, const IoBuffer *buffer, int result)
{
        size_t offset = buffer_payload_offset(slot->n_fds_max);

        if (!buffer || result < 0 || (size_t)result <= offset ||
            (size_t)result > io->buffers.stride)
                return 0;
        return (size_t)result - offset;
}

void uring_receive_drop(IoBuffer *buffer, int result)
{
        if (!buffer)
                return;
        if (result >= (int)sizeof(BufferHead))
                record_close_fds(buffer, NULL);
        io_buffer_unref(buffer);
}

void uring_receive_bury(Io *io, Slot *slot)
{
        if (slot->state != SLOT_ARMED && !slot->watched)
                backend_forget_slot(io, slot);
}

/* Receives again: at once, or from a crowding socket in its turn. */
static void go_on(Io *io, Slot *slot)
{
        if (uring_single_is_due(slot))
                backend_make_rest(io, slot);
        else
                backend_make_wait(io, slot);
}

/* A receive of a slot is over, `result` says why. */
void uring_receive_over(Io *io, Slot *slot, int result)
{
        Uring *uring = io->state;
        bool stopping = slot->socket->stopping;

        slot->cancel = false;
        switch (result) {
        case -ENOBUFS:
                if (stopping) {
                        backend_push_end(io, slot, 0, 0);
                        break;
                }
                /* Some may be free that were not offered: then offer more from now on. */
                if (uring->n_offered_goal < io->buffers.n_total)
                        uring->n_offered_goal *= 2;
                if (uring->n_offered_goal > io->buffers.n_total)
                        uring->n_offered_goal = io->buffers.n_total;
                backend_make_stall(io, slot);
                break;
        case -ECANCELED:
        case -EINTR:
        case -EAGAIN:
                if (stopping)
                        backend_push_end(io, slot, 0, 0);
                else
                        go_on(io, slot);
                break;
        default:
                backend_push_end(io, slot, 0, result < 0 ? result : -EPIPE);
        }
}

void uring_receive_complete(Io *io, const struct io_uring_cqe *cqe)
{
        Slot *slot = uring_receive_slot(io, cqe->user_data);
        IoBuffer *buffer = claim_buffer(io, cqe);
        bool more = (cqe->flags & IORING_CQE_F_MORE) != 0;
        size_t size;

        if (!slot || !slot->socket) {
                uring_receive_drop(buffer, cqe->res);
                if (slot && !more) {
                        slot->state = SLOT_IDLE;
                        uring_receive_bury(io, slot);
                }
                return;
        }
        size = payload_size(io, slot, buffer, cqe->res);
        if (size == 0) {
                if (buffer)
                        io_buffer_unref(buffer);
                if (!more)
                        uring_receive_over(io, slot, cqe->res);
                return;
        }
        if (!more && slot->socket->stopping) {
                slot->cancel = false;
                backend_push_data(io, slot, buffer, size, true);
                return;
        }
        backend_push_data(io, slot, buffer, size, false);
        /* The end is past as an event: see watch_hangup(). */
        if (more && slot->hung_up && !slot->cancel)
                uring_receive_stop(io, slot);
        if (!uring_single_is_due(slot)) {
                slot->crowding = backend_is_crowding(slot);
                slot->careful = ((const BufferHead *)(void *)buffer->data)->control_size > 0;
        }
        if (more && uring_single_is_due(slot) && !slot->cancel)
                uring_receive_stop(io, slot);
        /* A multishot may end for reasons of the kernel's, such as a full completion queue. */
        if (!more)
                go_on(io, slot);
}

void uring_receive_complete_into(Io *io, const struct io_uring_cqe *cqe)
{
        Slot *slot = uring_receive_slot(io, cqe->user_data);
        int result = cqe->res;

        ASSERT(slot && slot->socket && slot->into);
        slot->cancel = false;
        if (result > 0)
                backend_push_end(io, slot, (size_t)result, 0);
        else if (result == -ECANCELED && slot->socket->stopping)
                backend_push_end(io, slot, 0, 0);
        else if (result == -EINTR || result == -EAGAIN || result == -ECANCELED)
                backend_make_wait(io, slot);
        else
                backend_push_end(io, slot, 0, result < 0 ? result : -EPIPE);
}

void uring_receive_complete_hangup(Io *io, const struct io_uring_cqe *cqe)
{
        Slot *slot = uring_receive_slot(io, cqe->user_data);

        ASSERT(slot && slot->watched);
        slot->watched = false;
        if (!slot->socket) {
                uring_receive_bury(io, slot);
                return;
        }
        if (cqe->res >= 0)
                backend_hang_up(io, slot);
        slot->hung_up = true; /* also when it cannot be watched */
        /* Unless the receive sees the end by itself before the next submit, it begins anew. */
        if (slot->state == SLOT_ARMED && !slot->into)
                uring_receive_stop(io, slot);
}
