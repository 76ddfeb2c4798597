/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_TRACE_WRITER_H
#define RINGBUS_BENCH_LOAD_TRACE_TRACE_WRITER_H

/*
 * Writes a trace, record by record, in the order of the events. Errors stick: write everything,
 * then ask trace_writer_close(). hash_init() must have been called. Owner: one thread.
 */

#include <stdio.h>

#include "bench/load/trace/intern.h"
#include "bench/load/trace/trace.h"

typedef struct TraceWriter {
        FILE *file; /* borrowed */
        bool payloads;
        int error; /* 0 or -errno: the first failure */
        Intern strings;
        uint8_t *record; /* the one that is being put together */
        size_t record_size;
        size_t record_capacity;
        uint64_t time_ns; /* of the last event */
        uint32_t n_peers;
        uint32_t n_messages;
} TraceWriter;

/* Writes the file's header. With `payloads` each message needs its body, without none is written.
 */
void trace_writer_init(TraceWriter *writer, FILE *file, bool payloads);

/* The number of a string, which is written first if it is new. TEXT_NONE: 0. At most
 * TRACE_STRING_MAX bytes. */
uint32_t trace_writer_string(TraceWriter *writer, Text text);

void trace_writer_fact(TraceWriter *writer, Text key, Text value);

/*
 * Writes an event. Its strings and peers must have been written. Times before the last event's
 * count as the last event's. The number of a peer or message is the writer's n_peers or n_messages
 * afterwards; event.peer is not looked at for TRACE_PEER, whose name comes from `name`.
 */
void trace_writer_peer(TraceWriter *writer, uint64_t time_ns, uint32_t name, bool was_there);
void trace_writer_event(TraceWriter *writer, const TraceEvent *event);

/* All that was written so far is in the file, or writer->error tells why not. */
void trace_writer_flush(TraceWriter *writer);

/* Completes the file, without closing it. 0, or -errno of the first failure. */
int trace_writer_finish(TraceWriter *writer, uint64_t time_ns);

/* Frees its memory. Idempotent. */
void trace_writer_deinit(TraceWriter *writer);

#endif
