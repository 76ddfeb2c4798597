/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sample_add(Sample *sample, double value)
{
        if (sample->n < SAMPLE_MAX)
                sample->values[sample->n++] = value;
}

static int compare(const void *a, const void *b)
{
        double x, y;

        memcpy(&x, a, sizeof(x));
        memcpy(&y, b, sizeof(y));
        return (x > y) - (x < y);
}

double sample_median(const Sample *sample)
{
        double sorted[SAMPLE_MAX];
        size_t middle = sample->n / 2;

        if (sample->n == 0)
                return 0;
        memcpy(sorted, sample->values, sample->n * sizeof(sorted[0]));
        qsort(sorted, sample->n, sizeof(sorted[0]), compare);
        return sample->n % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double sample_min(const Sample *sample)
{
        double least = sample->n ? sample->values[0] : 0;

        for (size_t i = 1; i < sample->n; i++)
                least = sample->values[i] < least ? sample->values[i] : least;
        return least;
}

double sample_max(const Sample *sample)
{
        double most = sample->n ? sample->values[0] : 0;

        for (size_t i = 1; i < sample->n; i++)
                most = sample->values[i] > most ? sample->values[i] : most;
        return most;
}

/* Three digits are all that such figures are good for. */
static int digits(double value)
{
        return value >= 100 || value <= -100 ? 0 : value >= 10 || value <= -10 ? 1 : 2;
}

const char *sample_text(const Sample *sample, char text[static SAMPLE_TEXT_MAX])
{
        double median = sample_median(sample), least = sample_min(sample);
        double most = sample_max(sample);

        if (sample->n == 0)
                snprintf(text, SAMPLE_TEXT_MAX, "-");
        else if (sample->n == 1)
                snprintf(text, SAMPLE_TEXT_MAX, "%.*f", digits(median), median);
        else
                snprintf(text, SAMPLE_TEXT_MAX, "%.*f (%.*f-%.*f)", digits(median), median,
                         digits(least), least, digits(most), most);
        return text;
}
