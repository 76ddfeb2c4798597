/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the page. Sweeps are plots there; their numbers are among the details. */
#include <string.h>

#include "bench/load/compare/html.h"
#include "bench/load/compare/number.h"
#include "bench/load/compare/report_private.h"

/* Among those that are brokers: the floor is none. */
static int find_best(const Report *report, const json_t *cell, const Measure *measure)
{
        double best = 0;
        int index = -1;

        for (unsigned i = 0; i < report->n_brokers; i++) {
                const json_t *place = document_find_place(cell, report->brokers[i]);
                DocumentFigure figure;
                bool is_better;

                if (!strcmp(report->brokers[i], "floor") ||
                    !document_figure(place, measure->name, &figure))
                        continue;
                is_better = measure->is_more_better ? figure.median > best : figure.median < best;
                if (index < 0 || is_better) {
                        best = figure.median;
                        index = (int)i;
                }
        }
        return index;
}

static void write_broker_heads(const Report *report)
{
        for (unsigned i = 0; i < report->n_brokers; i++) {
                fprintf(report->file,
                        "<th><span class=\"dot\" style=\"background:var(--c%u)\"></span>",
                        report_colour(report, i));
                html_text(report->file, report->brokers[i]);
                fputs("</th>", report->file);
        }
}

static void write_value(const Report *report, const json_t *place, const Measure *measure,
                        bool is_best)
{
        char median[NUMBER_TEXT_MAX], min[NUMBER_TEXT_MAX], max[NUMBER_TEXT_MAX];
        char marks[REPORT_MARKS_MAX];
        DocumentFigure figure;

        if (!document_figure(place, measure->name, &figure)) {
                fprintf(report->file, "<td>%s</td>",
                        document_number(place, "n_failed") > 0 ? "<span class=\"bad\">failed</span>"
                                                               : "–");
                return;
        }
        fprintf(report->file, "<td%s>%s<span class=\"bad\">%s</span>",
                is_best ? " class=\"best\"" : "", number_text(figure.median, median),
                report_marks(place, marks));
        if (figure.n > 1)
                fprintf(report->file, "<small>%s – %s</small>", number_text(figure.min, min),
                        number_text(figure.max, max));
        fputs("</td>", report->file);
}

/* The title stands once: with the headline figure. */
static void write_row_head(const Report *report, const json_t *cell, const Measure *measure)
{
        bool is_headline = measure == report_measure(cell, 0);

        fputs(is_headline ? "<tr><td>" : "<tr class=\"more\"><td>", report->file);
        if (is_headline)
                html_text(report->file, document_text(cell, "title"));
        fputs("<small>", report->file);
        html_text(report->file, measure->title);
        fputs("</small></td><td>", report->file);
        html_text(report->file, measure->unit);
        fputs("</td>", report->file);
}

static void write_cell(const Report *report, const json_t *cell)
{
        const Measure *measure;

        for (size_t m = 0; (measure = report_measure(cell, m)); m++) {
                int best = find_best(report, cell, measure);

                write_row_head(report, cell, measure);
                for (unsigned i = 0; i < report->n_brokers; i++)
                        write_value(report, document_find_place(cell, report->brokers[i]), measure,
                                    best == (int)i);
                fputs("</tr>\n", report->file);
        }
}

static bool is_in_sweep(const json_t *cell)
{
        return json_object_get(cell, "sweep") != NULL;
}

void report_table_write(const Report *report)
{
        const json_t *cell;
        size_t i;

        fputs("<h2>Results</h2>\n<p class=\"soft\">Medians; below them the least and the most. "
              "Green is the best broker: <em>floor</em> is none, but what forwarding costs at "
              "least. * disturbed by other programs; ! some runs failed; ° the load was the limit, "
              "not the broker.</p>\n"
              "<div class=\"scroll\"><table>\n<tr><th>work</th><th>unit</th>",
              report->file);
        write_broker_heads(report);
        fputs("</tr>\n", report->file);
        json_array_foreach(json_object_get(report->document, "cells"), i,
                           cell) if (!is_in_sweep(cell)) write_cell(report, cell);
        fputs("</table></div>\n", report->file);
}

