/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_HISTOGRAM_H
#define RINGBUS_BENCH_LOAD_HISTOGRAM_H

/*
 * A histogram of durations: 16 steps for each power of two, so that a percentile is exact to about
 * 6 %. Plain memory of a fixed size: it may lie in memory that processes share.
 *
 * Owner: one writer; readers once the writer has stopped.
 */

#include <stdint.h>

enum {
        HISTOGRAM_STEP_BITS = 4,
        HISTOGRAM_SLOTS = (64 - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS,
};

typedef struct Histogram {
        uint64_t n;
        uint64_t max;
        uint64_t slots[HISTOGRAM_SLOTS];
} Histogram;

void histogram_add(Histogram *histogram, uint64_t value);
void histogram_merge(Histogram *histogram, const Histogram *from);

/* The value that `percent` of all values (0 to 100) do not exceed; 0 if there are none. */
uint64_t histogram_percentile(const Histogram *histogram, double percent);

#endif
