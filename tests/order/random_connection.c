/* SPDX-License-Identifier: Apache-2.0 */

/* See random_connection.h. */

#include "tests/order/random_connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/rawclient.h"

enum {
        CONNECTION_IOVECS = 64,
        CONNECTION_READ = 131072,
};

struct RandomOut {
        RandomOut *next;
        uint8_t *data;
        size_t size, sent;
        size_t hold_at; /* write only so much, then wait; 0: no */
        unsigned hold_ms;
        uint32_t serial;
        int fds[RANDOM_FDS_MAX];
        unsigned n_fds;
        bool is_broadcast;
};

int random_connection_open(RandomConnection *connection, const char *address)
{
        RawClient *client;
        int error = 0;

        client = rawclient_open(address, 0, &error);
        if (!client)
                return error;
        *connection = (RandomConnection){.fd = client->fd};
        connection->last = &connection->first;
        client->fd = -1;
        rawclient_free(client);
        return 0;
}

static void free_out(RandomOut *out)
{
        for (unsigned i = 0; i < out->n_fds; i++)
                close(out->fds[i]);
        free(out->data);
        free(out);
}

unsigned random_connection_close(RandomConnection *connection)
{
        unsigned n_broadcasts = 0;

        if (connection->fd >= 0)
                close(connection->fd);
        while (connection->first) {
                RandomOut *out = connection->first;

                connection->first = out->next;
                n_broadcasts += out->is_broadcast;
                free_out(out);
        }
        for (size_t i = 0; i < connection->n_fds; i++)
                close(connection->fds[i]);
        free(connection->input);
        *connection = (RandomConnection){.fd = -1};
        connection->last = &connection->first;
        return n_broadcasts;
}

void random_connection_queue(RandomConnection *connection, const RawHeader *header, Marshal *bytes,
                             const int *fds, unsigned half_ms)
{
        RandomOut *out = calloc(1, sizeof(*out));

        if (!out)
                abort();
        *out = (RandomOut){.data = bytes->data,
                           .size = bytes->size,
                           .hold_at = half_ms ? 1 + header->serial % (bytes->size - 1) : 0,
                           .hold_ms = half_ms,
                           .serial = header->serial,
                           .n_fds = header->unix_fds,
                           .is_broadcast =
                                   header->type == RAWMESSAGE_SIGNAL && !header->destination};
        for (unsigned i = 0; i < out->n_fds; i++)
                out->fds[i] = fds[i];
        *bytes = (Marshal){.big_endian = bytes->big_endian};
        *connection->last = out;
        connection->last = &out->next;
        connection->queued_bytes += out->size;
}

/* Accounts for n written bytes. */
static void advance(RandomConnection *connection, size_t n, int64_t now_us)
{
        connection->queued_bytes -= n;
        while (n > 0) {
                RandomOut *out = connection->first;
                size_t part = out->size - out->sent < n ? out->size - out->sent : n;

                out->sent += part;
                n -= part;
                for (unsigned i = 0; i < out->n_fds; i++)
                        close(out->fds[i]);
                out->n_fds = 0;
                if (out->hold_at && out->sent >= out->hold_at) {
                        connection->held_until_us = now_us + out->hold_ms * 1000;
                        out->hold_at = 0;
                }
                if (out->sent < out->size)
                        return;
                connection->written = out->serial;
                connection->first = out->next;
                if (!connection->first)
                        connection->last = &connection->first;
                free_out(out);
        }
}

static void attach_fds(struct msghdr *header, const RandomOut *out)
{
        struct cmsghdr *control = header->msg_control;

        header->msg_controllen = CMSG_SPACE(out->n_fds * sizeof(int));
        control->cmsg_len = CMSG_LEN(out->n_fds * sizeof(int));
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        memcpy(CMSG_DATA(control), out->fds, out->n_fds * sizeof(int));
}

