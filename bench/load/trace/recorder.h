/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_RECORDER_H
#define RINGBUS_BENCH_LOAD_TRACE_RECORDER_H

/*
 * From the messages of a bus, as a monitor sees them, to a trace: who is who, which answer belongs
 * to which call, who owns which name and has which rules. It knows neither sockets nor files, so
 * that a live bus, a pcap file and a fuzzer use the same code.
 *
 * What was so before the recording is told by recorder_was_there_*(); what was not told is inferred
 * from what peers say: whoever speaks without having said Hello was there, and so did whoever
 * answers a call to a name own that name.
 *
 * Owner: one thread.
 */

#include "bench/load/trace/serials.h"
#include "bench/load/trace/trace_writer.h"
#include "proto/header.h"

/* What the recorder knows of a string that is a bus name. */
typedef struct RecorderName {
        uint32_t peer; /* of a unique name: its peer; of another: its owner. 0: none */
        bool is_known; /* its owner, or that there is none */
} RecorderName;

/* What a match rule asks about an argument. */
typedef struct RecorderInterest {
        uint8_t index;
        uint8_t kind; /* MatchRuleArgKind */
        uint32_t value;
} RecorderInterest;

enum { RECORDER_KINDS = 5 /* by FrameType; [0]: other types */ };

typedef struct Recorder {
        TraceWriter *writer; // borrowed
        uint64_t start_ns;   /* what is time 0; set by the first message if `started` is false */
        bool has_started;
        RecorderName *names; /* by string number */
        uint32_t n_names;
        Serials calls;      /* caller and serial: the call's number */
        Serials rules;      /* the same: twice the rule's string number, plus 1 if it is added */
        Serials call_names; /* the same: to which name, if nobody was known to own it */
        Serials interests;  /* what rules ask: by index and kind, and the value's string number */
        RecorderInterest *inexact; /* of these, those that ask for more than one value */
        uint32_t n_inexact;
        char self[64]; /* the unique name of the one who captures: left out. "": nobody */
        uint64_t n_messages[RECORDER_KINDS];
        uint64_t n_bytes;     /* of all messages, whole */
        uint64_t n_strangers; /* messages left out because they say no sender */
        uint64_t time_ns;     /* of the last message, from the start */
} Recorder;

/* Out of memory, like any failed write, is the writer's error. */
void recorder_init(Recorder *recorder, TraceWriter *writer);
void recorder_deinit(Recorder *recorder); /* idempotent */

/* The clock reads `now_ns` at the recording's time 0. */
void recorder_start(Recorder *recorder, uint64_t now_ns);

/* State from before, or found out meanwhile. Known facts are not repeated. */
void recorder_was_there_peer(Recorder *recorder, Text unique_name);
void recorder_was_there_name(Recorder *recorder, Text name, Text owner, bool is_queued);
void recorder_was_there_rule(Recorder *recorder, Text peer, Text rule);

/* A name got another owner; TEXT_NONE or an empty text: nobody. */
void recorder_name_changed(Recorder *recorder, Text name, Text old_owner, Text new_owner);

/*
 * One message, exactly `size` bytes, captured at `now_ns`. 0; or -EINVAL if it is none, with
 * *ret_reason a static English phrase.
 */
int recorder_message(Recorder *recorder, const uint8_t *data, size_t size, uint64_t now_ns,
                     const char **ret_reason);

#endif
