/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records are read one after the other by a Cursor that never leaves its record. What the parts of
 * a message may be is in trace_reader_message.c.
 */

#include "bench/load/trace/trace_reader.h"
#include "bench/load/trace/trace_reader_private.h"
#include "broker/base/alloc.h"
#include "proto/frame.h"
#include "proto/syntax.h"
#include "proto/utf8.h"

#include <errno.h>

enum { READER_FIRST_CAPACITY = 64 };

uint64_t trace_reader_take(TraceCursor *cursor, uint64_t max)
{
        uint64_t value = 0;

        for (unsigned shift = 0; shift < 64; shift += 7) {
                uint8_t byte;

                if (cursor->position >= cursor->end) {
                        trace_reader_refuse(cursor, "the record ends within a number");
                        return 0;
                }
                byte = cursor->data[cursor->position++];
                value |= (uint64_t)(byte & 0x7f) << shift;
                if (byte < 0x80) {
                        if ((shift == 63 && byte > 1) || value > max)
                                break;
                        return value;
                }
        }
        trace_reader_refuse(cursor, "a number is out of range");
        return 0;
}

void trace_reader_refuse(TraceCursor *cursor, const char *reason)
{
        if (!cursor->reason)
                cursor->reason = reason;
        cursor->position = cursor->end;
}

bool trace_reader_grow(void *array, size_t size, size_t n_used, size_t *capacity)
{
        size_t wanted = *capacity ? *capacity * 2 : READER_FIRST_CAPACITY;
        void *grown;

        if (n_used < *capacity)
                return true;
        if (wanted > SIZE_MAX / size)
                return false;
        grown = alloc_resize(*(void **)array, wanted * size);
        if (!grown)
                return false;
        *(void **)array = grown;
        *capacity = wanted;
        return true;
}

