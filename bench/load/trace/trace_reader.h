/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_TRACE_READER_H
#define RINGBUS_BENCH_LOAD_TRACE_TRACE_READER_H

/*
 * Reads a trace from memory or from a file. Nothing in it is believed: sizes and numbers are
 * checked against what there is, names, paths and signatures against the specification's syntax.
 * Owner: one thread.
 */

#include "bench/load/trace/trace.h"

typedef struct TraceError {
        size_t offset;      /* of the record, or of the byte behind the last one */
        const char *reason; /* a static English phrase */
} TraceError;

/*
 * Reads a trace whose texts and bodies then point into `data`. A file that just ends, because its
 * recorder was killed, is read up to its last whole record: see Trace.cut_offset. 0, or -EINVAL
 * with *ret_error, or -ENOMEM. *ret_trace is written only on success.
 */
int trace_reader_parse(const uint8_t *data, size_t size, Trace *ret_trace, TraceError *ret_error);

/* A whole file, which may be a pipe: the caller frees it. 0 or -errno. */
int trace_reader_load(const char *path, uint8_t **ret_data, size_t *ret_size);

/* Loads and parses `path`. 0, or -1 after saying on stderr what is wrong with the file and where;
 * that a file was cut off is said, too, and is no failure. */
int trace_reader_open(const char *path, Trace *ret_trace);

/* Frees everything. Idempotent. */
void trace_reader_deinit(Trace *trace);

#endif
