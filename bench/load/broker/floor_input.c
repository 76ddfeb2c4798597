/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and cutting. A message that is not complete is gathered in memory of exactly its size,
 * into which the next read goes at once, without a copy; what follows it goes to the input chunk.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/load/broker/floor_private.h"

typedef union Control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * FLOOR_FDS_MAX)];
} Control;

static void gather_fds(FloorConnection *connection, struct msghdr *message)
{
        for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
             part = CMSG_NXTHDR(message, part)) {
                unsigned n_before = connection->received ? connection->received->n : 0;
                unsigned n = (unsigned)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));

                if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
                        continue;
                connection->received = floor_memory_resize(
                        connection->received, sizeof(FloorFds) + (n_before + n) * sizeof(int));
                memcpy(connection->received->fds + n_before, CMSG_DATA(part), n * sizeof(int));
                connection->received->n = n_before + n;
        }
}

/* Begins to gather a message of `need` bytes. */
static void begin_partial(Floor *floor, FloorConnection *connection, size_t need)
{
        connection->partial = floor_memory_chunk(floor, need);
        connection->need = need;
}

/* The fixed part is complete: makes room for the whole. False if it is none. */
static bool measure_partial(Floor *floor, FloorConnection *connection, Frame *frame)
{
        FloorChunk *fixed = connection->partial;

        if (frame_cut(fixed->data, FRAME_FIXED_SIZE, FRAME_SIZE_MAX, frame) != FRAME_OK)
                return false;
        if (frame->size > connection->need) {
                begin_partial(floor, connection, frame->size);
                memcpy(connection->partial->data, fixed->data, FRAME_FIXED_SIZE);
                connection->partial->used = FRAME_FIXED_SIZE;
                floor_memory_unref(floor, fixed);
        }
        return true;
}

/* Adds to it; returns how many of the bytes it took. */
static size_t feed_partial(Floor *floor, FloorConnection *connection, const uint8_t *data,
                           size_t size)
{
        FloorChunk *partial = connection->partial;
        size_t missing = connection->need - partial->used;
        size_t taken = size < missing ? size : missing;
        Frame frame;

        if (taken > 0)
                memcpy(partial->data + partial->used, data, taken);
        partial->used += taken;
        if (partial->used < connection->need)
                return taken;
        if (!measure_partial(floor, connection, &frame)) {
                floor_close(floor, connection);
                return taken;
        }
        partial = connection->partial;
        if (partial->used < connection->need)
                return taken;
        connection->partial = NULL;
        floor_route_message(floor, connection, partial, partial->data, &frame);
        floor_memory_unref(floor, partial);
        return taken;
}

/* A message that lies in the input as a whole, or the begin of one. */
static size_t feed_whole(Floor *floor, FloorConnection *connection, const uint8_t *data,
                         size_t size)
{
        Frame frame;
        FrameResult result = frame_cut(data, size, FRAME_SIZE_MAX, &frame);

        if (result == FRAME_SHORT) {
                begin_partial(floor, connection, FRAME_FIXED_SIZE);
                return 0;
        }
        if (result != FRAME_OK) {
                floor_close(floor, connection);
                return 0;
        }
        if (frame.size > size) {
                begin_partial(floor, connection, frame.size);
                return 0;
        }
        floor_route_message(floor, connection, floor->input, data, &frame);
        return frame.size;
}

static void feed(Floor *floor, FloorConnection *connection, const uint8_t *data, size_t size)
{
        while (size > 0 && !connection->is_dead) {
                size_t taken;

                if (connection->login)
                        taken = floor_login_feed(floor, connection, data, size);
                else if (connection->partial)
                        taken = feed_partial(floor, connection, data, size);
                else
                        taken = feed_whole(floor, connection, data, size);
                data += taken;
                size -= taken;
        }
}

/* Fills in where to read to; returns how much of it goes to the partial message. */
static size_t aim(Floor *floor, const FloorConnection *connection, struct iovec iovecs[2],
                  size_t *ret_n)
{
        const FloorChunk *partial = connection->partial;
        size_t direct = 0, n = 0;

        if (partial && connection->need > FRAME_FIXED_SIZE) {
                direct = connection->need - partial->used;
                direct = direct < FLOOR_READ_MAX ? direct : FLOOR_READ_MAX;
                iovecs[n++] = (struct iovec){connection->partial->data + partial->used, direct};
        }
        if (direct < FLOOR_READ_MAX)
                iovecs[n++] = (struct iovec){
                        floor_memory_room(floor, &floor->input, FLOOR_READ_MAX - direct),
                        FLOOR_READ_MAX - direct};
        *ret_n = n;
        return direct;
}

void floor_input_read(Floor *floor, FloorConnection *connection)
{
        struct iovec iovecs[2];
        Control control;
        struct msghdr message = {
                .msg_iov = iovecs, .msg_control = &control, .msg_controllen = sizeof(control)};
        size_t direct = aim(floor, connection, iovecs, &message.msg_iovlen);
        ssize_t n = recvmsg(connection->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        uint8_t *rest = floor->input->data + floor->input->used;
        size_t size;

        if (n <= 0) {
                if (n == 0 || (errno != EAGAIN && errno != EINTR))
                        floor_close(floor, connection);
                return;
        }
        gather_fds(connection, &message);
        size = (size_t)n;
        direct = direct < size ? direct : size;
        if (direct > 0) {
                connection->partial->used += direct;
                (void)feed_partial(floor, connection, NULL, 0);
        }
        /* What is routed from here may be sent later: the next read goes behind it. */
        floor->input->used += size - direct;
        feed(floor, connection, rest, size - direct);
}
