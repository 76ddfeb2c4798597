/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_INTRUSION_H
#define RINGBUS_BENCH_LOAD_INTRUSION_H

/*
 * Strangers who have not authenticated: one process opens connections at a bounded rate, each of
 * which says the words of a script, until it is stopped. What it sees of the bus is counted in
 * shared memory.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/load/engine/process.h"

/* X(kind, name, what it does); the words are in intrusion_script.c. */
#define INTRUSION_LIST(X)                                                                          \
        X(VANISH, "vanish", "sends a nul byte and vanishes")                                       \
        X(SILENT, "silent", "says nothing until auth_timeout ends it")                             \
        X(HALF, "half", "half-open: says AUTH and waits until auth_timeout ends it")               \
        X(SHARE, "share", "the same as another user, who has a share of the places")               \
        X(TRICKLE, "trickle", "says one byte each second")                                         \
        X(NOHELLO, "nohello", "authenticates and never says Hello")                                \
        X(LONG, "long", "sends 16 KiB without the end of a line")                                  \
        X(REJECT, "reject", "fails to authenticate six times")                                     \
        X(NUL, "nul", "sends nul bytes inside and between its lines")                              \
        X(EIGHT, "eight", "sends bytes of eight bits instead of lines")                            \
        X(FDS, "fds", "pipelines a handshake and Hello, with 16 fds before NEGOTIATE_UNIX_FD")

typedef enum IntrusionKind {
#define INTRUSION_KIND(kind, name, text) INTRUSION_##kind,
        INTRUSION_LIST(INTRUSION_KIND)
#undef INTRUSION_KIND
                INTRUSION_KINDS,
} IntrusionKind;

typedef enum IntrusionEnd {
        INTRUSION_LEAVES, /* as soon as it has said its words */
        INTRUSION_READS,  /* leaves at the first answer */
        INTRUSION_STAYS,  /* until the bus closes it */
} IntrusionEnd;

typedef struct IntrusionScript {
        const char *words; /* with the nul byte at the beginning */
        size_t size;
        size_t n_padding; /* bytes 'A' behind them */
        IntrusionEnd end;
        unsigned n_fds;  /* attached to the first byte */
        bool trickles;   /* says its words byte by byte, one a second */
        bool is_foreign; /* as another user than the bus's */
} IntrusionScript;

/* What the strangers have seen since they began. */
typedef struct IntrusionCounts {
        uint64_t n_tried;  /* calls of connect(2) */
        uint64_t n_full;   /* of them: the listener's queue was full */
        uint64_t n_let_in; /* were told OK */
        uint64_t n_closed; /* by the bus */
        uint64_t n_left;   /* closed by themselves */
        uint64_t n_late;   /* were not tried at all: the process had no time */
        unsigned n_open;   /* now; they may still wait to be accepted */
        unsigned n_open_most;
} IntrusionCounts;

typedef struct IntrusionPlan {
        double rate;     /* connections a second, at most */
        unsigned n_held; /* open at a time, at most */
        uid_t foreign_uid;
} IntrusionPlan;

typedef struct IntrusionShared {
        char address[256];
        IntrusionKind kind;
        IntrusionPlan plan;
        _Atomic(unsigned) ready;
        _Atomic(uint64_t) n_tried, n_full, n_let_in, n_closed, n_left, n_late;
        _Atomic(unsigned) n_open, n_open_most;
} IntrusionShared;

typedef struct Intrusion {
        Process process;
        IntrusionShared *shared;
} Intrusion;

const char *intrusion_name(IntrusionKind kind);
const char *intrusion_text(IntrusionKind kind);
const IntrusionScript *intrusion_script(IntrusionKind kind);

/* Starts it, and waits until as many are there as there will be: 0, or -1 after saying on stderr
 * why not. */
int intrusion_start(Intrusion *intrusion, IntrusionKind kind, const char *address,
                    const IntrusionPlan *plan);

/* As long as it runs. */
void intrusion_read_counts(const Intrusion *intrusion, IntrusionCounts *ret_counts);

/* Ends the process: its connections close. Idempotent; also after a failed start. */
void intrusion_stop(Intrusion *intrusion);

/* What the process runs, with an IntrusionShared. */
int intrusion_run(void *shared);

#endif
