/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record is put together in memory, because its size comes before it; a message's body goes to
 * the file directly.
 */

#include "bench/load/trace/trace_writer.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

#include <errno.h>

enum { VARINT_MAX = 10, RECORD_FIRST_CAPACITY = 512 };

static void fail(TraceWriter *writer, int error)
{
        if (writer->error == 0)
                writer->error = error;
}

static void write_file(TraceWriter *writer, const void *data, size_t size)
{
        if (writer->error != 0 || size == 0)
                return;
        errno = 0;
        if (fwrite(data, 1, size, writer->file) != size)
                fail(writer, errno > 0 ? -errno : -EIO);
}

static bool reserve(TraceWriter *writer, size_t size)
{
        size_t capacity = writer->record_capacity;
        uint8_t *record;

        if (size <= capacity - writer->record_size)
                return true;
        capacity = capacity * 2 + size + RECORD_FIRST_CAPACITY;
        record = alloc_resize(writer->record, capacity);
        if (!record) {
                fail(writer, -ENOMEM);
                return false;
        }
        writer->record = record;
        writer->record_capacity = capacity;
        return true;
}

static size_t encode(uint64_t value, uint8_t out[static VARINT_MAX])
{
        size_t size = 0;

        while (value >= 0x80) {
                out[size++] = (uint8_t)(value | 0x80);
                value >>= 7;
        }
        out[size++] = (uint8_t)value;
        return size;
}

static void put_bytes(TraceWriter *writer, const void *data, size_t size)
{
        if (size == 0 || !reserve(writer, size))
                return;
        memcpy(writer->record + writer->record_size, data, size);
        writer->record_size += size;
}

static void put(TraceWriter *writer, uint64_t value)
{
        uint8_t bytes[VARINT_MAX];

        put_bytes(writer, bytes, encode(value, bytes));
}

static void put_time(TraceWriter *writer, uint64_t time_ns)
{
        uint64_t delta = time_ns > writer->time_ns ? time_ns - writer->time_ns : 0;

        put(writer, delta);
        writer->time_ns += delta;
}

/* Writes the record that was put together; `tail_size` bytes follow that are not in it. */
static void write_record(TraceWriter *writer, TraceKind kind, size_t tail_size)
{
        uint8_t bytes[VARINT_MAX];

        write_file(writer, bytes, encode(kind, bytes));
        write_file(writer, bytes, encode(writer->record_size + tail_size, bytes));
        write_file(writer, writer->record, writer->record_size);
        writer->record_size = 0;
}

void trace_writer_init(TraceWriter *writer, FILE *file, bool payloads)
{
        uint8_t header[TRACE_HEADER_SIZE] = TRACE_MAGIC;

        *writer = (TraceWriter){.file = file, .payloads = payloads};
        header[TRACE_MAGIC_SIZE] = TRACE_VERSION;
        header[TRACE_MAGIC_SIZE + 2] = payloads ? TRACE_HAS_PAYLOADS : 0;
        write_file(writer, header, sizeof(header));
}

uint32_t trace_writer_string(TraceWriter *writer, Text text)
{
        bool is_new = false;
        uint32_t number;

        if (!text_present(text))
                return 0;
        ASSERT(text.size <= TRACE_STRING_MAX);
        number = intern_text(&writer->strings, text, &is_new);
        if (number == 0)
                fail(writer, -ENOMEM);
        if (is_new) {
                put_bytes(writer, text.data, text.size);
                write_record(writer, TRACE_STRING, 0);
        }
        return number;
}

void trace_writer_fact(TraceWriter *writer, Text key, Text value)
{
        put(writer, key.size);
        put_bytes(writer, key.data, key.size);
        put(writer, value.size);
        put_bytes(writer, value.data, value.size);
        write_record(writer, TRACE_FACT, 0);
}

void trace_writer_peer(TraceWriter *writer, uint64_t time_ns, uint32_t name, bool was_there)
{
        put_time(writer, time_ns);
        put(writer, name);
        put(writer, was_there);
        write_record(writer, TRACE_PEER, 0);
        writer->n_peers++;
}

static void put_args(TraceWriter *writer, const TraceMessage *message)
{
        put(writer, message->n_args);
        for (unsigned i = 0; i < message->n_args; i++) {
                const TraceArg *arg = &message->args[i];

                put(writer, arg->index);
                put(writer, arg->type);
                put(writer, arg->value);
        }
}

static void write_message(TraceWriter *writer, const TraceMessage *message)
{
        size_t tail_size = writer->payloads ? message->body_size : 0;

        writer->n_messages++;
        ASSERT(message->reply_to < writer->n_messages);
        put(writer, message->type);
        put(writer, message->flags);
        put(writer, message->big_endian);
        put(writer, message->sender);
        put(writer, message->receiver == TRACE_NOBODY ? 0 : (uint64_t)message->receiver + 1);
        put(writer, message->destination);
        put(writer, message->serial);
        put(writer, message->reply_to ? writer->n_messages - message->reply_to : 0);
        put(writer, message->path);
        put(writer, message->interface);
        put(writer, message->member);
        put(writer, message->error);
        put(writer, message->signature);
        put(writer, message->body_size);
        put(writer, message->n_fds);
        put_args(writer, message);
        write_record(writer, TRACE_MESSAGE, tail_size);
        if (tail_size > 0)
                write_file(writer, message->body, tail_size);
}

void trace_writer_event(TraceWriter *writer, const TraceEvent *event)
{
        put_time(writer, event->time_ns);
        switch (event->kind) {
        case TRACE_GONE:
                put(writer, event->peer);
                break;
        case TRACE_NAME:
                put(writer, event->name.name);
                put(writer, event->name.old_owner);
                put(writer, event->name.new_owner);
                put(writer, event->was_there);
                break;
        case TRACE_RULE:
                put(writer, event->rule.peer);
                put(writer, event->rule.rule);
                put(writer, event->rule.added);
                put(writer, event->was_there);
                break;
        case TRACE_MESSAGE:
                write_message(writer, &event->message);
                return;
        case TRACE_PEER: /* trace_writer_peer() */
        case TRACE_END:
        case TRACE_FACT:
        case TRACE_STRING:
                ASSERT_NOT_REACHED();
        }
        write_record(writer, event->kind, 0);
}

void trace_writer_flush(TraceWriter *writer)
{
        if (writer->error == 0 && fflush(writer->file) != 0)
                fail(writer, -errno);
}

int trace_writer_finish(TraceWriter *writer, uint64_t time_ns)
{
        put_time(writer, time_ns);
        put(writer, writer->n_peers);
        put(writer, writer->n_messages);
        write_record(writer, TRACE_END, 0);
        trace_writer_flush(writer);
        return writer->error;
}

void trace_writer_deinit(TraceWriter *writer)
{
        intern_deinit(&writer->strings);
        writer->record = alloc_free(writer->record);
        writer->record_capacity = 0;
}
