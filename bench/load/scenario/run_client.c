/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of a part, and what their handlers call. */

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "bench/load/scenario/run_private.h"
#include "broker/base/assert.h"

static void name_client(const RunClient *client, char text[static 96])
{
        const Connection *connection = &client->connection;

        snprintf(text, 96, "%s %u%s%s%s", client->role, client->index,
                 connection->unique_name[0] ? " (" : "", connection->unique_name,
                 connection->unique_name[0] ? ")" : "");
}

/* A failure that follows is perhaps that of the broker, which has died. */
static void lose_bus(Run *run)
{
        RunState *state = run->state;

        pthread_mutex_lock(&state->lock);
        state->has_lost_bus |= !state->has_failed;
        pthread_mutex_unlock(&state->lock);
}

void run_client_start_with(RunClient *client, RunPart *part, const char *role, unsigned index,
                           const ConnectionOptions *options)
{
        ConnectionOptions own = *options;
        int r;

        if (!client->part) { /* not if it was removed, or is started again */
                client->next = part->clients;
                part->clients = client;
        }
        client->part = part;
        client->role = role;
        client->index = index;
        client->progress_ns = part->loop->now_ns;
        client->quiet_looks = 0;
        own.owner = client;
        if (!own.address)
                own.address = part->run->address;
        r = connection_start(&client->connection, part->loop, &own);
        if (r == -ECONNREFUSED || r == -ENOENT)
                lose_bus(part->run);
        if (r < 0)
                run_fail(part->run, "%s %u: %s", role, index, client->connection.failure);
}

void run_client_start(RunClient *client, RunPart *part, const char *role, unsigned index,
                      const ConnectionHandlers *handlers)
{
        ConnectionOptions options = {
                .handshake = CONNECTION_PIPELINED,
                .write = part->run->options.write,
                .negotiate_fds = true,
                .handlers = handlers,
        };

        run_client_start_with(client, part, role, index, &options);
}

void run_client_failed(Connection *connection, int error, const char *what)
{
        RunClient *client = run_client(connection);
        char name[96];

        name_client(client, name);
        if (error == -ECONNRESET) {
                lose_bus(client->part->run);
                run_fail(client->part->run, "%s: the bus closed the connection", name);
        } else if (what == connection->failure) {
                run_fail(client->part->run, "%s: %s", name, what);
        } else {
                run_fail(client->part->run, "%s: %s: %s", name, what, strerror(-error));
        }
}

void run_client_remove(RunClient *client)
{
        RunPart *part = client->part;

        connection_stop(&client->connection);
        if (!part)
                return;
        for (RunClient **link = &part->clients; *link; link = &(*link)->next) {
                if (*link == client) {
                        *link = client->next;
                        break;
                }
        }
        client->part = NULL;
}

void run_call_bus(RunClient *client, const char *member, const char *signature, ...)
{
        WriterHeader header = {
                .type = FRAME_TYPE_METHOD_CALL,
                .serial = connection_serial(&client->connection),
                .path = TEXT("/org/freedesktop/DBus"),
                .interface = TEXT("org.freedesktop.DBus"),
                .member = text_from(member),
                .destination = TEXT("org.freedesktop.DBus"),
                .signature = text_from(signature),
        };
        _Alignas(8) uint8_t message[2048];
        va_list arguments;
        Writer writer;
        size_t size;

        writer_begin(&writer, message, sizeof(message), &header);
        va_start(arguments, signature);
        for (const char *type = signature; *type; type++) {
                if (*type == 's')
                        writer_string(&writer, text_from(va_arg(arguments, const char *)));
                else
                        writer_u32(&writer, va_arg(arguments, uint32_t));
        }
        va_end(arguments);
        if (writer_finish(&writer, &size) < 0) {
                run_fail(client->part->run, "%s: an argument is too long", member);
                return;
        }
        client->n_bus_calls++;
        run_client_await(client, 1);
        if (client->part->is_in_stage)
                run_begin_one(client->part);
        connection_queue(&client->connection, message, size, NULL, 0);
}

static void fail_by_error(RunClient *client, const ConnectionFrame *frame)
{
        Text name = connection_frame_field(frame, HEADER_FIELD_ERROR_NAME);
        Text message = {.data = "", .size = 0};
        char who[96];

        if (frame->body_size >= 5) {
                uint32_t size = frame_load_u32(frame->body, frame->big_endian);

                if (size <= frame->body_size - 5)
                        message = (Text){.data = (const char *)frame->body + 4, .size = size};
        }
        name_client(client, who);
        run_fail(client->part->run, "%s: the bus refused: %.*s: %.*s", who, TEXT_FORMAT(name),
                 TEXT_FORMAT(message));
}

static bool is_about_names(const ConnectionFrame *frame)
{
        return frame->type == FRAME_TYPE_SIGNAL &&
               text_equal(connection_frame_field(frame, HEADER_FIELD_INTERFACE),
                          TEXT("org.freedesktop.DBus")) &&
               text_starts_with(connection_frame_field(frame, HEADER_FIELD_MEMBER), TEXT("Name")) &&
               !text_equal(connection_frame_field(frame, HEADER_FIELD_MEMBER),
                           TEXT("NameOwnerChanged"));
}

bool run_client_take(RunClient *client, const ConnectionFrame *frame)
{
        uint32_t serial;

        if (frame->type != FRAME_TYPE_METHOD_RETURN && frame->type != FRAME_TYPE_ERROR)
                return is_about_names(frame);
        if (client->n_bus_calls == 0)
                return false;
        serial = connection_frame_reply_serial(frame);
        if (serial == 0 || serial > INT32_MAX)
                return false;
        client->n_bus_calls--;
        run_client_got(client, 1);
        if (frame->type == FRAME_TYPE_ERROR)
                fail_by_error(client, frame);
        if (client->part->is_in_stage)
                run_end_one(client->part);
        return true;
}

void run_error(RunPart *part, Text name)
{
        unsigned i = 0;

        run_count(&part->counters.n_errors, 1);
        if (!text_present(name))
                name = TEXT("(without a name)");
        if (name.size >= FIGURES_NAME_MAX)
                name.size = FIGURES_NAME_MAX - 1;
        while (i < part->n_error_names && !text_equal(text_from(part->errors[i].name), name))
                i++;
        if (i == part->n_error_names) {
                if (i == FIGURES_ERRORS_MAX - 1)
                        name = TEXT("(others)");
                if (i == FIGURES_ERRORS_MAX)
                        i--;
                else
                        part->n_error_names++;
                snprintf(part->errors[i].name, FIGURES_NAME_MAX, "%.*s", TEXT_FORMAT(name));
        }
        part->errors[i].n++;
}

void run_error_frame(RunPart *part, const ConnectionFrame *frame)
{
        run_error(part, connection_frame_field(frame, HEADER_FIELD_ERROR_NAME));
}
