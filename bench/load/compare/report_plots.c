/* SPDX-License-Identifier: Apache-2.0 */
/* The plots of the page: one for each measure of a sweep, and the percentiles of cells. */
#include <string.h>

#include "bench/load/compare/html.h"
#include "bench/load/compare/number.h"
#include "bench/load/compare/plot.h"
#include "bench/load/compare/report_private.h"

/* The cells of one sweep, or one cell with percentiles. */
typedef struct Picture {
        Plot plot;
        char titles[2][160];
        char ticks[PLOT_POINTS_MAX][NUMBER_TEXT_MAX];
} Picture;

static void begin_figure(const Report *report, const char *title, const char *caption)
{
        fputs("<figure><h3>", report->file);
        html_text(report->file, title);
        fputs("</h3><figcaption>", report->file);
        html_text(report->file, caption);
        fputs("</figcaption>\n", report->file);
}

static void end_figure(const Report *report, const Plot *plot)
{
        if (plot_draw(plot, report->file) < 0)
                fputs("<p class=\"bad\">gnuplot could not draw this.</p>", report->file);
        fputs("</figure>\n", report->file);
}

/* The series of a broker, begun if it has none. */
static PlotSeries *series_of(const Report *report, Plot *plot, unsigned broker)
{
        for (unsigned i = 0; i < plot->n_series; i++)
                if (plot->series[i].name == report->brokers[broker])
                        return &plot->series[i];
        plot->series[plot->n_series] = (PlotSeries){.name = report->brokers[broker],
                                                    .colour = report_colour(report, broker)};
        return &plot->series[plot->n_series++];
}

static void add_point(const Report *report, Plot *plot, unsigned broker, double x,
                      const json_t *place, const char *measure)
{
        DocumentFigure figure;
        PlotSeries *series;

        /* What is zero cannot stand on a logarithmic axis. */
        if (!document_figure(place, measure, &figure) || (plot->is_y_log && figure.min <= 0))
                return;
        series = series_of(report, plot, broker);
        if (series->n_points < PLOT_POINTS_MAX)
                series->points[series->n_points++] = (PlotPoint){
                        .x = x, .y = figure.median, .min = figure.min, .max = figure.max};
}

static void add_tick(Picture *picture, double x, const char *text)
{
        Plot *plot = &picture->plot;

        if (plot->n_ticks == PLOT_POINTS_MAX)
                return;
        snprintf(picture->ticks[plot->n_ticks], NUMBER_TEXT_MAX, "%s", text);
        plot->tick_texts[plot->n_ticks] = picture->ticks[plot->n_ticks];
        plot->ticks[plot->n_ticks++] = x;
}

/* gnuplot's quotes. */
static const char *clean(char title[static 160], const char *text, const char *unit)
{
        snprintf(title, 160, "%s%s%s", text, *unit ? ", " : "", unit);
        for (char *at = title; *at; at++)
                if (*at == '\'' || *at == '\\' || *at == '\n')
                        *at = ' ';
        return title;
}

static void draw_sweep(const Report *report, const json_t *sweep, const Measure *measure)
{
        const char *name = document_text(sweep, "name");
        Picture picture = {.plot = {.is_x_log = !strcmp(document_text(sweep, "x_scale"), "log"),
                                    .is_y_log = !strcmp(document_text(sweep, "y_scale"), "log")}};
        char tick[NUMBER_TEXT_MAX], caption[240];
        const json_t *cell;
        size_t i;

        picture.plot.x_title = clean(picture.titles[0], document_text(sweep, "x_title"), "");
        picture.plot.y_title = clean(picture.titles[1], measure->title, measure->unit);
        json_array_foreach(json_object_get(report->document, "cells"), i, cell)
        {
                double x = document_number(cell, "x");

                if (strcmp(document_text(cell, "sweep"), name) != 0)
                        continue;
                add_tick(&picture, x, number_tick(x, tick));
                for (unsigned b = 0; b < report->n_brokers; b++)
                        add_point(report, &picture.plot, b, x,
                                  document_find_place(cell, report->brokers[b]), measure->name);
        }
        if (picture.plot.n_series == 0)
                return;
        snprintf(caption, sizeof(caption), "%s. Bars: least and most of the runs.", measure->title);
        begin_figure(report, document_text(sweep, "title"), caption);
        end_figure(report, &picture.plot);
}

static void draw_percentiles(const Report *report, const json_t *cell)
{
        static const struct {
                const char *measure, *text;
        } steps[] = {{"latency-p50", "50 %"},
                     {"latency-p90", "90 %"},
                     {"latency-p99", "99 %"},
                     {"latency-p999", "99.9 %"},
                     {"latency-max", "max"}};
        Picture picture = {
                .plot = {.is_y_log = true, .x_title = "percentile", .y_title = "latency, µs"}};

        for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                add_tick(&picture, i, steps[i].text);
                for (unsigned b = 0; b < report->n_brokers; b++)
                        add_point(report, &picture.plot, b, i,
                                  document_find_place(cell, report->brokers[b]), steps[i].measure);
        }
        if (picture.plot.n_series == 0)
                return;
        begin_figure(report, document_text(cell, "title"),
                     "Latency percentiles, medians over the runs. Bars: least and most.");
        end_figure(report, &picture.plot);
}

void report_plots_write(const Report *report)
{
        const json_t *item;
        const Measure *measure;
        size_t i;

        fputs("<h2>Plots</h2>\n", report->file);
        if (!report->has_plots) {
                fputs("<p class=\"bad\">There are none: gnuplot was missing (package gnuplot-nox). "
                      "Once it is installed, <code>ringbus-load compare --from=FILE.json "
                      "--html=FILE.html</code> makes this page again with plots.</p>\n",
                      report->file);
                return;
        }
        fputs("<div class=\"plots\">\n", report->file);
        json_array_foreach(json_object_get(report->document, "sweeps"), i,
                           item) for (size_t m = 0; (measure = report_measure(item, m)); m++)
                draw_sweep(report, item, measure);
        json_array_foreach(json_object_get(report->document, "cells"), i,
                           item) if (json_is_true(json_object_get(item, "latency")))
                draw_percentiles(report, item);
        fputs("</div>\n", report->file);
}
