/* SPDX-License-Identifier: Apache-2.0 */
/* Messages; see recorder.h. Each is checked as a bus would before anything in it is used. */

#include "bench/load/trace/recorder.h"
#include "bench/load/trace/recorder_private.h"
#include "broker/base/alloc.h"
#include "proto/body.h"
#include "proto/syntax.h"

#include <errno.h>

enum { FDS_MAX = 1024 };

/* A message on its way into the trace. */
typedef struct Captured {
        Header header;
        const uint8_t *body;
        TraceEvent event;
        TraceArg args[TRACE_ARGS_MAX];
        bool is_hello;
} Captured;

void recorder_init(Recorder *recorder, TraceWriter *writer)
{
        *recorder = (Recorder){.writer = writer};
}

void recorder_deinit(Recorder *recorder)
{
        recorder->names = alloc_free(recorder->names);
        recorder->n_names = 0;
        serials_deinit(&recorder->calls);
        serials_deinit(&recorder->rules);
        serials_deinit(&recorder->call_names);
        serials_deinit(&recorder->interests);
        recorder->inexact = alloc_free(recorder->inexact);
        recorder->n_inexact = 0;
}

void recorder_start(Recorder *recorder, uint64_t now_ns)
{
        recorder->start_ns = now_ns;
        recorder->has_started = true;
}

static bool is_bus(Text name)
{
        return text_equal(name, TEXT(RECORDER_BUS_NAME));
}

/* Whether it is a message from or to the one who captures, or about its coming and going. */
static bool concerns_self(const Recorder *recorder, const Captured *captured)
{
        const Header *header = &captured->header;
        Text self = text_from(recorder->self);
        BodyArg arg;

        if (self.size == 0)
                return false;
        if (text_equal(header->sender, self) || text_equal(header->destination, self))
                return true;
        return is_bus(header->sender) && text_equal(header->member, TEXT("NameOwnerChanged")) &&
               body_read_args(captured->body, header->frame.body_size, header->signature,
                              header->frame.big_endian, 1, &arg) == 1 &&
               text_equal(arg.text, self);
}

static const char *check_message(const uint8_t *data, size_t size, Captured *captured)
{
        Frame frame;
        FrameResult cut = frame_cut(data, size, FRAME_SIZE_MAX, &frame);
        HeaderResult parsed;
        BodyResult body;

        if (cut != FRAME_OK)
                return frame_result_text(cut);
        if (frame.size != size)
                return "its size is not that of the D-Bus message in it";
        parsed = header_parse(data, &frame, &captured->header);
        if (parsed != HEADER_OK)
                return header_result_text(parsed);
        captured->body = data + frame.header_size;
        body = body_validate(captured->body, frame.body_size, captured->header.signature,
                             frame.big_endian);
        if (body != BODY_OK)
                return body_result_text(body);
        if (captured->header.n_unix_fds > FDS_MAX)
                return "more fds than a message can have";
        return NULL;
}

/* Whom the bus gave it to, as far as known. */
static uint32_t find_receiver(Recorder *recorder, Text destination)
{
        uint32_t string, peer;

        if (!text_present(destination))
                return TRACE_NOBODY;
        if (is_bus(destination))
                return TRACE_BUS;
        if (syntax_is_unique_name(destination)) {
                peer = recorder_peer(recorder, destination, true);
        } else {
                string = intern_find(&recorder->writer->strings, destination);
                peer = string < recorder->n_names ? recorder->names[string].peer : 0;
        }
        return peer == 0 ? TRACE_NOBODY : peer;
}

static uint32_t find_sender(Recorder *recorder, const Captured *captured)
{
        Text sender = captured->header.sender;

        return is_bus(sender) ? TRACE_BUS : recorder_peer(recorder, sender, !captured->is_hello);
}

static void fill_in(Recorder *recorder, Captured *captured)
{
        const Header *header = &captured->header;
        TraceMessage *message = &captured->event.message;
        TraceWriter *writer = recorder->writer;

        message->type = header->frame.type;
        message->flags = header->frame.flags;
        message->big_endian = header->frame.big_endian;
        message->serial = header->frame.serial;
        message->sender = find_sender(recorder, captured);
        message->receiver = find_receiver(recorder, header->destination);
        message->destination = trace_writer_string(writer, header->destination);
        message->path = trace_writer_string(writer, header->path);
        message->interface = trace_writer_string(writer, header->interface);
        message->member = trace_writer_string(writer, header->member);
        message->error = trace_writer_string(writer, header->error_name);
        if (header->signature.size > 0)
                message->signature = trace_writer_string(writer, header->signature);
        message->body_size = header->frame.body_size;
        message->n_fds = header->n_unix_fds;
        message->body = captured->body;
        message->args = captured->args;
        if (message->type == FRAME_TYPE_METHOD_CALL && message->receiver == TRACE_BUS)
                message->n_args = (uint8_t)recorder_read_args(recorder, header, captured->body,
                                                              captured->args);
        if (message->type == FRAME_TYPE_SIGNAL && message->sender != TRACE_BUS)
                message->n_args = (uint8_t)recorder_interest_args(recorder, header, captured->body,
                                                                  captured->args);
        if (header->reply_serial != 0 && message->receiver != TRACE_NOBODY &&
            (message->type == FRAME_TYPE_METHOD_RETURN || message->type == FRAME_TYPE_ERROR))
                message->reply_to =
                        serials_take(&recorder->calls, message->receiver, header->reply_serial);
}

