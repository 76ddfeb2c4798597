/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_TRACE_READER_PRIVATE_H
#define RINGBUS_BENCH_LOAD_TRACE_TRACE_READER_PRIVATE_H

/* What the files of the trace reader share. Owner: the thread that reads. */

#include "bench/load/trace/trace.h"

/* Reads within [position, end); what cannot be read leaves a reason and ends the record. */
typedef struct TraceCursor {
        const uint8_t *data;
        size_t position;
        size_t end;
        const char *reason; /* NULL: all is well */
} TraceCursor;

typedef struct TraceReader {
        Trace trace;
        size_t strings_capacity, peers_capacity, facts_capacity, events_capacity;
        size_t messages_capacity, args_capacity;
        size_t n_args;
        bool at_end; /* the end record was read */
} TraceReader;

/* A number (LEB128) of at most `max`; 0 after refusing it. */
uint64_t trace_reader_take(TraceCursor *cursor, uint64_t max);
void trace_reader_refuse(TraceCursor *cursor, const char *reason);

/* Room for one more in *(T **)array, whose elements have `size` bytes. False: out of memory. */
bool trace_reader_grow(void *array, size_t size, size_t n_used, size_t *capacity);

/* The number of a string that there is, or 0. */
uint32_t trace_reader_string(const TraceReader *reader, TraceCursor *cursor);

/* The rest of a MESSAGE record. 0 or -ENOMEM; what is wrong with it stands in the cursor. */
int trace_reader_message(TraceReader *reader, TraceCursor *cursor, TraceMessage *message);

/* The arguments moved while they grew: gives the messages theirs. */
void trace_reader_attach_args(Trace *trace);

#endif