/* Gathers messages up to one with fds or one that is held back. */
static int gather(const RandomConnection *connection, struct iovec *iovecs)
{
        int n = 0;

        for (RandomOut *out = connection->first; out && n < CONNECTION_IOVECS; out = out->next) {
                if (n > 0 && out->n_fds > 0)
                        break;
                iovecs[n].iov_base = out->data + out->sent;
                iovecs[n++].iov_len = (out->hold_at ? out->hold_at : out->size) - out->sent;
                if (out->hold_at)
                        break;
        }
        return n;
}

int random_connection_write(RandomConnection *connection, int64_t now_us)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(RANDOM_FDS_MAX * sizeof(int))];
        } control;
        struct iovec iovecs[CONNECTION_IOVECS];

        while (connection->first && now_us >= connection->held_until_us) {
                struct msghdr header = {.msg_iov = iovecs};
                ssize_t n;

                memset(&control, 0, sizeof(control));
                header.msg_control = control.bytes;
                header.msg_iovlen = (size_t)gather(connection, iovecs);
                if (connection->first->n_fds > 0)
                        attach_fds(&header, connection->first);
                n = sendmsg(connection->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno == ETOOMANYREFS)
                        connection->held_until_us = now_us + 1000; /* fds wait to be received */
                if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ETOOMANYREFS))
                        return 0;
                if (n < 0)
                        return errno == EPIPE ? -ECONNRESET : -errno;
                advance(connection, (size_t)n, now_us);
        }
        return 0;
}

static void keep_fds(RandomConnection *connection, struct msghdr *header)
{
        for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
                    connection->n_fds + n > sizeof(connection->fds) / sizeof(int))
                        continue;
                memcpy(connection->fds + connection->n_fds, CMSG_DATA(c), n * sizeof(int));
                connection->n_fds += n;
        }
}

/* Room for a large read behind what is left. */
static void make_room(RandomConnection *connection)
{
        size_t left = connection->input_size - connection->input_start;

        if (connection->input_start > 0)
                memmove(connection->input, connection->input + connection->input_start, left);
        connection->input_start = 0;
        connection->input_size = left;
        if (connection->input_capacity - left >= CONNECTION_READ)
                return;
        connection->input_capacity = 2 * (left + CONNECTION_READ);
        connection->input = realloc(connection->input, connection->input_capacity);
        if (!connection->input)
                abort();
}

int random_connection_read(RandomConnection *connection)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(253 * sizeof(int))];
        } control;
        struct iovec room;
        struct msghdr header = {.msg_iov = &room,
                                .msg_iovlen = 1,
                                .msg_control = control.bytes,
                                .msg_controllen = sizeof(control.bytes)};
        ssize_t n;

        make_room(connection);
        room.iov_base = connection->input + connection->input_size;
        room.iov_len = CONNECTION_READ;
        n = recvmsg(connection->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        if (header.msg_flags & MSG_CTRUNC)
                return -EMFILE;
        keep_fds(connection, &header);
        connection->input_size += (size_t)n;
        return 1;
}

int random_connection_take(RandomConnection *connection, RawMessage **ret_message)
{
        const uint8_t *data = connection->input + connection->input_start;
        size_t available = connection->input_size - connection->input_start;
        size_t size = rawmessage_size(data, available);
        RawMessage *message;

        *ret_message = NULL;
        if (size == SIZE_MAX)
                return -EBADMSG;
        if (size == 0 || available < size)
                return 0;
        message = rawmessage_parse(data, size);
        if (!message || message->unix_fds > connection->n_fds ||
            message->unix_fds > RAWMESSAGE_FDS_MAX) {
                rawmessage_free(message);
                return -EBADMSG;
        }
        connection->input_start += size;
        message->n_fds = message->unix_fds;
        memcpy(message->fds, connection->fds, message->n_fds * sizeof(int));
        connection->n_fds -= message->n_fds;
        memmove(connection->fds, connection->fds + message->n_fds, connection->n_fds * sizeof(int));
        *ret_message = message;
        return 0;
}
