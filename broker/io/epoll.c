/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The epoll backend: the loop and the receives; see epoll.h.
 *
 * A socket stays in the epoll set after its receive has ended, so that the next io_receive*() costs
 * no system call; if it becomes readable meanwhile it is watched for the end of the stream only,
 * and taken out when that comes.
 */
#include "broker/io/epoll.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/clock.h"

/* What an event is about: these two, or else a slot, as generation << 32 | index. */
#define EVENT_WAKE UINT64_MAX
#define EVENT_OUT (UINT64_MAX - 1)

static int control(Io *io, int operation, int fd, uint32_t events, uint64_t about)
{
        const Epoll *epoll = io->state;
        struct epoll_event event = {.events = events, .data.u64 = about};

        io->counters.kernel_entries++;
        return epoll_ctl(epoll->fd, operation, fd, &event) < 0 ? -errno : 0;
}

static void unwatch(Io *io, Slot *slot)
{
        if (slot->watched)
                (void)control(io, EPOLL_CTL_DEL, slot->socket->fd, 0, 0);
        slot->watched = false;
}

/* (Re)enters a slot's socket into the set. */
static int watch(Io *io, Slot *slot, bool quiet)
{
        uint64_t about = (uint64_t)slot->generation << 32 | slot->index;
        int r = control(io, slot->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, slot->socket->fd,
                        quiet ? EPOLLRDHUP : EPOLLIN | EPOLLRDHUP, about);

        if (r < 0)
                return r;
        slot->watched = true;
        slot->quiet = quiet;
        return 0;
}

/* Arms every slot that waits for it. */
static void arm_waiting(Io *io)
{
        ListNode *node;

        while ((node = list_take_first(&io->waiting))) {
                Slot *slot = CONTAINER_OF(node, Slot, node);
                int r = 0;

                if (!slot->watched || slot->quiet)
                        r = watch(io, slot, false);
                if (r < 0) {
                        backend_push_end(io, slot, 0, r);
                        continue;
                }
                slot->state = SLOT_ARMED;
        }
}

