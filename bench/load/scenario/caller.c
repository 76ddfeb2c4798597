/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/scenario/caller.h"

#include <stdarg.h>

#include "broker/base/assert.h"

enum { BODY_MAX = 2048 };

uint32_t caller_begin(Caller *caller, uint64_t started_ns, uint32_t tag)
{
        RunPart *part = caller->client.part;
        uint32_t serial = window_take(&caller->window, started_ns, tag);

        if (serial == 0) {
                run_fail(part->run, "%s %u has %d calls outstanding: the bus cannot keep up",
                         caller->client.role, caller->client.index, WINDOW_MAX);
                return 0;
        }
        run_client_await(&caller->client, 1);
        run_count(&part->counters.n_begun, 1);
        run_count(&part->counters.n_messages, 1);
        return serial;
}

bool caller_send(Caller *caller, const Template *call, uint64_t started_ns, uint32_t tag)
{
        uint32_t serial = caller_begin(caller, started_ns, tag);

        if (serial > 0)
                template_send(call, &caller->client.connection, serial, started_ns);
        return serial > 0;
}

bool caller_find(Caller *caller, const ConnectionFrame *frame, CallerReply *ret_reply)
{
        RunPart *part = caller->client.part;

        if (!window_return(&caller->window, connection_frame_reply_serial(frame),
                           &ret_reply->started_ns, &ret_reply->tag))
                return false;
        run_client_got(&caller->client, 1);
        run_count(&part->counters.n_deliveries, 1);
        if (caller->counts_replies)
                run_count(&part->counters.n_messages, 1);
        return true;
}

bool caller_take(Caller *caller, const ConnectionFrame *frame, CallerReply *ret_reply)
{
        if (run_client_take(&caller->client, frame) ||
            (frame->type != FRAME_TYPE_METHOD_RETURN && frame->type != FRAME_TYPE_ERROR))
                return false;
        if (caller_find(caller, frame, ret_reply))
                return true;
        run_fail(caller->client.part->run, "%s %u got a reply that it did not ask for",
                 caller->client.role, caller->client.index);
        return false;
}

bool caller_end(Caller *caller, const ConnectionFrame *frame, const CallerReply *reply)
{
        RunPart *part = caller->client.part;

        if (frame->type == FRAME_TYPE_ERROR) {
                run_error_frame(part, frame);
                return false;
        }
        run_done(part, loop_now_ns(part->loop) - reply->started_ns);
        return true;
}

void caller_bus_call(Template *template, const char *member, const char *signature, ...)
{
        const WriterHeader header = {
                .type = FRAME_TYPE_METHOD_CALL,
                .path = TEXT("/org/freedesktop/DBus"),
                .interface = TEXT("org.freedesktop.DBus"),
                .member = text_from(member),
                .destination = TEXT("org.freedesktop.DBus"),
                .signature = text_from(signature),
        };
        _Alignas(8) uint8_t body[BODY_MAX];
        Writer writer = {.data = body, .capacity = sizeof(body)};
        va_list arguments;

        va_start(arguments, signature);
        for (const char *type = signature; *type; type++) {
                if (*type == 's')
                        writer_string(&writer, text_from(va_arg(arguments, const char *)));
                else
                        writer_u32(&writer, va_arg(arguments, uint32_t));
        }
        va_end(arguments);
        ASSERT(!writer.failed);
        template_build(template, &header, body, writer.size, SIZE_MAX);
}

void caller_is_ready(Connection *connection)
{
        run_end_one(run_client(connection)->part);
}

void caller_deinit(Caller *caller)
{
        window_deinit(&caller->window);
}