/* An entry more in one of the trace's arrays, or NULL: out of memory. */
#define APPEND(reader, array, n)                                                                   \
        (trace_reader_grow(&(reader)->trace.array, sizeof(*(reader)->trace.array), (n),            \
                           &(reader)->array##_capacity)                                            \
                 ? &(reader)->trace.array[n]                                                       \
                 : NULL)

/* Facts are shown to people: on a terminal control characters would do things. */
static bool has_controls(const char *data, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if ((unsigned char)data[i] < ' ' || data[i] == 0x7f)
                        return true;
        return false;
}

static void take_text(TraceCursor *cursor, Text *ret_text)
{
        uint64_t size = trace_reader_take(cursor, TRACE_STRING_MAX);
        const char *data = (const char *)cursor->data + cursor->position;

        if (size > cursor->end - cursor->position || !utf8_is_valid(data, size) ||
            has_controls(data, size)) {
                trace_reader_refuse(cursor, "a fact is longer than its record, or no text");
                size = 0;
        }
        *ret_text = (Text){.data = data, .size = size};
        if (!cursor->reason)
                cursor->position += size;
}

static int read_fact(TraceReader *reader, TraceCursor *cursor)
{
        TraceFact *fact = APPEND(reader, facts, reader->trace.n_facts);

        if (!fact)
                return -ENOMEM;
        take_text(cursor, &fact->key);
        take_text(cursor, &fact->value);
        reader->trace.n_facts++;
        return 0;
}

static int read_string(TraceReader *reader, TraceCursor *cursor)
{
        Text text = {.data = (const char *)cursor->data + cursor->position,
                     .size = cursor->end - cursor->position};
        Text *place = APPEND(reader, strings, (size_t)reader->trace.n_strings + 1);

        if (!place)
                return -ENOMEM;
        if (text.size > TRACE_STRING_MAX)
                trace_reader_refuse(cursor, "a string is too long");
        else if (!utf8_is_valid(text.data, text.size))
                trace_reader_refuse(cursor, "a string is not UTF-8, or has a NUL byte");
        *place = text;
        reader->trace.n_strings++;
        cursor->position = cursor->end;
        return 0;
}

static int read_peer(TraceReader *reader, TraceCursor *cursor, TraceEvent *event)
{
        Trace *trace = &reader->trace;
        TracePeer *peer = APPEND(reader, peers, (size_t)trace->n_peers + 1);

        if (!peer)
                return -ENOMEM;
        peer->name = trace_reader_string(reader, cursor);
        event->was_there = peer->was_there = trace_reader_take(cursor, 1);
        if (!syntax_is_unique_name(trace_text(trace, peer->name)))
                trace_reader_refuse(cursor, "a peer's name is no unique name");
        event->peer = ++trace->n_peers;
        return 0;
}

static void read_name(TraceReader *reader, TraceCursor *cursor, TraceEvent *event)
{
        event->name.name = trace_reader_string(reader, cursor);
        event->name.old_owner = (uint32_t)trace_reader_take(cursor, reader->trace.n_peers);
        event->name.new_owner = (uint32_t)trace_reader_take(cursor, reader->trace.n_peers);
        event->was_there = trace_reader_take(cursor, 1);
        if (!syntax_is_well_known_name(trace_text(&reader->trace, event->name.name)))
                trace_reader_refuse(cursor, "an owned name is no well-known name");
}

static void read_rule(TraceReader *reader, TraceCursor *cursor, TraceEvent *event)
{
        event->rule.peer = (uint32_t)trace_reader_take(cursor, reader->trace.n_peers);
        event->rule.rule = trace_reader_string(reader, cursor);
        event->rule.added = trace_reader_take(cursor, 1);
        event->was_there = trace_reader_take(cursor, 1);
        if (event->rule.peer == TRACE_BUS || event->rule.rule == 0)
                trace_reader_refuse(cursor, "a rule without a peer or a text");
}

static void read_end(TraceReader *reader, TraceCursor *cursor)
{
        if (trace_reader_take(cursor, UINT32_MAX) != reader->trace.n_peers ||
            trace_reader_take(cursor, UINT32_MAX) != reader->trace.n_messages)
                trace_reader_refuse(cursor, "the end record counts other peers and messages");
        reader->at_end = true;
}

static void take_time(TraceReader *reader, TraceCursor *cursor)
{
        uint64_t delta = trace_reader_take(cursor, UINT64_MAX);

        if (delta > UINT64_MAX / 2 - reader->trace.duration_ns)
                trace_reader_refuse(cursor, "times add up to more than 292 years");
        else
                reader->trace.duration_ns += delta;
}

static int read_event(TraceReader *reader, TraceCursor *cursor, TraceKind kind)
{
        Trace *trace = &reader->trace;
        TraceEvent *event = APPEND(reader, events, trace->n_events);
        int r = 0;

        if (!event)
                return -ENOMEM;
        take_time(reader, cursor);
        *event = (TraceEvent){.kind = kind, .time_ns = trace->duration_ns};
        switch (kind) {
        case TRACE_PEER:
                r = read_peer(reader, cursor, event);
                break;
        case TRACE_GONE:
                event->peer = (uint32_t)trace_reader_take(cursor, trace->n_peers);
                if (event->peer == TRACE_BUS)
                        trace_reader_refuse(cursor, "the bus itself cannot leave");
                break;
        case TRACE_NAME:
                read_name(reader, cursor, event);
                break;
        case TRACE_RULE:
                read_rule(reader, cursor, event);
                break;
        case TRACE_MESSAGE:
                r = trace_reader_message(reader, cursor, &event->message);
                break;
        case TRACE_END:
                read_end(reader, cursor);
                return 0;
        case TRACE_FACT:
        case TRACE_STRING:
                break;
        }
        trace->n_events++;
        return r;
}

/* Records of a kind that this version does not know are passed over. */
static int read_record(TraceReader *reader, TraceCursor *cursor, uint64_t kind)
{
        if (kind == TRACE_FACT)
                return read_fact(reader, cursor);
        if (kind == TRACE_STRING)
                return read_string(reader, cursor);
        if (kind <= TRACE_MESSAGE)
                return read_event(reader, cursor, (TraceKind)kind);
        return 0;
}

static int read_records(TraceReader *reader, const uint8_t *data, size_t size, TraceError *error)
{
        size_t position = TRACE_HEADER_SIZE;

        while (position < size && !reader->at_end) {
                TraceCursor cursor = {.data = data, .position = position, .end = size};
                uint64_t kind = trace_reader_take(&cursor, UINT64_MAX);
                uint64_t record_size = trace_reader_take(&cursor, UINT64_MAX);
                bool is_cut = cursor.reason || record_size > size - cursor.position;
                int r;

                if (is_cut)
                        break;
                cursor.end = cursor.position + record_size;
                r = read_record(reader, &cursor, kind);
                if (r == 0 && cursor.reason)
                        r = -EINVAL;
                if (r < 0) {
                        *error = (TraceError){.offset = position, .reason = cursor.reason};
                        return r;
                }
                position = cursor.end;
        }
        if (!reader->at_end) {
                reader->trace.cut_offset = position;
        } else if (position < size) {
                *error = (TraceError){.offset = position, .reason = "bytes behind the end record"};
                return -EINVAL;
        }
        return 0;
}

static const char *check_header(const uint8_t *data, size_t size, Trace *trace)
{
        if (size < TRACE_HEADER_SIZE || memcmp(data, TRACE_MAGIC, TRACE_MAGIC_SIZE) != 0)
                return "not a trace of ringbus-load";
        if (frame_load_u16(data + TRACE_MAGIC_SIZE, false) != TRACE_VERSION)
                return "a trace of another version of ringbus-load";
        if ((frame_load_u16(data + TRACE_MAGIC_SIZE + 2, false) & ~TRACE_HAS_PAYLOADS) != 0)
                return "a trace with features that this version does not know";
        trace->has_payloads = data[TRACE_MAGIC_SIZE + 2] & TRACE_HAS_PAYLOADS;
        return NULL;
}

int trace_reader_parse(const uint8_t *data, size_t size, Trace *ret_trace, TraceError *ret_error)
{
        TraceReader reader = {.at_end = false};
        const char *reason = check_header(data, size, &reader.trace);
        int r = -ENOMEM;

        if (reason) {
                *ret_error = (TraceError){.offset = 0, .reason = reason};
                return -EINVAL;
        }
        if (APPEND(&reader, strings, 0) && APPEND(&reader, peers, 0) &&
            APPEND(&reader, messages, 0)) {
                reader.trace.strings[0] = TEXT_NONE;
                reader.trace.peers[0] = (TracePeer){.was_there = true};
                reader.trace.messages[0] = 0;
                r = read_records(&reader, data, size, ret_error);
        }
        if (r < 0) {
                trace_reader_deinit(&reader.trace);
                return r;
        }
        trace_reader_attach_args(&reader.trace);
        *ret_trace = reader.trace;
        return 0;
}

void trace_reader_deinit(Trace *trace)
{
        alloc_free(trace->strings);
        alloc_free(trace->peers);
        alloc_free(trace->facts);
        alloc_free(trace->events);
        alloc_free(trace->messages);
        alloc_free(trace->args);
        alloc_free(trace->data);
        *trace = (Trace){.n_events = 0};
}