static ssize_t receive_message(Io *io, int fd, struct msghdr *message)
{
        ssize_t n;

        do {
                io->counters.kernel_entries++;
                n = recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

static void receive_into(Io *io, Slot *slot)
{
        ssize_t n = receive_message(io, slot->socket->fd, &slot->into->message);

        if (n == -EAGAIN)
                return;
        backend_push_end(io, slot, n > 0 ? (size_t)n : 0, n > 0 ? 0 : n < 0 ? (int)n : -EPIPE);
}

static ssize_t fill_buffer(Io *io, const Slot *slot, IoBuffer *buffer)
{
        size_t offset = buffer_payload_offset(slot->n_fds_max);
        struct iovec vector = {
                .iov_base = buffer->data + offset,
                .iov_len = io->buffers.stride - offset,
        };
        struct msghdr message = {
                .msg_iov = &vector,
                .msg_iovlen = 1,
                .msg_control = slot->n_fds_max ? buffer->data + sizeof(BufferHead) : NULL,
                .msg_controllen = buffer_control_size(slot->n_fds_max),
        };
        ssize_t n = receive_message(io, slot->socket->fd, &message);

        if (n > 0)
                *(BufferHead *)(void *)buffer->data = (BufferHead){
                        .control_size = (uint32_t)message.msg_controllen,
                        .payload_size = (uint32_t)n,
                        .flags = (uint32_t)message.msg_flags,
                };
        return n;
}

static void receive(Io *io, Slot *slot)
{
        IoBuffer *buffer = buffer_pool_take(&io->buffers);
        ssize_t n;

        if (!buffer) {
                unwatch(io, slot);
                backend_make_stall(io, slot);
                return;
        }
        buffer_pool_lend(&io->buffers, buffer);
        n = fill_buffer(io, slot, buffer);
        if (n > 0) {
                backend_push_data(io, slot, buffer, (size_t)n, false);
                if (backend_is_crowding(slot))
                        backend_make_rest(io, slot);
                return;
        }
        io_buffer_unref(buffer);
        if (n != -EAGAIN)
                backend_push_end(io, slot, 0, n < 0 ? (int)n : -EPIPE);
}

static void handle_slot(Io *io, uint32_t events, uint64_t about)
{
        Slot *slot = slot_find(&io->slots, (uint32_t)about, (uint32_t)(about >> 32));

        if (!slot)
                return;
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                backend_hang_up(io, slot);
        if (slot->state != SLOT_ARMED) {
                if (slot->hung_up || watch(io, slot, true) < 0)
                        unwatch(io, slot);
        } else if (slot->into)
                receive_into(io, slot);
        else
                receive(io, slot);
}

/* Looks for events and handles them. */
static void turn(Io *io, int timeout_ms)
{
        Epoll *epoll = io->state;
        int n;

        io->counters.kernel_entries++;
        n = epoll_wait(epoll->fd, epoll->events, EPOLL_EVENTS, timeout_ms);
        for (int i = 0; i < n; i++) {
                uint64_t about = epoll->events[i].data.u64;

                if (about == EVENT_WAKE) {
                        io->counters.kernel_entries++;
                        wake_drain(io->wake);
                } else if (about == EVENT_OUT) {
                        epoll_send_resume(io);
                } else {
                        handle_slot(io, epoll->events[i].events, about);
                }
        }
        epoll_send_queued(io);
}

/* Sends what is queued, gives returned buffers to those who waited, arms. */
static void prepare(Io *io)
{
        epoll_send_queued(io);
        buffer_pool_collect(&io->buffers, !list_is_empty(&io->stalled));
        backend_resume_stalled(io, io->buffers.n_free);
        arm_waiting(io);
}

static void epoll_submit(Io *io)
{
        epoll_send_queued(io);
}

static int to_ms(uint64_t timeout_ns)
{
        if (timeout_ns == UINT64_MAX)
                return -1;
        if (timeout_ns / CLOCK_NS_PER_MS >= INT_MAX)
                return INT_MAX;
        return (int)((timeout_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS);
}

static void epoll_wait_events(Io *io, uint64_t timeout_ns, bool may_sleep)
{
        uint64_t n_sent = io->n_sent;

        prepare(io);
        /* Not after on_sent(): its caller may have found new work. */
        if (may_sleep && io->n_sent == n_sent && record_queue_is_empty(&io->records)) {
                io->counters.sleeps++;
                turn(io, to_ms(timeout_ns));
        } else {
                turn(io, 0);
        }
}

/* A look costs a system call anyway, so what it finds is received at once. */
static bool epoll_poll(Io *io)
{
        uint64_t n_sent = io->n_sent;

        prepare(io);
        turn(io, 0);
        return !record_queue_is_empty(&io->records) || io->n_sent != n_sent;
}

static void epoll_stop(Io *io, Slot *slot)
{
        backend_push_end(io, slot, 0, 0);
}

static bool epoll_forget(Io *io, Slot *slot)
{
        unwatch(io, slot);
        return true;
}

static int epoll_init(Io *io)
{
        Epoll *epoll = alloc_zeroed(1, sizeof(*epoll));
        int r;

        if (!epoll)
                return -ENOMEM;
        io->state = epoll;
        epoll->fd = epoll_create1(EPOLL_CLOEXEC);
        epoll->out_fd = epoll_create1(EPOLL_CLOEXEC);
        if (epoll->fd < 0 || epoll->out_fd < 0)
                return -errno;
        r = control(io, EPOLL_CTL_ADD, io->wake->fd, EPOLLIN, EVENT_WAKE);
        if (r == 0)
                r = control(io, EPOLL_CTL_ADD, epoll->out_fd, EPOLLIN, EVENT_OUT);
        return r;
}

static void epoll_deinit(Io *io)
{
        Epoll *epoll = io->state;

        if (!epoll)
                return;
        if (epoll->fd >= 0)
                close(epoll->fd);
        if (epoll->out_fd >= 0)
                close(epoll->out_fd);
        io->state = alloc_free(epoll);
}

const IoMethods epoll_methods = {
        .init = epoll_init,
        .deinit = epoll_deinit,
        .stop = epoll_stop,
        .forget = epoll_forget,
        .submit = epoll_submit,
        .wait = epoll_wait_events,
        .poll = epoll_poll,
};
