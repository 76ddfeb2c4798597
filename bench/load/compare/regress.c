/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/regress.h"

#include "bench/load/compare/document.h"
#include "bench/load/compare/number.h"

#define SHARE_THAT_COUNTS 0.10

typedef enum Verdict {
        VERDICT_SAME,
        VERDICT_WORSE,
        VERDICT_BETTER,
} Verdict;

/* The same cell and broker, then and now. */
typedef struct Pair {
        const char *cell, *broker;
        const Measure *measure;
        DocumentFigure before, now;
} Pair;

static Verdict judge(const Pair *pair)
{
        double change = pair->now.median - pair->before.median;
        double margin = pair->before.median * SHARE_THAT_COUNTS;

        if (change > margin && pair->now.median > pair->before.max)
                return pair->measure->is_more_better ? VERDICT_BETTER : VERDICT_WORSE;
        if (change < -margin && pair->now.median < pair->before.min)
                return pair->measure->is_more_better ? VERDICT_WORSE : VERDICT_BETTER;
        return VERDICT_SAME;
}

static void print_change(const Pair *pair, const char *word, FILE *file)
{
        char before[NUMBER_TEXT_MAX], min[NUMBER_TEXT_MAX], max[NUMBER_TEXT_MAX];
        char now[NUMBER_TEXT_MAX], percent[32] = "";

        if (pair->before.median > 0)
                snprintf(percent, sizeof(percent), ", %+.0f %%",
                         (pair->now.median / pair->before.median - 1) * 100);
        fprintf(file, "%s: %s, %s: %s %s %s; was %s (%s-%s)%s\n", word, pair->cell, pair->broker,
                pair->measure->title, number_text(pair->now.median, now), pair->measure->unit,
                number_text(pair->before.median, before), number_text(pair->before.min, min),
                number_text(pair->before.max, max), percent);
}

/* One broker's results. Returns 1 if they got worse. */
static unsigned compare_places(Pair *pair, const json_t *before, const json_t *now, FILE *file)
{
        bool had = document_figure(before, pair->measure->name, &pair->before);
        bool has = document_figure(now, pair->measure->name, &pair->now);

        if (had && !has && document_number(now, "n_failed") > 0) {
                fprintf(file, "worse: %s, %s: fails now\n", pair->cell, pair->broker);
                return 1;
        }
        if (!had || !has)
                return 0;
        switch (judge(pair)) {
        case VERDICT_WORSE:
                print_change(pair, "worse", file);
                return 1;
        case VERDICT_BETTER:
                print_change(pair, "better", file);
                return 0;
        case VERDICT_SAME:
                return 0;
        }
        return 0;
}

static unsigned compare_cells(const json_t *before, const json_t *now, FILE *file)
{
        const json_t *headline = json_array_get(json_object_get(now, "measures"), 0);
        Pair pair = {.cell = document_text(now, "name"),
                     .measure = measure_find(headline ? json_string_value(headline) : "", NULL)};
        const json_t *place;
        unsigned n_worse = 0;
        size_t i;

        if (!pair.measure)
                return 0;
        json_array_foreach(json_object_get(now, "results"), i, place)
        {
                const json_t *earlier;

                pair.broker = document_text(place, "broker");
                earlier = document_find_place(before, pair.broker);
                if (earlier)
                        n_worse += compare_places(&pair, earlier, place, file);
        }
        return n_worse;
}

unsigned regress_print(const json_t *before, const json_t *now, FILE *file)
{
        unsigned n_worse = 0, n_common = 0;
        const json_t *cell;
        size_t i;

        json_array_foreach(json_object_get(now, "cells"), i, cell)
        {
                const json_t *earlier = document_find_cell(before, document_text(cell, "name"));

                if (!earlier)
                        continue;
                n_common++;
                n_worse += compare_cells(earlier, cell, file);
        }
        fprintf(file, "%u of %zu cells compared with those of %s: %u got worse\n", n_common, i,
                document_text(before, "started"), n_worse);
        return n_worse;
}