static void write_ratio(const Report *report, const json_t *cell, const Measure *measure,
                        const char *a, const char *b)
{
        const json_t *place_a = document_find_place(cell, a);
        const json_t *place_b = document_find_place(cell, b);
        DocumentFigure figure_a, figure_b;
        char text[NUMBER_TEXT_MAX];

        if (!document_figure(place_a, measure->name, &figure_a) ||
            !document_figure(place_b, measure->name, &figure_b) || figure_b.median <= 0)
                fputs("<td>–</td>", report->file);
        else
                fprintf(report->file, "<td>%s</td>",
                        number_text(figure_a.median / figure_b.median, text));
}

static void write_pair_heads(const Report *report)
{
        for (unsigned a = 0; a < report->n_brokers; a++)
                for (unsigned b = a + 1; b < report->n_brokers; b++) {
                        fputs("<th>", report->file);
                        html_text(report->file, report->brokers[a]);
                        fputs("<br>: ", report->file);
                        html_text(report->file, report->brokers[b]);
                        fputs("</th>", report->file);
                }
}

static void write_ratios(const Report *report, const json_t *cell, const Measure *measure)
{
        write_row_head(report, cell, measure);
        for (unsigned a = 0; a < report->n_brokers; a++)
                for (unsigned b = a + 1; b < report->n_brokers; b++)
                        write_ratio(report, cell, measure, report->brokers[a], report->brokers[b]);
        fputs("</tr>\n", report->file);
}

void report_table_ratios(const Report *report)
{
        const json_t *cell;
        size_t i;

        if (report->n_brokers < 2)
                return;
        fputs("<h2>Ratios</h2>\n<p class=\"soft\">Of the headline medians, of each two "
              "brokers.</p>\n"
              "<div class=\"scroll\"><table>\n<tr><th>work</th><th>unit</th>",
              report->file);
        write_pair_heads(report);
        fputs("</tr>\n", report->file);
        json_array_foreach(json_object_get(report->document, "cells"), i,
                           cell) if (!is_in_sweep(cell) && report_measure(cell, 0))
                write_ratios(report, cell, report_measure(cell, 0));
        fputs("</table></div>\n", report->file);
}

static void write_errors(const Report *report, const json_t *place)
{
        const json_t *error;
        size_t i;

        json_array_foreach(json_object_get(place, "errors"), i, error)
        {
                fputs("<br><span class=\"bad\">", report->file);
                html_text(report->file, json_string_value(error));
                fputs("</span>", report->file);
        }
}

static void write_place(const Report *report, const json_t *cell, const json_t *place)
{
        fputs("<tr><td class=\"text\">", report->file);
        html_text(report->file, document_text(cell, "name"));
        fputs("</td><td class=\"text\">", report->file);
        html_text(report->file, document_text(place, "broker"));
        write_errors(report, place);
        fprintf(report->file, "</td><td>%.0f<small>%.0f repeated, %.0f failed</small></td>",
                document_number(place, "n_runs"), document_number(place, "n_repeated"),
                document_number(place, "n_failed"));
        for (const Measure *measure = measure_list(); measure->name; measure++)
                write_value(report, place, measure, false);
        fputs("</tr>\n", report->file);
}

static void write_commands(const Report *report)
{
        const json_t *cell;
        size_t i;

        fputs("<details><summary>Command lines</summary>\n<dl>\n", report->file);
        json_array_foreach(json_object_get(report->document, "cells"), i, cell)
        {
                const json_t *place = json_array_get(json_object_get(cell, "results"), 0);

                fputs("<dt>", report->file);
                html_text(report->file, document_text(cell, "name"));
                fputs("</dt><dd><code>", report->file);
                html_text(report->file, document_text(place, "command"));
                fputs("</code></dd>\n", report->file);
        }
        fputs("</dl></details>\n", report->file);
}

void report_table_details(const Report *report)
{
        const json_t *cell, *place;
        size_t i, k;

        fputs("<h2>Details</h2>\n", report->file);
        write_commands(report);
        fputs("<details><summary>All figures of all cells</summary>\n<div class=\"scroll\"><table>"
              "\n<tr><th class=\"text\">cell</th><th class=\"text\">broker</th><th>runs</th>",
              report->file);
        for (const Measure *measure = measure_list(); measure->name; measure++) {
                fputs("<th>", report->file);
                html_text(report->file, measure->title);
                fputs("<br>", report->file);
                html_text(report->file, measure->unit);
                fputs("</th>", report->file);
        }
        fputs("</tr>\n", report->file);
        json_array_foreach(json_object_get(report->document, "cells"), i, cell)
                json_array_foreach(json_object_get(cell, "results"), k, place)
                        write_place(report, cell, place);
        fputs("</table></div></details>\n", report->file);
}
