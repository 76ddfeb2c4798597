/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_TRACE_H
#define RINGBUS_BENCH_LOAD_TRACE_TRACE_H

/*
 * What was said on a bus: peers, the names they owned, their match rules and their messages, in
 * the order in which the bus handled them. docs/TRACE.md describes the file byte by byte, and what
 * is in it and what is not; trace_writer.h writes it, trace_reader.h reads it.
 *
 * Strings (names, rules, paths, interfaces, members, signatures) are stored once and then called by
 * their number, 1 for the first; 0 is "none". Peers are numbered from 1; 0 is the bus itself.
 *
 * Owner: one thread. A Trace that was read is never changed.
 */

#include "broker/base/text.h"

#define TRACE_MAGIC "rbtrace\n"

enum {
        TRACE_MAGIC_SIZE = 8,
        TRACE_HEADER_SIZE = 16, /* magic, version, flags, reserved */
        TRACE_VERSION = 1,
        TRACE_HAS_PAYLOADS = 0x1, /* a flag of the header: bodies are in the file */
        TRACE_STRING_MAX = 1 << 20,
        TRACE_ARGS_MAX = 64,
};

#define TRACE_BUS UINT32_C(0)
#define TRACE_NOBODY UINT32_MAX

typedef enum TraceKind {
        TRACE_END = 0,
        TRACE_FACT = 1,
        TRACE_STRING = 2,
        TRACE_PEER = 3, /* connected */
        TRACE_GONE = 4, /* disconnected */
        TRACE_NAME = 5,
        TRACE_RULE = 6,
        TRACE_MESSAGE = 7,
} TraceKind;

typedef enum TraceArgType {
        TRACE_ARG_STRING = 0, /* STRING, OBJECT_PATH: a string's number */
        TRACE_ARG_NUMBER = 1, /* UINT32, INT32, BOOLEAN: the value */
} TraceArgType;

/* An argument whose value is known though the body is not: see docs/TRACE.md, "Arguments". */
typedef struct TraceArg {
        uint8_t index;
        uint8_t type; /* TraceArgType */
        uint32_t value;
} TraceArg;

typedef struct TraceName {
        uint32_t name;
        uint32_t old_owner; /* 0: nobody */
        uint32_t new_owner; /* 0: nobody */
} TraceName;

typedef struct TraceRule {
        uint32_t peer;
        uint32_t rule;
        bool added; /* or removed */
} TraceRule;

typedef struct TraceMessage {
        uint8_t type;  /* FrameType; 5 to 255 are possible */
        uint8_t flags; /* FRAME_FLAG_* */
        bool big_endian;
        uint8_t n_args;
        uint32_t sender;
        uint32_t receiver;    /* whom the bus gave it to; TRACE_NOBODY: broadcast or unknown */
        uint32_t destination; /* as the sender wrote it; 0: none */
        uint32_t serial;
        uint32_t reply_to; /* the number of the call that it answers, 1 for the first message; or 0
                            */
        uint32_t path, interface, member, error, signature;
        uint32_t body_size;
        uint32_t n_fds;
        const TraceArg *args;
        const uint8_t *body; /* body_size bytes; NULL: not recorded */
} TraceMessage;

typedef struct TraceEvent {
        TraceKind kind;   /* TRACE_PEER to TRACE_MESSAGE */
        bool was_there;   /* peers, names, rules: since before the recording */
        uint64_t time_ns; /* since the start of the recording; never decreases */
        union {
                uint32_t peer; /* TRACE_PEER, TRACE_GONE */
                TraceName name;
                TraceRule rule;
                TraceMessage message;
        };
} TraceEvent;

typedef struct TraceFact {
        Text key, value;
} TraceFact;

typedef struct TracePeer {
        uint32_t name; /* its unique name on the recorded bus */
        bool was_there;
} TracePeer;

typedef struct Trace {
        bool has_payloads;
        uint32_t n_strings, n_peers, n_facts;
        uint32_t n_messages;
        size_t n_events;
        Text *strings;    /* by number; [0] is TEXT_NONE */
        TracePeer *peers; /* by number; [0] is the bus */
        TraceFact *facts;
        TraceEvent *events;
        uint32_t *messages; /* the event of each message; [0] unused */
        TraceArg *args;     /* of all messages */
        uint64_t duration_ns;
        size_t cut_offset; /* 0, or where a file ends that was not completed */
        uint8_t *data;     /* of the file, if the trace owns it */
} Trace;

/* The text with that number; TEXT_NONE for 0. */
static inline Text trace_text(const Trace *trace, uint32_t number)
{
        return trace->strings[number];
}

#endif
