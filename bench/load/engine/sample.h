/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_SAMPLE_H
#define RINGBUS_BENCH_LOAD_ENGINE_SAMPLE_H

/* One figure, measured a few times: its median and its range. */

#include <stddef.h>

enum {
        SAMPLE_MAX = 64,      /* repetitions */
        SAMPLE_TEXT_MAX = 48, /* of what sample_text() writes */
};

typedef struct Sample {
        size_t n;
        double values[SAMPLE_MAX]; /* in the order of the runs */
} Sample;

/* Further values than SAMPLE_MAX are left out. */
void sample_add(Sample *sample, double value);

/* 0 if there are no values. */
double sample_median(const Sample *sample);
double sample_min(const Sample *sample);
double sample_max(const Sample *sample);

/* "MEDIAN (MIN-MAX)", or "-" without values. Returns `text`. */
const char *sample_text(const Sample *sample, char text[static SAMPLE_TEXT_MAX]);

#endif
