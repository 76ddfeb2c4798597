/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/number.h"
#include "bench/load/compare/report.h"
#include "bench/load/compare/report_private.h"

enum {
        TITLE_WIDTH = 44,
        COLUMN_WIDTH = 27,
};

/* Columns are counted in characters: continuation bytes of UTF-8 take none. */
static unsigned width_of(const char *text)
{
        unsigned n = 0;

        for (; *text; text++)
                n += ((unsigned char)*text & 0xc0) != 0x80;
        return n;
}

static void print_left(FILE *file, const char *text, unsigned width)
{
        unsigned n = 0;

        for (; *text; text++) {
                n += ((unsigned char)*text & 0xc0) != 0x80;
                if (n > width)
                        break;
                fputc(*text, file);
        }
        for (; n < width; n++)
                fputc(' ', file);
}

static void print_right(FILE *file, const char *text, unsigned width)
{
        for (unsigned n = width_of(text); n < width; n++)
                fputc(' ', file);
        fputs(text, file);
}

static void print_value(const Report *report, const json_t *place, const Measure *measure)
{
        char median[NUMBER_TEXT_MAX], min[NUMBER_TEXT_MAX], max[NUMBER_TEXT_MAX];
        char text[128] = "-", marks[REPORT_MARKS_MAX];
        DocumentFigure figure;

        if (document_figure(place, measure->name, &figure)) {
                int n = snprintf(text, sizeof(text), "%s%s", number_text(figure.median, median),
                                 report_marks(place, marks));

                if (figure.n > 1)
                        snprintf(text + n, sizeof(text) - (size_t)n, " (%s-%s)",
                                 number_text(figure.min, min), number_text(figure.max, max));
        } else if (document_number(place, "n_failed") > 0) {
                snprintf(text, sizeof(text), "failed");
        }
        print_right(report->file, text, COLUMN_WIDTH);
}

static void print_cell(const Report *report, const json_t *cell)
{
        const Measure *measure;

        for (size_t m = 0; (measure = report_measure(cell, m)); m++) {
                print_left(report->file, document_text(cell, "name"), TITLE_WIDTH / 2);
                print_left(report->file, measure->name, TITLE_WIDTH / 2);
                print_left(report->file, measure->unit, 6);
                for (unsigned i = 0; i < report->n_brokers; i++)
                        print_value(report, document_find_place(cell, report->brokers[i]), measure);
                fputc('\n', report->file);
        }
}

static void print_ratio(const Report *report, const json_t *cell, unsigned broker)
{
        const Measure *measure = report_measure(cell, 0);
        DocumentFigure figure, base;
        char text[NUMBER_TEXT_MAX];

        if (measure &&
            document_figure(document_find_place(cell, report->brokers[broker]), measure->name,
                            &figure) &&
            document_figure(document_find_place(cell, report->brokers[0]), measure->name, &base) &&
            base.median > 0)
                print_right(report->file, number_text(figure.median / base.median, text),
                            COLUMN_WIDTH);
        else
                print_right(report->file, "-", COLUMN_WIDTH);
}

static void print_heads(const Report *report, const char *title)
{
        print_left(report->file, title, TITLE_WIDTH + 6);
        for (unsigned i = 0; i < report->n_brokers; i++)
                print_right(report->file, report->brokers[i], COLUMN_WIDTH);
        fputc('\n', report->file);
}

static void print_ratios(const Report *report)
{
        const json_t *cell;
        size_t i;

        fputc('\n', report->file);
        print_heads(report, "headline figures, as multiples of the first");
        json_array_foreach(json_object_get(report->document, "cells"), i, cell)
        {
                print_left(report->file, document_text(cell, "name"), TITLE_WIDTH + 6);
                for (unsigned b = 0; b < report->n_brokers; b++)
                        print_ratio(report, cell, b);
                fputc('\n', report->file);
        }
}

static void print_errors(const Report *report)
{
        const json_t *cell, *place, *error;
        size_t i, k, e;

        json_array_foreach(json_object_get(report->document, "cells"), i, cell)
                json_array_foreach(json_object_get(cell, "results"), k, place)
                        json_array_foreach(json_object_get(place, "errors"), e, error)
                                fprintf(report->file, "! %s, %s: %s\n", document_text(cell, "name"),
                                        document_text(place, "broker"), json_string_value(error));
        if (report->n_bound > 0)
                fprintf(report->file, "° the load was the limit, not the broker\n");
        if (report->n_disturbed > 0)
                fprintf(report->file,
                        "* %u runs were disturbed: other programs used more than %.0f %% of the "
                        "CPUs, also when they were repeated\n",
                        report->n_disturbed,
                        document_number(report->document, "foreign_cpu_share_max") * 100);
}

void report_print(const json_t *document, FILE *file)
{
        const json_t *cell;
        Report report;
        size_t i;

        report_init(&report, document, file);
        print_heads(&report, "median (min-max)");
        json_array_foreach(json_object_get(document, "cells"), i, cell) print_cell(&report, cell);
        if (report.n_brokers > 1)
                print_ratios(&report);
        print_errors(&report);
}
