/* SPDX-License-Identifier: Apache-2.0 */

/*
 * See rawclient.h. Received bytes and fds are two queues: a message takes as many fds from the
 * second as its UNIX_FDS field says, so that fds which ride on the wrong message are noticed.
 */

#include "tests/support/rawclient.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/rawsocket.h"

static int64_t rawclient_now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Keeps the fds of a received control message. */
static void rawclient_keep_fds(RawClient *client, struct msghdr *header)
{
        for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (client->n_fds < RAWCLIENT_FDS_MAX)
                                client->fds[client->n_fds++] = fd;
                        else
                                close(fd);
                }
        }
        if (header->msg_flags & MSG_CTRUNC)
                client->truncated = true;
}

static void rawclient_reserve_input(RawClient *client, size_t room)
{
        size_t capacity = client->input_capacity ? client->input_capacity : 1024;

        if (client->input_size + room <= client->input_capacity)
                return;
        while (capacity < client->input_size + room)
                capacity *= 2;
        client->input = realloc(client->input, capacity);
        if (!client->input)
                abort();
        client->input_capacity = capacity;
}

/* Reads once, without blocking: 1 if something came, 0 if nothing was there. */
static int rawclient_fill(RawClient *client)
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

        rawclient_reserve_input(client, 1024);
        room.iov_base = client->input + client->input_size;
        room.iov_len = client->input_capacity - client->input_size;
        n = recvmsg(client->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        rawclient_keep_fds(client, &header);
        client->input_size += (size_t)n;
        return 1;
}

static void rawclient_consume(RawClient *client, size_t size)
{
        client->input_size -= size;
        memmove(client->input, client->input + size, client->input_size);
        if (client->input_size == 0 && client->input_capacity > 65536) {
                free(client->input);
                client->input = NULL;
                client->input_capacity = 0;
        }
}

/* Takes one line of the handshake out of the input: 1 if there was one, 0 if not yet. */
static int rawclient_take_line(RawClient *client)
{
        char *text = (char *)client->input;
        char *end = client->input_size ? memmem(text, client->input_size, "\r\n", 2) : NULL;
        size_t length = end ? (size_t)(end - text) : 0;

        if (!end)
                return client->input_size > RAWCLIENT_LINE_MAX ? -EBADMSG : 0;
        if (length > 3 && length < RAWCLIENT_LINE_MAX && !strncmp(text, "OK ", 3))
                snprintf(client->guid, sizeof(client->guid), "%.*s", (int)length - 3, text + 3);
        else if (length == 13 && !strncmp(text, "AGREE_UNIX_FD", 13))
                client->agreed_fds = true;
        else
                return -EBADMSG;
        rawclient_consume(client, length + 2);
        client->n_lines--;
        return 1;
}

/* Takes one message out of the input: 1 if there was one, 0 if it is not complete. */
static int rawclient_take_message(RawClient *client, RawMessage **ret_message)
{
        size_t size = rawmessage_size(client->input, client->input_size);
        RawMessage *message;

        if (size == SIZE_MAX)
                return -EBADMSG;
        if (size == 0 || client->input_size < size)
                return 0;
        message = rawmessage_parse(client->input, size);
        if (!message || message->unix_fds > client->n_fds ||
            message->unix_fds > RAWMESSAGE_FDS_MAX) {
                rawmessage_free(message);
                return -EBADMSG;
        }
        rawclient_consume(client, size);
        message->n_fds = message->unix_fds;
        memcpy(message->fds, client->fds, message->n_fds * sizeof(int));
        client->n_fds -= message->n_fds;
        memmove(client->fds, client->fds + message->n_fds, client->n_fds * sizeof(int));
        rawmessage_free(client->message);
        client->message = message;
        *ret_message = message;
        return 1;
}

int rawclient_try(RawClient *client, RawMessage **ret_message)
{
        int r = 1;

        while (r > 0) {
                r = 1;
                while (client->n_lines > 0 && r > 0)
                        r = rawclient_take_line(client);
                if (r < 0)
                        return r;
                if (client->n_lines == 0) {
                        r = rawclient_take_message(client, ret_message);
                        if (r)
                                return r;
                }
                r = rawclient_fill(client);
        }
        return r;
}

/* Waits for input until `deadline`. */
static int rawclient_wait(RawClient *client, int64_t deadline)
{
        struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
        int64_t left = deadline - rawclient_now_ms();
        int r = poll(&poll_fd, 1, left > 0 ? (int)left : 0);

        if (r == 0)
                return -ETIMEDOUT;
        return r < 0 && errno != EINTR ? -errno : 0;
}

int rawclient_receive(RawClient *client, int timeout_ms, RawMessage **ret_message)
{
        int64_t deadline = rawclient_now_ms() + timeout_ms;
        int r;

        for (;;) {
                r = rawclient_try(client, ret_message);
                if (r != 0)
                        return r < 0 ? r : 0;
                r = rawclient_wait(client, deadline);
                if (r < 0)
                        return r;
        }
}

