/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SIGNALS_GENERATOR_H
#define RINGBUS_BENCH_LOAD_SIGNALS_GENERATOR_H

/*
 * The generator processes of bench_signals: each holds a share of the emitters and of the
 * receivers. In the phase SIGNALS each emitter broadcasts, and every receiver has a rule that
 * matches; in the phase UNICAST each emitter sends one call that expects no reply to one receiver
 * after the other. In both an emitter has at most `window` * receivers deliveries under way: what
 * was received is counted in shared memory, and the last delivery that makes room for another
 * message wakes the emitter's process. So nothing is ever dropped, and everything is accounted for.
 *
 * Owner of the shared memory: atomic fields anybody; the rest whoever is named.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/load/engine/histogram.h"
#include "broker/sync/wake.h"

enum {
        SIGNALS_PROCESSES_MAX = 16,
        SIGNALS_EMITTERS_MAX = 64,
        SIGNALS_RECEIVERS_MAX = 4096,
        SIGNALS_NAME_MAX = 32,
};

typedef enum SignalsPhase {
        SIGNALS_PHASE_REST, /* nothing new is sent */
        SIGNALS_PHASE_SIGNALS,
        SIGNALS_PHASE_UNICAST,
        SIGNALS_PHASE_END,
} SignalsPhase;

/* One process's counts, by emitter; one writer. */
typedef struct SignalsReceived {
        _Alignas(64) _Atomic(uint64_t) by_emitter[SIGNALS_EMITTERS_MAX];
} SignalsReceived;

typedef struct SignalsShared {
        /* Written before the processes start. */
        char address[256];
        unsigned n_emitters;
        unsigned n_receivers;
        unsigned n_processes;
        unsigned window;
        Wake wakes[SIGNALS_PROCESSES_MAX];

        _Atomic(unsigned) phase;
        _Atomic(unsigned) n_connected; /* processes whose connections stand */
        _Atomic(unsigned) n_failed;
        _Atomic(unsigned) measuring; /* latencies are recorded */
        _Alignas(64) _Atomic(uint64_t) deliveries_due[SIGNALS_EMITTERS_MAX]; /* sent; one writer */
        SignalsReceived received[SIGNALS_PROCESSES_MAX];

        /* A receiver's process writes them before it is connected. */
        char names[SIGNALS_RECEIVERS_MAX][SIGNALS_NAME_MAX];

        /* Each process its own; read once they have ended. */
        Histogram latencies[SIGNALS_PROCESSES_MAX][SIGNALS_PHASE_END];
} SignalsShared;

typedef struct SignalsGenerator {
        SignalsShared *shared; // borrowed
        unsigned index;
} SignalsGenerator;

/* What a process runs, with a SignalsGenerator: 0, or 1 after saying on stderr what was wrong. */
int signals_generator_run(void *generator);

/* Deliveries due by what the emitters sent, and received so far. */
uint64_t signals_generator_due(const SignalsShared *shared);
uint64_t signals_generator_received(const SignalsShared *shared);

/* Changes the phase for all processes. */
void signals_generator_enter(SignalsShared *shared, SignalsPhase phase);

#endif
