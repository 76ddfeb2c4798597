/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recorded message, written anew: with this bus's unique names and serials, in native byte order.
 * Arguments of calls to the bus are the recorded ones. Other bodies are the recorded ones if the
 * trace has them, or made up.
 */

#include "bench/load/engine/process.h"
#include "bench/load/trace/replay.h"
#include "bench/load/trace/replay_body.h"
#include "bench/load/trace/replay_plan_private.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "proto/matchrule.h"
#include "proto/writer.h"

#include <stdlib.h>

enum {
        HEADER_ROOM = 4096, /* the path apart */
        SIZE_SLACK = 16,    /* of bodies that are made up */
        FDS_MAX = 16,       /* of connection_queue() */
};

static const bool native_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

/* Nobody ever has this name. */
static const char no_name[] = ":0.0";

static Text name_of_peer(const Replay *replay, uint32_t peer)
{
        const char *name = replay->actors[peer].client.connection.unique_name;

        return text_from(name[0] ? name : no_name);
}

Text replay_send_name(const Replay *replay, uint32_t recorded)
{
        Text name = trace_text(&replay->trace, recorded);
        uint32_t peer = replay->recorded_peers[recorded];

        if (peer != 0)
                return name_of_peer(replay, peer);
        return name.size > 0 && name.data[0] == ':' ? text_from(no_name) : name;
}

