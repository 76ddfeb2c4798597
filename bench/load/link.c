/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/link.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/rawclient.h"

enum {
        INPUT_SIZE = 65536,
        FIXED = RAWMESSAGE_FIXED_SIZE,
        EVENTS = 256,
        SERIAL_AT = 8,
        MESSAGE_MAX = 128 << 20, /* as the specification has it */
};

uint32_t link_read_u32(const uint8_t *at)
{
        uint32_t value;

        memcpy(&value, at, sizeof(value));
        return le32toh(value);
}

uint64_t link_read_u64(const uint8_t *at)
{
        uint64_t value;

        memcpy(&value, at, sizeof(value));
        return le64toh(value);
}

void link_write_u32(uint8_t *at, uint32_t value)
{
        value = htole32(value);
        memcpy(at, &value, sizeof(value));
}

/* Memory for load is a precondition of measuring: there is nothing to do without it. */
static uint8_t *grow(uint8_t *memory, size_t size)
{
        uint8_t *grown = realloc(memory, size);

        if (!grown)
                abort();
        return grown;
}

void link_adopt(Link *link, int fd)
{
        *link = (Link){.fd = fd, .epoll_fd = -1};
        link->input_capacity = INPUT_SIZE;
        link->input = grow(NULL, INPUT_SIZE);
}

static int add_match(RawClient *client, const char *rule)
{
        const RawHeader call = {.type = RAWMESSAGE_CALL,
                                .path = "/org/freedesktop/DBus",
                                .interface = "org.freedesktop.DBus",
                                .member = "AddMatch",
                                .destination = "org.freedesktop.DBus",
                                .signature = "s"};
        RawMessage *message;
        uint32_t serial;
        int r = rawclient_send_header(client, &call, &serial, rule);

        while (r >= 0) {
                r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message);
                if (r >= 0 && message->reply_serial == serial)
                        return message->type == RAWMESSAGE_RETURN ? 0 : -EBADMSG;
        }
        return r;
}

/* Hello, the signal that tells the name, and the rule. */
static int introduce(RawClient *client, const char *rule)
{
        RawMessage *message;
        int r = rawclient_hello(client);

        if (r >= 0)
                r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message);
        if (r >= 0 && rule)
                r = add_match(client, rule);
        return r;
}

int link_open(Link *link, const char *address, const char *rule)
{
        int r = 0;
        RawClient *client = rawclient_open(address, 0, &r);

        if (client)
                r = introduce(client, rule);
        if (r >= 0) {
                link_adopt(link, client->fd);
                client->fd = -1;
                memcpy(link->unique_name, client->unique_name, sizeof(link->unique_name));
                link->next_serial = client->next_serial;
                while (link->input_capacity < client->input_size)
                        link->input_capacity *= 2;
                link->input = grow(link->input, link->input_capacity);
                link->input_end = client->input_size;
                if (client->input_size > 0)
                        memcpy(link->input, client->input, client->input_size);
        }
        rawclient_free(client);
        return r < 0 ? r : 0;
}

void link_close(Link *link)
{
        if (link->fd >= 0)
                close(link->fd);
        free(link->input);
        free(link->output);
        *link = (Link){.fd = -1, .epoll_fd = -1};
}

int link_watch(Link *link, int epoll_fd)
{
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};

        link->epoll_fd = epoll_fd;
        return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, link->fd, &event) < 0 ? -errno : 0;
}

/* Asks for EPOLLOUT while something waits to be sent. */
static int update_watch(Link *link)
{
        bool wants = link_unsent(link) > 0;
        struct epoll_event event = {.events = wants ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                    .data.ptr = link};

        if (wants == link->watches_output || link->epoll_fd < 0)
                return 0;
        link->watches_output = wants;
        return epoll_ctl(link->epoll_fd, EPOLL_CTL_MOD, link->fd, &event) < 0 ? -errno : 0;
}

size_t link_unsent(const Link *link)
{
        return link->output_size - link->output_sent;
}

void link_queue(Link *link, const void *data, size_t size)
{
        if (link->output_size + size > link->output_capacity) {
                while (link->output_size + size > link->output_capacity)
                        link->output_capacity =
                                link->output_capacity ? 2 * link->output_capacity : 4096;
                link->output = grow(link->output, link->output_capacity);
        }
        memcpy(link->output + link->output_size, data, size);
        link->output_size += size;
}

void link_queue_message(Link *link, const Marshal *message, const void *body, size_t body_size)
{
        uint8_t *copy;

        link_queue(link, message->data, message->size);
        copy = link->output + link->output_size - message->size;
        link_write_u32(copy + SERIAL_AT, ++link->next_serial);
        if (body_size > 0)
                memcpy(copy + message->size - body_size, body, body_size);
}

int link_flush(Link *link)
{
        while (link_unsent(link) > 0) {
                ssize_t n = send(link->fd, link->output + link->output_sent, link_unsent(link),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return update_watch(link);
                if (n < 0)
                        return errno == EPIPE ? -ECONNRESET : -errno;
                link->output_sent += (size_t)n;
        }
        link->output_sent = link->output_size = 0;
        return update_watch(link);
}

/* The size of the message that begins at `at`: 0 if it is not all there, SIZE_MAX if it is none. */
static size_t frame_size(const uint8_t *at, size_t have, size_t *ret_body_size)
{
        uint64_t fields, body;

        if (have < FIXED)
                return 0;
        if (at[0] != 'l') /* all load is generated in this byte order */
                return SIZE_MAX;
        body = link_read_u32(at + 4);
        fields = link_read_u32(at + 12);
        if (body + fields > MESSAGE_MAX)
                return SIZE_MAX;
        *ret_body_size = (size_t)body;
        return FIXED + (size_t)((fields + 7) & ~UINT64_C(7)) + (size_t)body;
}

static void make_room(Link *link, size_t size)
{
        size_t have = link->input_end - link->input_start;

        memmove(link->input, link->input + link->input_start, have);
        link->input_start = 0;
        link->input_end = have;
        if (size > link->input_capacity) {
                link->input_capacity = size;
                link->input = grow(link->input, size);
        }
}

/* Hands complete messages out. */
static int cut_frames(Link *link)
{
        for (;;) {
                const uint8_t *at = link->input + link->input_start;
                size_t have = link->input_end - link->input_start, body_size = 0;
                size_t size = frame_size(at, have, &body_size);
                LinkFrame frame = {.data = at, .size = size};

                if (size == SIZE_MAX)
                        return -EBADMSG;
                if (size == 0 || size > have) {
                        make_room(link, size);
                        return 0;
                }
                frame.type = at[1];
                frame.serial = link_read_u32(at + SERIAL_AT);
                frame.body = at + size - body_size;
                frame.body_size = body_size;
                link->input_start += size;
                if (link->handler)
                        link->handler(link, &frame);
        }
}

static int read_once(Link *link)
{
        ssize_t n = recv(link->fd, link->input + link->input_end,
                         link->input_capacity - link->input_end, MSG_DONTWAIT);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        link->input_end += (size_t)n;
        return cut_frames(link);
}

int link_handle(Link *link, uint32_t events)
{
        int r = 0;

        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                r = read_once(link);
        if (r >= 0 && (events & EPOLLOUT))
                r = link_flush(link);
        return r;
}

int link_dispatch(int epoll_fd, int timeout_ms, void (*failed)(Link *link, int error))
{
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll_fd, events, EVENTS, timeout_ms);

        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        for (int i = 0; i < n; i++) {
                Link *link = events[i].data.ptr;
                int r = link ? link_handle(link, events[i].events) : 0;

                if (r < 0)
                        failed(link, r);
        }
        return n;
}
