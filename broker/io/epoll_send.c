/* SPDX-License-Identifier: Apache-2.0 */
/* Sends of the epoll backend; see epoll.h. */
#include "broker/io/epoll.h"

#include <errno.h>

#include "broker/base/assert.h"

/* What is left of a send, in `vectors`. The fds went with the first byte. */
static struct msghdr rest_of(Epoll *epoll, const IoSend *send)
{
        struct msghdr message = send->message;
        size_t skip = send->done;
        size_t i = 0;
        size_t n = 0;

        while (i < message.msg_iovlen && skip >= message.msg_iov[i].iov_len)
                skip -= message.msg_iov[i++].iov_len;
        for (; i < message.msg_iovlen; i++) {
                uint8_t *base = message.msg_iov[i].iov_base;

                epoll->vectors[n].iov_base = base + skip;
                epoll->vectors[n++].iov_len = message.msg_iov[i].iov_len - skip;
                skip = 0;
        }
        message.msg_iov = epoll->vectors;
        message.msg_iovlen = n;
        message.msg_control = NULL;
        message.msg_controllen = 0;
        return message;
}

static size_t size_of(const struct msghdr *message)
{
        size_t size = 0;

        for (size_t i = 0; i < message->msg_iovlen; i++)
                size += message->msg_iov[i].iov_len;
        return size;
}

static ssize_t send_once(Io *io, IoSend *send)
{
        struct msghdr rest;
        const struct msghdr *message = &send->message;
        ssize_t n;

        if (send->done > 0) {
                rest = rest_of(io->state, send);
                message = &rest;
        }
        do {
                io->counters.kernel_entries++;
                n = sendmsg(send->fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
        } while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

/* An error behind some bytes reads as a short count, as on io_uring; the next send gets it again.
 */
static void end_send(Io *io, IoSend *send, ssize_t error)
{
        backend_finish_send(io, send, send->done > 0 ? (ssize_t)send->done : error);
}

static void wait_for_room(Io *io, IoSend *send)
{
        const Epoll *epoll = io->state;
        struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = send};

        /* The socket stays in the set, disarmed, after its first wait. */
        io->counters.kernel_entries++;
        if (epoll_ctl(epoll->out_fd, EPOLL_CTL_MOD, send->fd, &event) == 0)
                return;
        io->counters.kernel_entries++;
        if (errno != ENOENT || epoll_ctl(epoll->out_fd, EPOLL_CTL_ADD, send->fd, &event) < 0)
                end_send(io, send, -errno);
}

/* Sends as much as there is room for. */
static void advance(Io *io, IoSend *send)
{
        size_t size = size_of(&send->message);

        for (;;) {
                ssize_t n = send_once(io, send);

                if (send->mode == IO_SEND_TRY) {
                        backend_finish_send(io, send, n);
                        return;
                }
                if (n == -EAGAIN) {
                        wait_for_room(io, send);
                        return;
                }
                if (n < 0) {
                        end_send(io, send, n);
                        return;
                }
                send->done += (size_t)n;
                if (send->done >= size) {
                        backend_finish_send(io, send, (ssize_t)send->done);
                        return;
                }
        }
}

void epoll_send_queued(Io *io)
{
        IoSend *send;

        while ((send = backend_take_send(io)))
                advance(io, send);
}

void epoll_send_resume(Io *io)
{
        Epoll *epoll = io->state;
        int n;

        io->counters.kernel_entries++;
        n = epoll_wait(epoll->out_fd, epoll->out_events, EPOLL_EVENTS, 0);
        for (int i = 0; i < n; i++)
                advance(io, epoll->out_events[i].data.ptr);
}
