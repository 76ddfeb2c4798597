/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_RECORD_LIVE_H
#define RINGBUS_BENCH_LOAD_TRACE_RECORD_LIVE_H

/*
 * Recording from a live bus: what its two files share. Owner: the main thread.
 */

#include "bench/load/engine/connection.h"
#include "bench/load/trace/record.h"

typedef enum LiveState {
        LIVE_CONNECTING,
        LIVE_WATCHING,
        LIVE_LISTING,
        LIVE_OWNERS,
        LIVE_RULES,
        LIVE_BECOMING,
        LIVE_MONITORING,
} LiveState;

typedef struct Live {
        Record *record;
        Loop loop;
        Connection connection;
        LiveState state;
        uint32_t serial;     /* of the call that is not answered yet */
        uint32_t n_answered; /* OWNERS: so many names of the list */
        char **names;        /* OWNERS: the list */
        uint32_t n_names;
        Timer tick; /* once a second: the progress line, the file */
        LoopSource signals;
        int signal_fd;
        bool has_failed;
        uint64_t ends_ns; /* UINT64_MAX: never */
} Live;

/* The recording has failed, for this reason: ends the loop. */
void record_live_fail(Live *live, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The connection is a monitor now: the recording's time begins. */
void record_live_start(Live *live);

/* Asks for what is there, then becomes a monitor; and what comes until then. */
void record_snapshot_begin(Live *live);
void record_snapshot_frame(Live *live, const ConnectionFrame *frame);

#endif
