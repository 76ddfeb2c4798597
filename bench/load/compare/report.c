/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/report.h"

#include <errno.h>
#include <string.h>

#include "bench/load/compare/html.h"
#include "bench/load/compare/plot.h"
#include "bench/load/compare/report_private.h"

void report_init(Report *report, const json_t *document, FILE *file)
{
        const json_t *item, *place;
        size_t i, k;

        *report = (Report){.document = document, .file = file};
        json_array_foreach(json_object_get(document, "brokers"), i,
                           item) if (i < REPORT_BROKERS_MAX) report->brokers[report->n_brokers++] =
                document_text(item, "name");
        json_array_foreach(json_object_get(document, "cells"), i, item)
                json_array_foreach(json_object_get(item, "results"), k, place)
        {
                report->n_disturbed += (unsigned)document_number(place, "n_disturbed");
                report->n_bound += (unsigned)document_number(place, "n_generator_bound");
                report->n_failed += (unsigned)document_number(place, "n_failed");
        }
}

const Measure *report_measure(const json_t *cell, size_t index)
{
        const json_t *name = json_array_get(json_object_get(cell, "measures"), index);

        return name ? measure_find(json_string_value(name), NULL) : NULL;
}

const char *report_marks(const json_t *place, char marks[static REPORT_MARKS_MAX])
{
        bool is_bound =
                document_number(place, "n_generator_bound") * 2 > document_number(place, "n_runs");

        snprintf(marks, REPORT_MARKS_MAX, "%s%s%s",
                 document_number(place, "n_disturbed") > 0 ? "*" : "",
                 document_number(place, "n_failed") > 0 ? "!" : "", is_bound ? "°" : "");
        return marks;
}

unsigned report_colour(const Report *report, unsigned broker)
{
        static const char *const known[] = {"dbus-daemon", "dbus-broker", "ringbus", "floor"};
        enum { N_KNOWN = sizeof(known) / sizeof(known[0]), N_OTHERS = 2 };
        unsigned n_unknown = 0;

        for (unsigned i = 0; i <= broker; i++) {
                unsigned k = 0;

                while (k < N_KNOWN && strcmp(known[k], report->brokers[i]) != 0)
                        k++;
                if (i == broker && k < N_KNOWN)
                        return k;
                n_unknown += k == N_KNOWN;
        }
        return N_KNOWN + (n_unknown - 1) % N_OTHERS;
}

static void write_fact(const Report *report, const char *name, const char *value)
{
        if (!*value)
                return;
        fprintf(report->file, "<dt>%s</dt><dd>", name);
        html_text(report->file, value);
        fputs("</dd>\n", report->file);
}

static void write_facts(const Report *report)
{
        const json_t *machine = json_object_get(report->document, "machine");
        const json_t *broker;
        char text[64];
        size_t i;

        fputs("<h2>Machine and brokers</h2>\n<dl>\n", report->file);
        write_fact(report, "CPU", document_text(machine, "cpu"));
        snprintf(text, sizeof(text), "%.0f", document_number(machine, "cpus"));
        write_fact(report, "CPUs", text);
        write_fact(report, "Kernel", document_text(machine, "kernel"));
        write_fact(report, "Governor", document_text(machine, "governor"));
        json_array_foreach(json_object_get(report->document, "brokers"), i, broker)
        {
                fprintf(report->file,
                        "<dt><span class=\"dot\" style=\"background:var(--c%u)\"></span>",
                        i < REPORT_BROKERS_MAX ? report_colour(report, (unsigned)i) : 0);
                html_text(report->file, document_text(broker, "name"));
                fputs("</dt><dd>", report->file);
                html_text(report->file, document_text(broker, "version"));
                fputs(" <code class=\"soft\">", report->file);
                html_text(report->file, document_text(broker, "program"));
                fputs("</code></dd>\n", report->file);
        }
        fputs("</dl>\n", report->file);
}

static void write_head(const Report *report)
{
        const json_t *document = report->document;

        fputs("<h1>D-Bus brokers compared</h1>\n<p class=\"soft\">", report->file);
        html_text(report->file, document_text(document, "started"));
        fprintf(report->file, " · suite ");
        html_text(report->file, document_text(document, "suite"));
        fprintf(report->file, " · %.0f min %.0f s</p>\n<p><code>",
                (double)((int)document_number(document, "seconds") / 60),
                (double)((int)document_number(document, "seconds") % 60));
        html_text(report->file, document_text(document, "command_line"));
        fputs("</code></p>\n", report->file);
        if (json_is_true(json_object_get(document, "interrupted")))
                fputs("<p class=\"bad\">Interrupted: not all was measured.</p>\n", report->file);
        if (report->n_failed > 0)
                fprintf(report->file, "<p class=\"bad\">%u runs failed; see the details.</p>\n",
                        report->n_failed);
        if (report->n_disturbed > 0)
                fprintf(report->file,
                        "<p class=\"bad\">Other programs used more than %.0f %% of the CPUs during "
                        "%u runs, also when they were repeated.</p>\n",
                        document_number(document, "foreign_cpu_share_max") * 100,
                        report->n_disturbed);
}

static void write_body(const Report *report)
{
        write_head(report);
        write_facts(report);
        report_table_write(report);
        report_table_ratios(report);
        report_plots_write(report);
        report_table_details(report);
}

int report_write_html(const json_t *document, const char *path, FILE *errors)
{
        FILE *file = fopen(path, "we");
        Report report;

        if (!file) {
                fprintf(errors, "cannot write %s: %s\n", path, strerror(errno));
                return -1;
        }
        report_init(&report, document, file);
        report.has_plots = plot_is_possible(errors);
        html_begin(file, "D-Bus brokers compared");
        write_body(&report);
        html_end(file);
        if (fclose(file) == 0)
                return 0;
        fprintf(errors, "cannot write %s: %s\n", path, strerror(errno));
        return -1;
}
