/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/scenario/mixed_tally.h"

void mixed_tally_merge(MixedTally *tally, const MixedTally *from)
{
        for (unsigned kind = 0; kind < MIXED_KINDS; kind++) {
                histogram_merge(&tally->latency[kind], &from->latency[kind]);
                tally->n_begun[kind] += from->n_begun[kind];
        }
}

void mixed_tally_report(const MixedTally *tally, Figures *figures)
{
        static const struct {
                const char *share, *median, *percentile, *longest;
        } names[MIXED_KINDS] = {
                {"driver calls", "driver calls: median", "driver calls: 99 %",
                 "driver calls: longest"},
                {"property calls", "property calls: median", "property calls: 99 %",
                 "property calls: longest"},
                {"peer calls", "peer calls: median", "peer calls: 99 %", "peer calls: longest"},
                {"signals", "signals: median", "signals: 99 %", "signals: longest"},
        };
        const double n = figures->n_begun ? (double)figures->n_begun : 1;

        for (unsigned kind = 0; kind < MIXED_KINDS; kind++) {
                const Histogram *latency = &tally->latency[kind];

                figures_add(figures, names[kind].share, "% of all",
                            100 * (double)tally->n_begun[kind] / n);
                figures_add(figures, names[kind].median, "us",
                            (double)histogram_percentile(latency, 50) / 1e3);
                figures_add(figures, names[kind].percentile, "us",
                            (double)histogram_percentile(latency, 99) / 1e3);
                figures_add(figures, names[kind].longest, "us", (double)latency->max / 1e3);
        }
}
