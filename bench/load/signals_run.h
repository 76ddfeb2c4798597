/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SIGNALS_RUN_H
#define RINGBUS_BENCH_LOAD_SIGNALS_RUN_H

/* One run of bench_signals: a broker, its generators, signals, then unicasts. */

#include "bench/load/broker/broker.h"

typedef struct SignalsPlan {
        BrokerOptions broker;
        unsigned n_emitters;
        unsigned n_receivers;
        unsigned n_processes;
        unsigned window;
        unsigned warm_up_ms;
        unsigned measure_ms; /* of each of the two sections */
        bool unicast_first;
} SignalsPlan;

/* What one section measured. */
typedef struct SignalsFigures {
        double messages_per_s;
        double deliveries_per_s;
        double p50_us;
        double p99_us;
        double cpu_ns_per_delivery; /* of the broker, all threads */
        double cpu_ns_per_message;
        double broker_cpu;    /* CPUs that the broker kept busy */
        double generator_cpu; /* that the busiest generator process kept busy: 1 is its limit */
} SignalsFigures;

typedef struct SignalsResult {
        SignalsFigures signals;
        SignalsFigures unicast;
        double least_share; /* of the messages, of the worker that routed least; 1 if even. 0: n/a
                             */
} SignalsResult;

/* 0, or -1 after saying on stderr what was wrong: also if anything sent was not received. */
int signals_run(const SignalsPlan *plan, SignalsResult *ret_result);

#endif
