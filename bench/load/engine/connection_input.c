/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives goes into the loop's buffer, from which whole messages are handed out in place. Only
 * the beginning of an incomplete one is kept, in memory of the connection's own that is as large as
 * the message: the rest of it is received straight behind it. So an idle connection has no buffer,
 * and a large message is copied once by the kernel and hardly by us.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "bench/load/engine/process.h"
#include "bench/load/engine/connection_private.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/cleanup.h"

/* Takes fds out of the FIFO for a message with a UNIX_FDS field. */
static unsigned lend_fds(Connection *connection, const ConnectionFrame *frame)
{
        Header header;

        if (connection->n_fds_in == 0 || connection_frame_header(frame, &header) < 0)
                return 0;
        return header.n_unix_fds < connection->n_fds_in ? header.n_unix_fds : connection->n_fds_in;
}

static void drop_fds(Connection *connection, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                cleanup_close(connection->fds_in[i]);
        connection->n_fds_in -= n;
        memmove(connection->fds_in, connection->fds_in + n,
                connection->n_fds_in * sizeof(connection->fds_in[0]));
}

static void hand_out(Connection *connection, const uint8_t *data, const Frame *cut)
{
        ConnectionFrame frame = {
                .data = data,
                .size = cut->size,
                .type = cut->type,
                .flags = cut->flags,
                .big_endian = cut->big_endian,
                .serial = cut->serial,
                .body = data + cut->header_size,
                .body_size = cut->body_size,
        };

        const unsigned life = connection->life;

        connection->n_frames_in++;
        frame.n_fds = lend_fds(connection, &frame);
        frame.fds = connection->fds_in;
        if (connection->state == CONNECTION_READY)
                connection->handlers->frame(connection, &frame);
        else
                connection_greet(connection, &frame);
        if (frame.n_fds > 0 && connection_is_alive(connection, life))
                drop_fds(connection, frame.n_fds);
}

/* Hands out the whole messages of `data`. Returns how many bytes they have. */
static size_t cut_frames(Connection *connection, const uint8_t *data, size_t size)
{
        const unsigned life = connection->life;
        size_t used = 0;

        connection->input_wanted = 0;
        while (connection_is_alive(connection, life) && used < size) {
                FrameResult result;
                Frame cut;

                result = frame_cut(data + used, size - used, FRAME_SIZE_MAX, &cut);
                if (result == FRAME_SHORT)
                        break;
                if (result != FRAME_OK) {
                        connection_fail(connection, -EPROTO, frame_result_text(result));
                        break;
                }
                if (cut.size > size - used) {
                        connection->input_wanted = cut.size;
                        break;
                }
                hand_out(connection, data + used, &cut);
                used += cut.size;
        }
        return used;
}

/* Keeps the beginning of an incomplete message, or of a line of the handshake. */
static void keep(Connection *connection, const uint8_t *data, size_t size)
{
        size_t wanted = connection->input_wanted > size ? connection->input_wanted : size;

        if (wanted > connection->input_capacity) {
                uint8_t *input = alloc_resize(connection->input, wanted);

                if (!input)
                        process_out_of_memory();
                connection->input = input;
                connection->input_capacity = wanted;
        }
        memcpy(connection->input, data, size);
        connection->input_size = size;
}

static void handle_bytes(Connection *connection, const uint8_t *data, size_t size)
{
        const unsigned life = connection->life;
        size_t used = 0;

        connection->input_size = 0;
        if (connection->state == CONNECTION_AUTHENTICATING)
                used = connection_handle_lines(connection, data, size);
        if (!connection_is_alive(connection, life))
                return;
        if (connection->state != CONNECTION_AUTHENTICATING)
                used += cut_frames(connection, data + used, size - used);
        if (connection_is_alive(connection, life) && used < size)
                keep(connection, data + used, size - used);
}

static void take_fds(Connection *connection, struct msghdr *message)
{
        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
             header = CMSG_NXTHDR(message, header)) {
                size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                const uint8_t *data = CMSG_DATA(header);

                if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
                        continue;
                if (!connection->fds_in)
                        connection->fds_in = alloc_zeroed(CONNECTION_FDS_MAX, sizeof(int));
                if (!connection->fds_in)
                        process_out_of_memory();
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
                        if (connection->n_fds_in < CONNECTION_FDS_MAX)
                                connection->fds_in[connection->n_fds_in++] = fd;
                        else
                                cleanup_close(fd);
                }
        }
}

static ssize_t receive(Connection *connection, struct iovec *parts, size_t n_parts)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(CONNECTION_FDS_MAX * sizeof(int))];
        } control;
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = n_parts};
        ssize_t n;

        if (connection->has_agreed_fds) {
                message.msg_control = control.bytes;
                message.msg_controllen = sizeof(control.bytes);
        }
        do
                n = recvmsg(connection->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n > 0 && message.msg_controllen > 0)
                take_fds(connection, &message);
        return n;
}

/* The incomplete message gets its rest; what is behind it lies in the loop's buffer. */
static void receive_rest(Connection *connection)
{
        size_t missing = connection->input_wanted - connection->input_size;
        struct iovec parts[2] = {
                {.iov_base = connection->input + connection->input_size, .iov_len = missing},
                {.iov_base = connection->loop->buffer, .iov_len = LOOP_BUFFER_SIZE},
        };
        const unsigned life = connection->life;
        ssize_t n = receive(connection, parts, 2);

        if (n <= 0) {
                if (n == 0 || errno != EAGAIN)
                        connection_fail(connection, n == 0 ? -ECONNRESET : -errno, "read");
                return;
        }
        connection->last_input_ns = loop_refresh(connection->loop);
        if ((size_t)n < missing) {
                connection->input_size += (size_t)n;
                return;
        }
        connection->input_size = 0;
        cut_frames(connection, connection->input, connection->input_wanted);
        if (connection_is_alive(connection, life))
                handle_bytes(connection, connection->loop->buffer, (size_t)n - missing);
}

/* A few bytes, not even a fixed header, or a piece of a line, are put before what comes. */
static void receive_more(Connection *connection)
{
        uint8_t *buffer = connection->loop->buffer;
        size_t kept = connection->input_size;
        struct iovec part = {.iov_base = buffer + kept, .iov_len = LOOP_BUFFER_SIZE - kept};
        ssize_t n;

        ASSERT(kept < LOOP_BUFFER_SIZE);
        if (kept > 0)
                memcpy(buffer, connection->input, kept);
        n = receive(connection, &part, 1);
        if (n <= 0) {
                if (n == 0 || errno != EAGAIN)
                        connection_fail(connection, n == 0 ? -ECONNRESET : -errno, "read");
                return;
        }
        connection->last_input_ns = loop_refresh(connection->loop);
        handle_bytes(connection, buffer, kept + (size_t)n);
}

void connection_receive(Connection *connection)
{
        const unsigned life = connection->life;

        if (connection->input_wanted > 0 && connection->input_size > 0)
                receive_rest(connection);
        else
                receive_more(connection);
        if (connection_is_alive(connection, life) && connection->state == CONNECTION_READY &&
            connection->handlers->turn)
                connection->handlers->turn(connection);
}
