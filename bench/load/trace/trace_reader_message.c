/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MESSAGE record. What passes here can be sent: each type has the fields that it needs, and
 * each field the syntax that a bus demands; otherwise a bus would close the connection of whoever
 * replays it.
 */

#include "bench/load/trace/trace_reader_private.h"
#include "proto/body.h"
#include "proto/frame.h"
#include "proto/signature.h"
#include "proto/syntax.h"

#include <errno.h>

enum { MESSAGE_FDS_MAX = 1024 };

uint32_t trace_reader_string(const TraceReader *reader, TraceCursor *cursor)
{
        return (uint32_t)trace_reader_take(cursor, reader->trace.n_strings);
}

/* A string of the message that is absent or valid by `is_valid`. */
static uint32_t take_field(const TraceReader *reader, TraceCursor *cursor, bool (*is_valid)(Text),
                           const char *reason)
{
        uint32_t number = trace_reader_string(reader, cursor);

        if (number != 0 && !is_valid(trace_text(&reader->trace, number)))
                trace_reader_refuse(cursor, reason);
        return number;
}

static void take_relation(const TraceReader *reader, TraceCursor *cursor, TraceMessage *message)
{
        const Trace *trace = &reader->trace;
        uint64_t receiver;
        uint32_t distance;

        message->sender = (uint32_t)trace_reader_take(cursor, trace->n_peers);
        receiver = trace_reader_take(cursor, (uint64_t)trace->n_peers + 1);
        message->receiver = receiver == 0 ? TRACE_NOBODY : (uint32_t)(receiver - 1);
        message->destination =
                take_field(reader, cursor, syntax_is_bus_name, "an invalid destination");
        message->serial = (uint32_t)trace_reader_take(cursor, UINT32_MAX);
        if (message->serial == 0)
                trace_reader_refuse(cursor, "a message without a serial");
        /* n_messages counts this one already, so that distance 1 is the message before it. */
        distance = (uint32_t)trace_reader_take(cursor, trace->n_messages - 1);
        message->reply_to = distance ? trace->n_messages - distance : 0;
}

static void take_fields(const TraceReader *reader, TraceCursor *cursor, TraceMessage *message)
{
        message->path = take_field(reader, cursor, syntax_is_object_path, "an invalid path");
        message->interface =
                take_field(reader, cursor, syntax_is_interface, "an invalid interface");
        message->member = take_field(reader, cursor, syntax_is_member, "an invalid member");
        message->error = take_field(reader, cursor, syntax_is_error_name, "an invalid error name");
        message->signature = take_field(reader, cursor, signature_is_valid, "an invalid signature");
}

static int take_args(TraceReader *reader, TraceCursor *cursor, TraceMessage *message)
{
        uint64_t n_args = trace_reader_take(cursor, TRACE_ARGS_MAX);

        for (unsigned i = 0; i < n_args && !cursor->reason; i++) {
                TraceArg *arg;

                if (!trace_reader_grow(&reader->trace.args, sizeof(TraceArg), reader->n_args,
                                       &reader->args_capacity))
                        return -ENOMEM;
                arg = &reader->trace.args[reader->n_args++];
                arg->index = (uint8_t)trace_reader_take(cursor, TRACE_ARGS_MAX - 1);
                arg->type = (uint8_t)trace_reader_take(cursor, TRACE_ARG_NUMBER);
                arg->value = (uint32_t)trace_reader_take(cursor, arg->type == TRACE_ARG_STRING
                                                                         ? reader->trace.n_strings
                                                                         : UINT32_MAX);
                if (arg->type == TRACE_ARG_STRING && arg->value == 0)
                        trace_reader_refuse(cursor, "an argument without a string");
        }
        message->n_args = (uint8_t)n_args;
        return 0;
}

/* What the specification's "Message Types" demand. */
static const char *find_missing(const Trace *trace, const TraceMessage *message)
{
        const TraceMessage *call;

        if (message->type == FRAME_TYPE_METHOD_CALL && (!message->path || !message->member))
                return "a method call without path or member";
        if (message->type == FRAME_TYPE_SIGNAL &&
            (!message->path || !message->interface || !message->member))
                return "a signal without path, interface or member";
        if (message->type == FRAME_TYPE_ERROR && !message->error)
                return "an error without a name";
        if (message->body_size > 0 && !message->signature)
                return "a body without a signature";
        if (message->reply_to == 0)
                return NULL;
        if (message->type != FRAME_TYPE_METHOD_RETURN && message->type != FRAME_TYPE_ERROR)
                return "an answer that is neither return nor error";
        call = &trace->events[trace->messages[message->reply_to]].message;
        return call->type == FRAME_TYPE_METHOD_CALL ? NULL
                                                    : "an answer to something else than a call";
}

static void take_body(const TraceReader *reader, TraceCursor *cursor, TraceMessage *message)
{
        const uint8_t *body = cursor->data + cursor->position;
        Text signature = trace_text(&reader->trace, message->signature);

        if (message->body_size > cursor->end - cursor->position) {
                trace_reader_refuse(cursor, "a body longer than its record");
                return;
        }
        if (!text_present(signature))
                signature = TEXT("");
        if (body_validate(body, message->body_size, signature, message->big_endian) != BODY_OK)
                trace_reader_refuse(cursor, "a body that does not follow its signature");
        message->body = body;
}

int trace_reader_message(TraceReader *reader, TraceCursor *cursor, TraceMessage *message)
{
        Trace *trace = &reader->trace;
        const char *reason;
        int r;

        if (!trace_reader_grow(&trace->messages, sizeof(*trace->messages),
                               (size_t)trace->n_messages + 1, &reader->messages_capacity))
                return -ENOMEM;
        if (trace->n_messages == UINT32_MAX - 1 || trace->n_events > UINT32_MAX)
                trace_reader_refuse(cursor, "more messages than can be numbered");
        trace->messages[++trace->n_messages] = (uint32_t)trace->n_events;
        message->type = (uint8_t)trace_reader_take(cursor, UINT8_MAX);
        message->flags = (uint8_t)trace_reader_take(cursor, UINT8_MAX);
        message->big_endian = trace_reader_take(cursor, 1);
        if (message->type == FRAME_TYPE_INVALID)
                trace_reader_refuse(cursor, "a message of type 0");
        take_relation(reader, cursor, message);
        take_fields(reader, cursor, message);
        message->body_size = (uint32_t)trace_reader_take(cursor, FRAME_SIZE_MAX);
        message->n_fds = (uint32_t)trace_reader_take(cursor, MESSAGE_FDS_MAX);
        r = take_args(reader, cursor, message);
        if (r < 0 || cursor->reason)
                return r;
        reason = find_missing(trace, message);
        if (reason)
                trace_reader_refuse(cursor, reason);
        else if (trace->has_payloads)
                take_body(reader, cursor, message);
        return 0;
}

void trace_reader_attach_args(Trace *trace)
{
        size_t n_args = 0;

        for (uint32_t i = 1; i <= trace->n_messages; i++) {
                TraceMessage *message = &trace->events[trace->messages[i]].message;

                message->args = message->n_args ? trace->args + n_args : NULL;
                n_args += message->n_args;
        }
}
