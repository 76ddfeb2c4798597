/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_MICRO_TRAFFIC_H
#define RINGBUS_BENCH_MICRO_TRAFFIC_H

/*
 * Messages as clients write them, in either byte order, to cut, parse and stamp. They are written
 * by tests/support/marshal.h, which shares nothing with what is measured.
 */

#include "proto/header.h"
#include "tests/support/marshal.h"

typedef enum TrafficKind {
        TRAFFIC_CALL,   /* four fields, no body */
        TRAFFIC_REPLY,  /* three fields, a number */
        TRAFFIC_SIGNAL, /* PropertiesChanged with two properties */
        /* With fields that stamping removes: */
        TRAFFIC_CALL_SENDER,    /* SENDER first */
        TRAFFIC_SIGNAL_SENDER,  /* SENDER in the middle */
        TRAFFIC_SIGNAL_UNKNOWN, /* SENDER and unknown fields between all others */
        TRAFFIC_KINDS,
} TrafficKind;

/* Owner: whoever has it made. `header` points into `bytes`. */
typedef struct Traffic {
        TrafficKind kind;
        Marshal bytes;
        Header header; /* as header_parse() reads it; compared with what was written */
} Traffic;

/* "call", "signal_sender" and so on. */
const char *traffic_name(TrafficKind kind);

/* This machine's byte order, and the names of that and the other one: "native", "swapped". */
bool traffic_native(void);
const char *traffic_order_name(bool big_endian);

/*
 * Writes a message of serial 1 to the beginning of `bytes`: with the body of its kind or, unless
 * `body_size` is 0, with an "ay" that makes the body so long (at least 4 bytes).
 */
void traffic_write(Marshal *bytes, TrafficKind kind, size_t body_size);

/* One message with its kind's body. */
void traffic_make(Traffic *traffic, TrafficKind kind, bool big_endian);
void traffic_deinit(Traffic *traffic);

/* Whether the header has the fields that were written. SENDER and unknown ones are not looked at.
 */
bool traffic_has_fields(TrafficKind kind, const Header *header);

#endif
