/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages are copied behind each other into one buffer and leave it by one send(2), up to a
 * message with fds, which begins a sendmsg(2) of its own. What the kernel does not take waits for
 * EPOLLOUT.
 */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bench/load/engine/process.h"
#include "bench/load/engine/connection_private.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

enum { FIRST_CAPACITY = 1024, FIRST_MARKS = 8 };

static void make_room(Connection *connection, size_t size)
{
        size_t capacity =
                connection->output_capacity ? connection->output_capacity : FIRST_CAPACITY;
        uint8_t *output;

        while (capacity < connection->output_size + size)
                capacity *= 2;
        if (capacity == connection->output_capacity)
                return;
        output = alloc_resize(connection->output, capacity);
        if (!output)
                process_out_of_memory();
        connection->output = output;
        connection->output_capacity = capacity;
}

/* Forgets what was sent, once that is worth a copy. */
static void compact(Connection *connection)
{
        size_t sent = connection->output_sent;

        if (sent == 0 || sent < connection->output_capacity / 2)
                return;
        connection->output_size -= sent;
        memmove(connection->output, connection->output + sent, connection->output_size);
        connection->output_sent = 0;
        for (size_t i = connection->fd_marks_sent; i < connection->n_fd_marks; i++)
                connection->fd_marks[i].offset -= sent;
}

void connection_append(Connection *connection, const void *data, size_t size)
{
        if (connection->output_capacity - connection->output_size < size) {
                compact(connection);
                make_room(connection, size);
        }
        memcpy(connection->output + connection->output_size, data, size);
        connection->output_size += size;
}

uint8_t *connection_reserve(Connection *connection, size_t size)
{
        if (connection->output_capacity - connection->output_size < size) {
                compact(connection);
                make_room(connection, size);
        }
        return connection->output + connection->output_size;
}

void connection_commit(Connection *connection, size_t size)
{
        if (connection->fd < 0)
                return;
        connection->output_size += size;
        connection->n_frames_out++;
        connection_schedule(connection);
}

void connection_schedule(Connection *connection)
{
        if (connection->options.write == CONNECTION_WRITE_COALESCED)
                loop_flush_later(connection->loop, &connection->flush);
        else if (!connection->watches_output)
                connection_send(connection);
}

static void mark_fds(Connection *connection, const int *fds, unsigned n_fds)
{
        ConnectionFds *mark;

        ASSERT(n_fds <= sizeof(mark->fds) / sizeof(mark->fds[0]));
        if (connection->n_fd_marks == connection->fd_marks_capacity) {
                size_t capacity = connection->fd_marks_capacity ? 2 * connection->fd_marks_capacity
                                                                : FIRST_MARKS;

                connection->fd_marks =
                        alloc_resize(connection->fd_marks, capacity * sizeof(ConnectionFds));
                if (!connection->fd_marks)
                        process_out_of_memory();
                connection->fd_marks_capacity = capacity;
        }
        mark = &connection->fd_marks[connection->n_fd_marks++];
        mark->offset = connection->output_size;
        mark->n = n_fds;
        memcpy(mark->fds, fds, n_fds * sizeof(fds[0]));
}

void connection_queue(Connection *connection, const void *bytes, size_t size, const int *fds,
                      unsigned n_fds)
{
        if (connection->fd < 0)
                return;
        if (n_fds > 0) {
                connection_reserve(connection, size); /* compacts before the mark is made */
                mark_fds(connection, fds, n_fds);
        }
        connection_append(connection, bytes, size);
        connection->n_frames_out++;
        connection_schedule(connection);
}

static void watch(Connection *connection)
{
        const uint32_t events = (connection->is_paused ? 0U : (uint32_t)EPOLLIN) |
                                (connection->watches_output ? (uint32_t)EPOLLOUT : 0U);
        int r = loop_rewatch(connection->loop, connection->fd, events, &connection->source);

        ASSERT(r == 0);
}

static void watch_output(Connection *connection, bool watches)
{
        if (connection->watches_output == watches)
                return;
        connection->watches_output = watches;
        watch(connection);
}

void connection_pause(Connection *connection, bool is_paused)
{
        if (connection->fd < 0 || connection->is_paused == is_paused)
                return;
        connection->is_paused = is_paused;
        watch(connection);
}

static ssize_t send_with_fds(Connection *connection, struct iovec *part, const ConnectionFds *mark)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(mark->fds))];
        } control = {0};
        struct msghdr message = {.msg_iov = part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = CMSG_SPACE(mark->n * sizeof(int))};
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(mark->n * sizeof(int));
        memcpy(CMSG_DATA(header), mark->fds, mark->n * sizeof(int));
        return sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One write: up to the next message with fds, which goes with what follows it. */
static ssize_t send_some(Connection *connection)
{
        struct iovec part = {.iov_base = connection->output + connection->output_sent,
                             .iov_len = connection_unsent(connection)};
        size_t next = connection->fd_marks_sent, end = connection->output_size;
        const ConnectionFds *mark = NULL;
        ssize_t n;

        if (next < connection->n_fd_marks &&
            connection->fd_marks[next].offset == connection->output_sent)
                mark = &connection->fd_marks[next++];
        if (next < connection->n_fd_marks)
                end = connection->fd_marks[next].offset;
        part.iov_len = end - connection->output_sent;
        n = mark ? send_with_fds(connection, &part, mark)
                 : send(connection->fd, part.iov_base, part.iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0 && mark)
                connection->fd_marks_sent++;
        return n;
}

void connection_send(Connection *connection)
{
        while (connection_unsent(connection) > 0) {
                ssize_t n = send_some(connection);

                if (n < 0 && errno == EINTR)
                        continue;
                /* ETOOMANYREFS: too many fds in flight; room comes as they are received */
                if (n < 0 && (errno == EAGAIN || errno == ETOOMANYREFS)) {
                        connection->n_refusals += errno == ETOOMANYREFS;
                        watch_output(connection, true);
                        return;
                }
                if (n < 0) {
                        connection_fail(connection, errno == EPIPE ? -ECONNRESET : -errno, "write");
                        return;
                }
                connection->n_writes++;
                connection->output_sent += (size_t)n;
        }
        connection->output_sent = connection->output_size = 0;
        connection->n_fd_marks = connection->fd_marks_sent = 0;
        watch_output(connection, false);
}
