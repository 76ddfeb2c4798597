/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/load/broker/floor_private.h"

typedef union Control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * FLOOR_FDS_MAX)];
} Control;

static void make_dirty(Floor *floor, FloorConnection *receiver)
{
        if (receiver->is_dirty || receiver->wants_output)
                return;
        receiver->is_dirty = true;
        receiver->next_dirty = floor->dirty;
        floor->dirty = receiver;
}

/* Room for one more: at the front, where sent ones were, or in more memory. */
static void make_room(FloorConnection *receiver)
{
        if (receiver->n_pieces < receiver->capacity)
                return;
        if (receiver->first > receiver->capacity / 2) {
                receiver->n_pieces -= receiver->first;
                memmove(receiver->pieces, receiver->pieces + receiver->first,
                        receiver->n_pieces * sizeof(receiver->pieces[0]));
                receiver->first = 0;
                return;
        }
        receiver->capacity = receiver->capacity ? 2 * receiver->capacity : 8;
        receiver->pieces = floor_memory_resize(receiver->pieces,
                                               receiver->capacity * sizeof(receiver->pieces[0]));
}

void floor_output_push(Floor *floor, FloorConnection *receiver, FloorPiece piece)
{
        FloorPiece *last = receiver->n_pieces > receiver->first
                                   ? &receiver->pieces[receiver->n_pieces - 1]
                                   : NULL;

        if (receiver->is_dead || piece.size == 0) {
                floor_memory_close_fds(piece.fds);
                return;
        }
        receiver->backlog += piece.size;
        make_dirty(floor, receiver);
        if (last && last->chunk == piece.chunk && last->data + last->size == piece.data &&
            !piece.fds) {
                last->size += piece.size;
                return;
        }
        make_room(receiver);
        piece.chunk->n_refs++;
        receiver->pieces[receiver->n_pieces++] = piece;
}

void floor_output_copy(Floor *floor, FloorConnection *receiver, const void *data, size_t size)
{
        uint8_t *out = floor_memory_room(floor, &floor->arena, size);

        memcpy(out, data, size);
        floor->arena->used += size;
        floor_output_push(floor, receiver,
                          (FloorPiece){.chunk = floor->arena, .data = out, .size = size});
}

void floor_output_block(Floor *floor, FloorConnection *receiver, FloorConnection *sender)
{
        if (sender->blocked_by || sender->is_dead || receiver->is_dead)
                return;
        sender->blocked_by = receiver;
        sender->next_blocked = receiver->blocks;
        receiver->blocks = sender;
        floor_watch(floor, sender);
}

void floor_output_unblock(Floor *floor, FloorConnection *receiver)
{
        FloorConnection *sender;

        while ((sender = receiver->blocks)) {
                receiver->blocks = sender->next_blocked;
                sender->blocked_by = NULL;
                floor_watch(floor, sender);
        }
}

static void attach_fds(struct msghdr *message, Control *control, const FloorFds *fds)
{
        struct cmsghdr *part;

        message->msg_control = control;
        message->msg_controllen = CMSG_SPACE(fds->n * sizeof(int));
        memset(control, 0, message->msg_controllen);
        part = CMSG_FIRSTHDR(message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(fds->n * sizeof(int));
        memcpy(CMSG_DATA(part), fds->fds, fds->n * sizeof(int));
}

/* As many pieces as fit, up to the next one with fds. Returns what sendmsg() did. */
static ssize_t send_some(FloorConnection *connection)
{
        static struct iovec iovecs[FLOOR_IOVECS_MAX];
        const FloorPiece *pieces = connection->pieces + connection->first;
        size_t n_pieces = connection->n_pieces - connection->first, n = 0;
        struct msghdr message = {.msg_iov = iovecs};
        Control control;

        while (n < n_pieces && n < FLOOR_IOVECS_MAX && (n == 0 || !pieces[n].fds)) {
                iovecs[n].iov_base = (void *)(uintptr_t)pieces[n].data;
                iovecs[n].iov_len = pieces[n].size;
                n++;
        }
        message.msg_iovlen = n;
        if (pieces[0].fds)
                attach_fds(&message, &control, pieces[0].fds);
        return sendmsg(connection->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void drop_sent(Floor *floor, FloorConnection *connection, size_t sent)
{
        connection->backlog -= sent;
        while (sent > 0) {
                FloorPiece *piece = &connection->pieces[connection->first];

                floor_memory_close_fds(piece->fds); /* gone with the first byte */
                piece->fds = NULL;
                if (sent < piece->size) {
                        piece->data += sent;
                        piece->size -= sent;
                        break;
                }
                sent -= piece->size;
                floor_memory_unref(floor, piece->chunk);
                connection->first++;
        }
        if (connection->first == connection->n_pieces)
                connection->first = connection->n_pieces = 0;
}

/* Tells epoll whether there is more than the socket took. */
static void want_output(Floor *floor, FloorConnection *connection)
{
        bool wants = connection->n_pieces > 0;

        if (wants == connection->wants_output)
                return;
        connection->wants_output = wants;
        floor_watch(floor, connection);
}

void floor_output_flush(Floor *floor, FloorConnection *connection)
{
        while (connection->n_pieces > 0) {
                ssize_t n = send_some(connection);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN && errno != ETOOMANYREFS) {
                        /* Nobody reads any more, but what it wrote before may be to come. */
                        drop_sent(floor, connection, connection->backlog);
                        break;
                }
                if (n < 0)
                        break;
                drop_sent(floor, connection, (size_t)n);
        }
        want_output(floor, connection);
        if (connection->blocks && connection->backlog < FLOOR_BACKLOG_MAX / 2)
                floor_output_unblock(floor, connection);
}
