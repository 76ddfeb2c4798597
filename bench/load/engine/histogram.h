/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_HISTOGRAM_H
#define RINGBUS_BENCH_LOAD_ENGINE_HISTOGRAM_H

/*
 * A histogram of durations, as HDR histograms are: 128 steps for each power of two, so that a
 * percentile is exact to 0.8 %. Plain memory of a fixed size (58 KiB): it may lie in memory that
 * processes share.
 *
 * Owner: one writer; readers once the writer has stopped.
 */

#include <stddef.h>
#include <stdint.h>

enum {
        HISTOGRAM_STEP_BITS = 7,
        HISTOGRAM_SLOTS = (64 - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS,
};

typedef struct Histogram {
        uint64_t n;
        uint64_t max;
        uint64_t min; /* meaningless while n is 0 */
        double sum;
        uint64_t slots[HISTOGRAM_SLOTS];
} Histogram;

void histogram_add(Histogram *histogram, uint64_t value);

/*
 * Adds a value measured by somebody who waited for it before measuring the next: with what he would
 * have measured in the meantime, had he measured every `interval`: value - interval, value - 2 *
 * interval, and so on down to `interval`. An interval of 0 adds the value alone.
 */
void histogram_add_corrected(Histogram *histogram, uint64_t value, uint64_t interval);

void histogram_merge(Histogram *histogram, const Histogram *from);

/* The value that `percent` of all values (0 to 100) do not exceed; 0 if there are none. */
uint64_t histogram_percentile(const Histogram *histogram, double percent);

double histogram_mean(const Histogram *histogram); /* 0 if there are none */

/* How many values are greater than `value`, exact to its step. */
uint64_t histogram_count_above(const Histogram *histogram, uint64_t value);

/* For reports: values of a slot are at most this; and at least the previous one's + 1. */
uint64_t histogram_slot_end(size_t slot);

#endif
