/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/histogram.h"

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

uint64_t histogram_slot_end(size_t slot)
{
        size_t shift = (slot >> HISTOGRAM_STEP_BITS);
        uint64_t step = slot & (STEPS - 1);

        if (shift == 0)
                return slot;
        return ((STEPS + step + 1) << (shift - 1)) - 1;
}

void histogram_add(Histogram *histogram, uint64_t value)
{
        if (histogram->n++ == 0 || value < histogram->min)
                histogram->min = value;
        if (value > histogram->max)
                histogram->max = value;
        histogram->sum += (double)value;
        histogram->slots[slot_of(value)]++;
}

void histogram_add_corrected(Histogram *histogram, uint64_t value, uint64_t interval)
{
        histogram_add(histogram, value);
        while (interval > 0 && value >= 2 * interval) {
                value -= interval;
                histogram_add(histogram, value);
        }
}

void histogram_merge(Histogram *histogram, const Histogram *from)
{
        if (from->n == 0)
                return;
        if (histogram->n == 0 || from->min < histogram->min)
                histogram->min = from->min;
        if (from->max > histogram->max)
                histogram->max = from->max;
        histogram->n += from->n;
        histogram->sum += from->sum;
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
                        uint64_t end = histogram_slot_end(i);

                        return end < histogram->max ? end : histogram->max;
                }
        }
        return histogram->max;
}

double histogram_mean(const Histogram *histogram)
{
        return histogram->n ? histogram->sum / (double)histogram->n : 0;
}

uint64_t histogram_count_above(const Histogram *histogram, uint64_t value)
{
        uint64_t n = 0;

        for (size_t i = slot_of(value) + 1; i < HISTOGRAM_SLOTS; i++)
                n += histogram->slots[i];
        return n;
}