static void write_rule(Recorder *recorder, uint32_t peer, uint32_t rule, bool added)
{
        TraceEvent event = {.kind = TRACE_RULE,
                            .time_ns = recorder->time_ns,
                            .rule = {.peer = peer, .rule = rule, .added = added}};

        trace_writer_event(recorder->writer, &event);
        if (added)
                recorder_interest(recorder, recorder->writer->strings.texts[rule]);
}

/* A call to the bus that changes rules takes effect when it is answered, or, if nobody wants to
 * know, at once. */
static void note_rule_call(Recorder *recorder, const Captured *captured)
{
        const TraceMessage *message = &captured->event.message;
        bool adds = text_equal(captured->header.member, TEXT("AddMatch"));
        uint32_t rule;

        if (message->receiver != TRACE_BUS || message->sender == TRACE_BUS ||
            message->n_args != 1 || message->args[0].type != TRACE_ARG_STRING ||
            (!adds && !text_equal(captured->header.member, TEXT("RemoveMatch"))))
                return;
        rule = message->args[0].value;
        if (message->flags & FRAME_FLAG_NO_REPLY_EXPECTED)
                write_rule(recorder, message->sender, rule, adds);
        else if (!serials_put(&recorder->rules, message->sender, message->serial, rule << 1 | adds))
                recorder->writer->error = -ENOMEM;
}

static void note_call(Recorder *recorder, const Captured *captured)
{
        const TraceMessage *message = &captured->event.message;

        if (!serials_put(&recorder->calls, message->sender, message->serial,
                         recorder->writer->n_messages))
                recorder->writer->error = -ENOMEM;
        if (message->receiver == TRACE_NOBODY && message->destination != 0 &&
            !serials_put(&recorder->call_names, message->sender, message->serial,
                         message->destination))
                recorder->writer->error = -ENOMEM;
        note_rule_call(recorder, captured);
}

static void note_answer(Recorder *recorder, const Captured *captured)
{
        const TraceMessage *message = &captured->event.message;
        uint32_t rule;

        if (message->sender != TRACE_BUS || message->receiver == TRACE_NOBODY)
                return;
        rule = serials_take(&recorder->rules, message->receiver, captured->header.reply_serial);
        if (rule != 0 && message->receiver != TRACE_BUS &&
            message->type == FRAME_TYPE_METHOD_RETURN)
                write_rule(recorder, message->receiver, rule >> 1, rule & 1);
}

static void note_signal(Recorder *recorder, const Captured *captured)
{
        const Header *header = &captured->header;
        BodyArg args[3];

        if (captured->event.message.sender != TRACE_BUS ||
            !text_equal(header->member, TEXT("NameOwnerChanged")) ||
            !text_equal(header->signature, TEXT("sss")))
                return;
        body_read_args(captured->body, header->frame.body_size, header->signature,
                       header->frame.big_endian, 3, args);
        recorder_name_changed(recorder, args[0].text, args[1].text, args[2].text);
}

/* Whoever answers a call to a name that nobody was known to own owns it. */
static void infer_owner(Recorder *recorder, const Captured *captured)
{
        const TraceMessage *message = &captured->event.message;
        const RecorderName *name;
        uint32_t string;

        if (message->receiver == TRACE_NOBODY || captured->header.reply_serial == 0)
                return;
        string = serials_take(&recorder->call_names, message->receiver,
                              captured->header.reply_serial);
        name = string ? recorder_name(recorder, string) : NULL;
        if (name && !name->is_known && message->sender != TRACE_BUS)
                recorder_was_there_name(recorder, recorder->writer->strings.texts[string],
                                        captured->header.sender, false);
}

static void note_effects(Recorder *recorder, const Captured *captured)
{
        switch (captured->event.message.type) {
        case FRAME_TYPE_METHOD_CALL:
                note_call(recorder, captured);
                break;
        case FRAME_TYPE_METHOD_RETURN:
        case FRAME_TYPE_ERROR:
                note_answer(recorder, captured);
                break;
        case FRAME_TYPE_SIGNAL:
                note_signal(recorder, captured);
                break;
        default:
                break;
        }
}

static bool is_hello(const Header *header)
{
        return header->frame.type == FRAME_TYPE_METHOD_CALL && is_bus(header->destination) &&
               text_equal(header->member, TEXT("Hello"));
}

static void count(Recorder *recorder, const TraceMessage *message, size_t size)
{
        recorder->n_messages[message->type < RECORDER_KINDS ? message->type : 0]++;
        recorder->n_bytes += size;
}

int recorder_message(Recorder *recorder, const uint8_t *data, size_t size, uint64_t now_ns,
                     const char **ret_reason)
{
        Captured captured = {.event = {.kind = TRACE_MESSAGE}};
        const char *reason = check_message(data, size, &captured);

        if (reason) {
                *ret_reason = reason;
                return -EINVAL;
        }
        if (!recorder->has_started)
                recorder_start(recorder, now_ns);
        if (now_ns > recorder->start_ns && now_ns - recorder->start_ns > recorder->time_ns)
                recorder->time_ns = now_ns - recorder->start_ns;
        if (concerns_self(recorder, &captured))
                return 0;
        if (!is_bus(captured.header.sender) && !syntax_is_unique_name(captured.header.sender)) {
                recorder->n_strangers++;
                return 0;
        }
        captured.is_hello = is_hello(&captured.header);
        fill_in(recorder, &captured);
        infer_owner(recorder, &captured);
        captured.event.time_ns = recorder->time_ns;
        trace_writer_event(recorder->writer, &captured.event);
        count(recorder, &captured.event.message, size);
        note_effects(recorder, &captured);
        return 0;
}
