/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_COMPARE_PLOT_H
#define RINGBUS_BENCH_LOAD_COMPARE_PLOT_H

/*
 * Plots, drawn by gnuplot as SVG that stands inside an HTML page: its colours are the page's
 * variables, --axis, --grid, --text and --c0, --c1 and so on, so that they follow light and dark.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
        PLOT_SERIES_MAX = 8,
        PLOT_POINTS_MAX = 32,
};

typedef struct PlotPoint {
        double x, y, min, max;
} PlotPoint;

typedef struct PlotSeries {
        const char *name;
        unsigned colour; /* of --cN */
        PlotPoint points[PLOT_POINTS_MAX];
        unsigned n_points;
} PlotSeries;

typedef struct Plot {
        const char *x_title, *y_title;
        bool is_x_log, is_y_log;
        /* Where x is marked, and how. None: gnuplot chooses. */
        double ticks[PLOT_POINTS_MAX];
        const char *tick_texts[PLOT_POINTS_MAX];
        unsigned n_ticks;
        PlotSeries series[PLOT_SERIES_MAX];
        unsigned n_series;
} Plot;

/* Whether there is a gnuplot; says on `errors` what to install if not. */
bool plot_is_possible(FILE *errors);

/* Writes an <svg> element. 0, or -1 after saying on stderr why not; then nothing was written. */
int plot_draw(const Plot *plot, FILE *file);

#endif
