/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_RECORD_H
#define RINGBUS_BENCH_LOAD_TRACE_RECORD_H

/*
 * `ringbus-load record FILE`: from a live bus (record_live.c) or from a pcap file (record_pcap.c)
 * to a trace. Main thread.
 */

#include <stdio.h>

#include "bench/load/engine/progress.h"
#include "bench/load/trace/recorder.h"

typedef struct RecordKnobs {
        const char *address, *pcap;
        bool session, system, payloads, quiet;
        uint64_t duration_ns; /* 0: until SIGINT or SIGTERM */
} RecordKnobs;

/* A recording under way. */
typedef struct Record {
        RecordKnobs knobs;
        const char *path; // borrowed: of the trace
        FILE *file;
        TraceWriter writer;
        Recorder recorder;
        Progress progress;
} Record;

/* The subcommand; argv[0] is its name. Exit status. */
int record_main(int argc, char **argv);

/* Records until the end. 0; or -1 after saying why it went wrong: what was recorded until then is
 * completed all the same, if anything was. */
int record_from_bus(Record *record);
int record_from_pcap(Record *record);

/* A fact from text; one without text is left out. */
void record_fact(Record *record, const char *key, const char *value);

/* The address that the knobs mean, in `address`; -1 after saying that there is none. */
enum { RECORD_ADDRESS_MAX = 512 };
int record_find_address(const RecordKnobs *knobs, char address[static RECORD_ADDRESS_MAX]);

#endif
