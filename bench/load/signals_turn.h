/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SIGNALS_TURN_H
#define RINGBUS_BENCH_LOAD_SIGNALS_TURN_H

/* What the build ringbus-timed says about the turn (see turn_clock.c), for bench_signals. */

#include "bench/load/engine/sample.h"
#include "bench/load/signals_run.h"

typedef struct SignalsTurn {
        double n_takes;
        double waits_percent; /* of the takes */
        double wait_ns;       /* elapsed, for each take that waited */
        double hold_ns;       /* for each take */
        double price_ns;      /* CPU for each take: the lock itself, waiting, flushers' passes */
        double price_percent; /* of the broker's CPU for a signal, all its deliveries included */
        double passes_per_signal; /* flushers that met an uncommitted message */
} SignalsTurn;

/* As signals_run(), with plan->broker.daemon being ringbus-timed. */
int signals_turn_run(const SignalsPlan *plan, SignalsResult *ret_result, SignalsTurn *ret_turn);

#endif