/* Sends a command of the handshake and waits for the one line that answers it. */
static int rawclient_exchange(RawClient *client, const char *command, size_t size)
{
        int64_t deadline = rawclient_now_ms() + RAWCLIENT_TIMEOUT_MS;
        int r = rawclient_send(client, command, size);

        client->n_lines++;
        while (r >= 0) {
                r = client->input_size ? rawclient_take_line(client) : 0;
                if (r)
                        return r < 0 ? r : 0;
                r = rawclient_fill(client);
                if (r == 0)
                        r = rawclient_wait(client, deadline);
        }
        return r;
}

static int rawclient_authenticate(RawClient *client)
{
        bool wants_fds = !(client->flags & RAWCLIENT_NO_FDS);
        char auth[RAWCLIENT_LINE_MAX] = "";
        char uid[16];
        size_t size;
        int r;

        snprintf(uid, sizeof(uid), "%u", geteuid());
        size = 1 + (size_t)snprintf(auth + 1, sizeof(auth) - 1, "AUTH EXTERNAL ");
        for (const char *digit = uid; *digit; digit++)
                size += (size_t)snprintf(auth + size, sizeof(auth) - size, "%02x", *digit);
        size += (size_t)snprintf(auth + size, sizeof(auth) - size, "\r\n");
        if (client->flags & RAWCLIENT_PIPELINE) {
                client->n_lines = wants_fds ? 2 : 1;
                size += (size_t)snprintf(auth + size, sizeof(auth) - size, "%sBEGIN\r\n",
                                         wants_fds ? "NEGOTIATE_UNIX_FD\r\n" : "");
                return rawclient_send(client, auth, size);
        }
        r = rawclient_exchange(client, auth, size);
        if (r == 0 && wants_fds)
                r = rawclient_exchange(client, "NEGOTIATE_UNIX_FD\r\n", 19);
        return r < 0 ? r : rawclient_send(client, "BEGIN\r\n", 7);
}

RawClient *rawclient_open(const char *address, unsigned flags, int *ret_error)
{
        struct timeval limit = {.tv_sec = RAWCLIENT_TIMEOUT_MS / 1000};
        RawClient *client = calloc(1, sizeof(*client));
        int r;

        if (!client)
                abort();
        client->flags = flags;
        r = client->fd = rawsocket_connect(address);
        if (r >= 0) {
                setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
                r = rawclient_authenticate(client);
        }
        if (r < 0) {
                *ret_error = r;
                return rawclient_free(client);
        }
        return client;
}

RawClient *rawclient_free(RawClient *client)
{
        if (!client)
                return NULL;
        if (client->fd >= 0)
                close(client->fd);
        for (size_t i = 0; i < client->n_fds; i++)
                close(client->fds[i]);
        rawmessage_free(client->message);
        free(client->input);
        free(client);
        return NULL;
}

int rawclient_hello(RawClient *client)
{
        const RawHeader hello = {.type = RAWMESSAGE_CALL,
                                 .path = "/org/freedesktop/DBus",
                                 .interface = "org.freedesktop.DBus",
                                 .member = "Hello",
                                 .destination = "org.freedesktop.DBus"};
        RawMessage *reply;
        const char *name;
        uint32_t serial;
        int r;

        r = rawclient_send_header(client, &hello, &serial);
        if (r < 0)
                return r;
        r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &reply);
        if (r < 0)
                return r;
        if (reply->type != RAWMESSAGE_RETURN || reply->reply_serial != serial ||
            !rawmessage_read(reply, "s", &name))
                return -EBADMSG;
        snprintf(client->unique_name, sizeof(client->unique_name), "%s", name);
        return 0;
}

uint32_t rawclient_serial(RawClient *client)
{
        return ++client->next_serial;
}

int rawclient_send(RawClient *client, const void *data, size_t size)
{
        return rawsocket_write(client->fd, data, size);
}

int rawclient_send_body(RawClient *client, const RawHeader *header, const Marshal *body,
                        const int *fds, size_t n_fds)
{
        RawHeader full = *header;
        Marshal bytes;
        int r;

        if (full.serial == 0)
                full.serial = rawclient_serial(client);
        marshal_init(&bytes, client->flags & RAWCLIENT_BIG_ENDIAN);
        rawmessage_build(&full, body, &bytes);
        r = rawsocket_write_fds(client->fd, &bytes, fds, n_fds);
        marshal_deinit(&bytes);
        return r;
}

int rawclient_send_values(RawClient *client, const RawHeader *header, uint32_t *ret_serial,
                          va_list values)
{
        RawHeader full = *header;
        Marshal body;
        int r;

        if (full.serial == 0)
                full.serial = rawclient_serial(client);
        if (ret_serial)
                *ret_serial = full.serial;
        marshal_init(&body, client->flags & RAWCLIENT_BIG_ENDIAN);
        marshal_values(&body, full.signature ? full.signature : "", values);
        r = rawclient_send_body(client, &full, &body, NULL, 0);
        marshal_deinit(&body);
        return r;
}

int rawclient_send_header(RawClient *client, const RawHeader *header, uint32_t *ret_serial, ...)
{
        va_list values;
        int r;

        va_start(values, ret_serial);
        r = rawclient_send_values(client, header, ret_serial, values);
        va_end(values);
        return r;
}