static bool is_name_character(char c)
{
        return c == ':' || c == '.' || c == '-' || c == '_' || (c >= '0' && c <= '9') ||
               (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The peer whose recorded unique name the text begins with, to the end of the name. */
static uint32_t find_name(const Replay *replay, Text text, size_t *ret_size)
{
        Text name = {.data = text.data, .size = 0};

        while (name.size < text.size && is_name_character(text.data[name.size]))
                name.size++;
        *ret_size = name.size;
        for (uint32_t i = 1; i <= replay->trace.n_peers; i++)
                if (text_equal(trace_text(&replay->trace, replay->trace.peers[i].name), name))
                        return i;
        return 0;
}

bool replay_send_rule(const Replay *replay, Text recorded, char *out, size_t *size)
{
        size_t n = 0;

        for (size_t i = 0; i < recorded.size;) {
                Text piece = {.data = recorded.data + i, .size = 1};
                size_t taken = 1;

                if (recorded.data[i] == ':' && i > 0 &&
                    (recorded.data[i - 1] == '\'' || recorded.data[i - 1] == '=')) {
                        Text rest = {.data = piece.data, .size = recorded.size - i};
                        uint32_t peer = find_name(replay, rest, &taken);

                        piece.size = taken;
                        if (peer != 0)
                                piece = name_of_peer(replay, peer);
                }
                if (piece.size >= *size - n)
                        return false;
                memcpy(out + n, piece.data, piece.size);
                n += piece.size;
                i += taken;
        }
        out[n] = '\0';
        *size = n;
        return true;
}

/* Room in the replay's buffer; out of memory ends the program. */
static void reserve(Replay *replay, size_t size)
{
        if (size <= replay->buffer_size)
                return;
        alloc_free(replay->buffer);
        replay->buffer_size = (size + 4095) & ~(size_t)4095;
        replay->buffer = alloc_aligned(64, replay->buffer_size);
        if (!replay->buffer)
                process_out_of_memory();
}

static Text argument_text(const Replay *replay, const TraceMessage *message, const TraceArg *arg,
                          char rule[static MATCHRULE_CANONICAL_MAX])
{
        size_t size = MATCHRULE_CANONICAL_MAX;
        bool is_rule = text_equal(trace_text(&replay->trace, message->member), TEXT("AddMatch")) ||
                       text_equal(trace_text(&replay->trace, message->member), TEXT("RemoveMatch"));
        Text recorded = trace_text(&replay->trace, arg->value);

        if (!is_rule)
                return replay->recorded_peers[arg->value] ? replay_send_name(replay, arg->value)
                                                          : recorded;
        if (!replay_send_rule(replay, recorded, rule, &size))
                return recorded;
        return (Text){.data = rule, .size = size};
}

static void write_arguments(const Replay *replay, const TraceMessage *message, Writer *writer)
{
        char rule[MATCHRULE_CANONICAL_MAX];

        for (unsigned i = 0; i < message->n_args; i++) {
                const TraceArg *arg = &message->args[i];

                if (arg->type == TRACE_ARG_STRING)
                        writer_string(writer, argument_text(replay, message, arg, rule));
                else
                        writer_u32(writer, arg->value);
        }
}

/* The arguments that rules ask for; returns how many. */
static unsigned find_given(const Replay *replay, const TraceMessage *message,
                           ReplayBodyArg args[static TRACE_ARGS_MAX])
{
        unsigned n = 0;

        for (unsigned i = 0; i < message->n_args; i++) {
                const TraceArg *arg = &message->args[i];

                if (arg->type != TRACE_ARG_STRING)
                        continue;
                args[n].index = arg->index;
                args[n++].value = replay->recorded_peers[arg->value]
                                          ? replay_send_name(replay, arg->value)
                                          : trace_text(&replay->trace, arg->value);
        }
        return n;
}

/*
 * A body that is made up: of the recorded size, or, if a rule's value stands for a longer or
 * shorter one and no other value can make up for that, of almost that size; or without that value.
 */
static bool make_body(Replay *replay, const TraceMessage *message, Text signature, size_t at,
                      uint32_t *size)
{
        uint8_t *body = replay->buffer + at;
        ReplayBodyArg args[TRACE_ARGS_MAX];
        unsigned n_args = find_given(replay, message, args);
        uint32_t least = *size > SIZE_SLACK ? *size - SIZE_SLACK : 0;

        if (replay_body_fill(body, *size, signature, args, n_args))
                return true;
        for (uint32_t other = *size + SIZE_SLACK; n_args > 0 && other >= least && other > 0;
             other--) {
                if (!replay_body_fill(body, other, signature, args, n_args))
                        continue;
                replay->n_bodies_resized++;
                *size = other;
                return true;
        }
        return replay_body_fill(body, *size, signature, NULL, 0);
}

/* The recorded body, or one made up; false: none can be. */
static bool put_body(Replay *replay, const TraceMessage *message, size_t at, uint32_t *size)
{
        Text signature = trace_text(&replay->trace, message->signature);

        if (!message->body || message->big_endian != native_big_endian)
                return make_body(replay, message, text_present(signature) ? signature : TEXT(""),
                                 at, size);
        memcpy(replay->buffer + at, message->body, *size);
        return true;
}

/* A body of as many bytes that is an array of bytes; or none, if there is no room for its size. */
static uint32_t put_bytes(Replay *replay, const TraceMessage *message, WriterHeader *header,
                          size_t *header_size)
{
        uint32_t size = message->body_size, count = size - 4;
        Writer writer;

        replay->n_bodies_replaced++;
        header->signature = size >= 4 ? TEXT("ay") : TEXT("");
        writer_begin(&writer, replay->buffer, replay->buffer_size, header);
        if (writer_finish(&writer, header_size) < 0 || size < 4)
                return 0;
        memset(replay->buffer + *header_size, 0, size);
        memcpy(replay->buffer + *header_size, &count, sizeof(count));
        return size;
}

/* The message in the replay's buffer; its size, or 0 if it cannot be written. */
static size_t build(Replay *replay, const TraceMessage *message, WriterHeader *header)
{
        bool has_arguments = replay_plan_has_arguments(&replay->plan, message);
        uint32_t body_size = message->body_size;
        Writer writer;
        size_t size = 0;

        reserve(replay, HEADER_ROOM + header->path.size + body_size + SIZE_SLACK +
                                (size_t)message->n_args * (MATCHRULE_CANONICAL_MAX + 8));
        writer_begin(&writer, replay->buffer, replay->buffer_size, header);
        if (has_arguments)
                write_arguments(replay, message, &writer);
        if (writer_finish(&writer, &size) < 0)
                return 0;
        if (has_arguments)
                return size;
        if (!put_body(replay, message, size, &body_size))
                body_size = put_bytes(replay, message, header, &size);
        memcpy(replay->buffer + 4, &body_size, sizeof(body_size));
        return size + body_size;
}

/* A unique name is that of whoever got the message. */
static Text find_destination(const Replay *replay, uint32_t number)
{
        const TraceMessage *message = replay_plan_message(&replay->plan, number);
        Text name = trace_text(&replay->trace, message->destination);
        uint32_t receiver = replay->plan.fates[number].receiver;

        if (name.data[0] == ':' && receiver != TRACE_NOBODY && receiver != TRACE_BUS)
                return name_of_peer(replay, receiver);
        return replay_send_name(replay, message->destination);
}

static void describe(Replay *replay, const ReplayStep *step, WriterHeader *header)
{
        const Trace *trace = &replay->trace;
        const TraceMessage *message = replay_plan_message(&replay->plan, step->message);

        *header = (WriterHeader){
                .type = message->type,
                .flags = message->flags,
                .path = trace_text(trace, message->path),
                .interface = trace_text(trace, message->interface),
                .member = trace_text(trace, message->member),
                .error_name = trace_text(trace, message->error),
                .signature = trace_text(trace, message->signature),
                .n_unix_fds = message->n_fds > FDS_MAX ? FDS_MAX : message->n_fds,
        };
        if (message->destination != 0)
                header->destination = find_destination(replay, step->message);
        if (step->wants_no_answer)
                header->flags |= FRAME_FLAG_NO_REPLY_EXPECTED;
        replay->n_fds_left_out += message->n_fds - header->n_unix_fds;
}

/* An answer goes to whoever called, from whoever got the call. */
static ReplayActor *find_answerer(Replay *replay, const TraceMessage *message, ReplayActor *actor,
                                  WriterHeader *header)
{
        const ReplayMessage *call;

        if (message->reply_to == 0)
                return actor;
        call = &replay->messages[message->reply_to];
        if (call->arrived_ns == 0)
                return NULL;
        header->reply_serial = call->serial;
        return &replay->actors[call->at];
}

bool replay_send(ReplayActor *actor, const ReplayStep *step)
{
        Replay *replay = actor->replay;
        const TraceMessage *message = replay_plan_message(&replay->plan, step->message);
        ReplayMessage *sent = &replay->messages[step->message];
        int fds[FDS_MAX];
        WriterHeader header;
        size_t size;

        describe(replay, step, &header);
        actor = find_answerer(replay, message, actor, &header);
        if (!actor || !actor->is_connected)
                return false;
        header.serial = connection_serial(&actor->client.connection);
        size = build(replay, message, &header);
        if (size == 0)
                return false;
        for (unsigned i = 0; i < header.n_unix_fds; i++)
                fds[i] = replay->null_fd;
        sent->serial = header.serial;
        sent->sent_ns = loop_refresh(replay->part->loop);
        if (message->reply_to == 0 &&
            (step->awaits != REPLAY_AWAIT_NOTHING ||
             replay->plan.fates[step->message].answer != 0) &&
            !serials_put(&replay->serials, actor->peer, header.serial, step->message))
                abort();
        connection_queue(&actor->client.connection, replay->buffer, size, fds, header.n_unix_fds);
        return true;
}
