/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASL as a client, EXTERNAL, or ANONYMOUS over TCP. Each command has exactly one line as its
 * answer, so the step is the number of answers, whether the commands went out together or one by
 * one.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/engine/connection_private.h"
#include "broker/base/assert.h"
#include "proto/writer.h"

typedef enum Step { STEP_AUTH, STEP_NEGOTIATE, STEP_DONE } Step;

enum { LINE_MAX_SIZE = 4096 };

static void append_auth(Connection *connection)
{
        char uid[16], line[64] = "AUTH EXTERNAL ";
        size_t size = strlen(line);

        snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
        for (const char *digit = uid; *digit; digit++)
                size += (size_t)snprintf(line + size, sizeof(line) - size, "%02x", *digit);
        if (connection->is_tcp)
                size = (size_t)snprintf(line, sizeof(line), "AUTH ANONYMOUS");
        if (connection->nonce_size > 0)
                connection_append(connection, connection->nonce, connection->nonce_size);
        connection_append(connection, "", 1);
        connection_append(connection, line, size);
        connection_append(connection, "\r\n", 2);
}

static void append_line(Connection *connection, const char *line)
{
        connection_append(connection, line, strlen(line));
        connection_append(connection, "\r\n", 2);
}

static void append_hello(Connection *connection)
{
        _Alignas(8) uint8_t message[256];
        Writer writer;
        WriterHeader header = {
                .type = FRAME_TYPE_METHOD_CALL,
                .path = TEXT("/org/freedesktop/DBus"),
                .interface = TEXT("org.freedesktop.DBus"),
                .member = TEXT("Hello"),
                .destination = TEXT("org.freedesktop.DBus"),
        };
        size_t size;
        int r;

        if (connection->options.without_hello)
                return;
        connection->hello_serial = header.serial = connection_serial(connection);
        writer_begin(&writer, message, sizeof(message), &header);
        r = writer_finish(&writer, &size);
        ASSERT(r == 0);
        connection_append(connection, message, size);
        connection->n_frames_out++;
}

void connection_begin_handshake(Connection *connection)
{
        connection->state = CONNECTION_AUTHENTICATING;
        connection->step = STEP_AUTH;
        append_auth(connection);
        if (connection->options.handshake == CONNECTION_PIPELINED) {
                if (connection->options.negotiate_fds)
                        append_line(connection, "NEGOTIATE_UNIX_FD");
                append_line(connection, "BEGIN");
                append_hello(connection);
        }
        connection_send(connection);
}

static void finish(Connection *connection)
{
        connection->step = STEP_DONE;
        if (connection->options.handshake == CONNECTION_STEPWISE) {
                append_line(connection, "BEGIN");
                append_hello(connection);
                connection_send(connection);
                if (connection->fd < 0)
                        return;
        }
        connection->state =
                connection->options.without_hello ? CONNECTION_READY : CONNECTION_GREETING;
        if (connection->options.without_hello && connection->handlers->ready)
                connection->handlers->ready(connection);
}

static bool begins(Text line, const char *word)
{
        return text_starts_with(line, text_from(word));
}

static void handle_line(Connection *connection, Text line)
{
        if (connection->step == STEP_AUTH) {
                if (!begins(line, "OK ")) {
                        snprintf(connection->failure, sizeof(connection->failure),
                                 "authenticate: the bus said \"%.*s\"%s", TEXT_FORMAT(line),
                                 connection->is_tcp ? "; over TCP it must admit ANONYMOUS: "
                                                      "<allow_anonymous/>, and <auth> if any"
                                                    : "");
                        connection_fail(connection, -EACCES, connection->failure);
                        return;
                }
                if (!connection->options.negotiate_fds) {
                        finish(connection);
                        return;
                }
                connection->step = STEP_NEGOTIATE;
                if (connection->options.handshake == CONNECTION_STEPWISE) {
                        append_line(connection, "NEGOTIATE_UNIX_FD");
                        connection_send(connection);
                }
                return;
        }
        /* ERROR: a transport without fds (TCP); the scenario sees has_agreed_fds */
        connection->has_agreed_fds = begins(line, "AGREE_UNIX_FD");
        finish(connection);
}

size_t connection_handle_lines(Connection *connection, const uint8_t *data, size_t size)
{
        const unsigned life = connection->life;
        size_t used = 0;

        while (connection->state == CONNECTION_AUTHENTICATING && connection->life == life) {
                const uint8_t *at = data + used;
                const uint8_t *end = memmem(at, size - used, "\r\n", 2);

                if (!end) {
                        if (size - used > LINE_MAX_SIZE)
                                connection_fail(connection, -EPROTO, "authenticate: no line");
                        break;
                }
                used += (size_t)(end - at) + 2;
                handle_line(connection,
                            (Text){.data = (const char *)at, .size = (size_t)(end - at)});
        }
        return used;
}

void connection_greet(Connection *connection, const ConnectionFrame *frame)
{
        uint32_t size;

        if (connection_frame_reply_serial(frame) != connection->hello_serial)
                return;
        if (frame->type != FRAME_TYPE_METHOD_RETURN || frame->body_size < 5) {
                Text name = connection_frame_field(frame, HEADER_FIELD_ERROR_NAME);

                snprintf(connection->failure, sizeof(connection->failure), "Hello: %.*s",
                         TEXT_FORMAT(name));
                connection_fail(connection, -EACCES, connection->failure);
                return;
        }
        size = frame_load_u32(frame->body, frame->big_endian);
        if (size >= sizeof(connection->unique_name) || size + 5 > frame->body_size) {
                connection_fail(connection, -EPROTO, "Hello: no unique name");
                return;
        }
        memcpy(connection->unique_name, frame->body + 4, size);
        connection->unique_name[size] = '\0';
        connection->state = CONNECTION_READY;
        if (connection->handlers->ready)
                connection->handlers->ready(connection);
}
