/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_SUMMARY_H
#define RINGBUS_BENCH_LOAD_TRACE_SUMMARY_H

/* What a trace holds, counted. Owner: one thread. */

#include "bench/load/engine/histogram.h"
#include "bench/load/trace/trace.h"

/* The kinds in which messages are counted: by FrameType; [0] are other types. */
enum { SUMMARY_KINDS = 5 };

typedef struct SummaryPeer {
        uint32_t peer;
        uint32_t name; /* a name that it owned, the first one; 0: none */
        uint32_t n_names;
        uint64_t n_sent[SUMMARY_KINDS];
        uint64_t n_sent_all;
        uint64_t n_received; /* that were meant for it alone */
        uint64_t sent_bytes; /* of bodies */
} SummaryPeer;

typedef struct Summary {
        uint64_t n_messages[SUMMARY_KINDS];
        uint64_t n_calls_to_bus, n_answers_of_bus, n_signals_of_bus;
        uint64_t n_unanswered; /* calls that wanted an answer and got none */
        uint64_t n_there;      /* peers that were there before */
        uint64_t n_gone, n_names, n_rules_before, n_rules_added, n_rules_removed;
        uint64_t n_fds, n_with_fds;
        uint64_t body_bytes;
        uint64_t busiest_second; /* messages in it */
        Histogram bodies;        /* bytes */
        Histogram answers;       /* ns from a call to its answer */
        SummaryPeer *peers;      /* all but those who said nothing, busiest first; with the bus */
        uint32_t n_peers;
} Summary;

/* 0 or -ENOMEM. */
int summary_make(const Trace *trace, Summary *ret_summary);
void summary_deinit(Summary *summary); /* idempotent */

/* "call", "return", "error", "signal", "other". */
const char *summary_kind_name(unsigned kind);
static inline unsigned summary_kind(const TraceMessage *message)
{
        return message->type < SUMMARY_KINDS ? message->type : 0;
}

#endif
