/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/histogram.h"

#include <stddef.h>

enum { STEPS = 1 << HISTOGRAM_STEP_BITS };

/* Values below STEPS have a slot of their own; above, the leading bits choose it. */
static size_t slot_of(uint64_t value)
{
        unsigned shift;

        if (value < STEPS)
                return (size_t)value;
        shift = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
        return ((size_t)(shift + 1) << HISTOGRAM_STEP_BITS) + (size_t)((value >> shift) - STEPS);
}

/* The largest value of a slot. */
static uint64_t slot_end(size_t slot)
{
        size_t shift = (slot >> HISTOGRAM_STEP_BITS);
        uint64_t step = slot & (STEPS - 1);

        if (shift == 0)
                return slot;
        return ((STEPS + step + 1) << (shift - 1)) - 1;
}

void histogram_add(Histogram *histogram, uint64_t value)
{
        histogram->n++;
        histogram->slots[slot_of(value)]++;
        if (value > histogram->max)
                histogram->max = value;
}

void histogram_merge(Histogram *histogram, const Histogram *from)
{
        histogram->n += from->n;
        if (from->max > histogram->max)
                histogram->max = from->max;
        for (size_t i = 0; i < HISTOGRAM_SLOTS; i++)
                histogram->slots[i] += from->slots[i];
}

uint64_t histogram_percentile(const Histogram *histogram, double percent)
{
        uint64_t rank = (uint64_t)((double)histogram->n * percent / 100);
        uint64_t seen = 0;

        if (histogram->n == 0)
                return 0;
        if (rank >= histogram->n)
                rank = histogram->n - 1;
        for (size_t i = 0; i < HISTOGRAM_SLOTS; i++) {
                seen += histogram->slots[i];
                if (seen > rank) {
                        uint64_t end = slot_end(i);

                        return end < histogram->max ? end : histogram->max;
                }
        }
        return histogram->max;
}
