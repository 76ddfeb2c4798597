/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_PAIR_H
#define RINGBUS_BENCH_LOAD_PAIR_H

/*
 * An unrelated pair: a caller and a callee, each a process, that exchange a small call and its
 * return as fast as they come. They take turns, PAIR_SLICE_MS each, between the bus and a bare
 * relay (see relay.h): the same processes, the same bytes, the same moment, so that the difference
 * is the broker's.
 *
 * Owner: the thread that started it.
 */

#include "bench/load/engine/histogram.h"
#include "bench/load/relay.h"

enum {
        PAIR_SLICE_MS = 20,
};

typedef struct PairShared PairShared;

typedef struct Pair {
        Relay relay;
        Process caller;
        Process callee;
        PairShared *shared;
} Pair;

/* One of the two ways. */
typedef struct PairFigures {
        double calls_per_s;
        double p50_us;
        double p99_us;
        double max_us;
} PairFigures;

/* Connects to the bus. 0, or -1 after saying on stderr what was wrong. */
int pair_start(Pair *pair, const char *address);

/* Measures for `ms`; calls `meanwhile` (may be NULL) every 10 ms. -1 if the pair has failed: an
 * answer that takes more than 30 s is a failure too. */
int pair_measure(Pair *pair, unsigned ms, void (*meanwhile)(void *context), void *context,
                 PairFigures ret_figures[static 2]);

enum {
        PAIR_BUS = 0, /* indexes of figures */
        PAIR_RELAY = 1,
};

/* Idempotent after pair_start(). */
void pair_stop(Pair *pair);

#endif
