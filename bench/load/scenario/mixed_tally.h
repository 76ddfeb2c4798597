/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_MIXED_TALLY_H
#define RINGBUS_BENCH_LOAD_SCENARIO_MIXED_TALLY_H

/* What one part counts of each kind of traffic. Owner: its thread; then the main thread. */

#include "bench/load/scenario/mixed_profile.h"

typedef struct MixedTally {
        Histogram latency[MIXED_KINDS]; /* ns, of the measured time */
        uint64_t n_begun[MIXED_KINDS];  /* in the whole run */
} MixedTally;

void mixed_tally_merge(MixedTally *tally, const MixedTally *from);

/* Shares and latencies as figures. */
void mixed_tally_report(const MixedTally *tally, Figures *figures);

#endif
