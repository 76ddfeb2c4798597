/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ATTACK_H
#define RINGBUS_BENCH_LOAD_ATTACK_H

/*
 * Hostile clients, each kind in a process of its own, that go on until they are stopped. What they
 * see of the bus is counted in shared memory.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "bench/load/engine/process.h"

/* X(name, what it does) */
#define ATTACK_LIST(X)                                                                             \
        X(SIGNALS, "signals", "broadcasts of 4 KiB at full rate to a client that never reads")     \
        X(CALLS, "calls", "calls of 4 KiB at full rate to a client that never reads")              \
        X(FDS, "fds", "calls with 4 fds at full rate to a client that never reads")                \
        X(HOARD, "hoard", "16 fds at a time to hundreds of clients that never read")               \
        X(HALVES, "halves", "a thousand clients that never finish a message of 64 KiB")            \
        X(FLOOD, "flood", "small one-way calls at full rate to a client that reads them all")

typedef enum AttackKind {
#define ATTACK_KIND(kind, name, text) ATTACK_##kind,
        ATTACK_LIST(ATTACK_KIND)
#undef ATTACK_KIND
                ATTACK_KINDS,
} AttackKind;

typedef struct AttackShared {
        char address[256];
        AttackKind kind;
        unsigned n_flooders;
        unsigned n_victims; /* connections that never read; of HALVES: that never finish */

        _Atomic(unsigned) ready;
        _Atomic(uint64_t) n_sent;          /* messages */
        _Atomic(uint64_t) n_limits;        /* LimitsExceeded errors */
        _Atomic(uint64_t) n_errors;        /* other errors */
        _Atomic(uint64_t) n_closed;        /* its connections that the bus has closed */
        _Atomic(uint64_t) longest_wait_ms; /* that a sender could write nothing */
} AttackShared;

typedef struct Attack {
        Process process;
        Process reader; /* of FLOOD */
        AttackShared *shared;
} Attack;

const char *attack_name(AttackKind kind);
const char *attack_text(AttackKind kind);

/* Starts an attack and waits until it goes on. 0, or -1 after saying on stderr why not. */
int attack_start(Attack *attack, AttackKind kind, const char *address, unsigned n_flooders,
                 unsigned n_victims);

/* Ends its processes: its connections close. `shared` can be read until attack_deinit(). */
void attack_stop(Attack *attack);

void attack_deinit(Attack *attack);

/* What the processes run, with an AttackShared. */
int attack_flood_run(void *shared);  /* all kinds but HALVES */
int attack_reader_run(void *shared); /* the client that reads */
int attack_halves_run(void *shared);

/* Of FLOOD: the reader's name, filled in before it is ready. */
#define ATTACK_READER_NAME "t.Load.Reader"

#endif
