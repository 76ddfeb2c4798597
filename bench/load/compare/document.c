/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/document.h"

#include <string.h>
#include <time.h>

#include "bench/load/engine/sample.h"

#define DOCUMENT_FORMAT "ringbus-load comparison 1"

static void set(json_t *object, const char *key, json_t *value)
{
        json_object_set_new(object, key, value);
}

const char *document_text(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

double document_number(const json_t *object, const char *key)
{
        return json_number_value(json_object_get(object, key));
}

static json_t *describe_sweeps(const Suite *suite)
{
        json_t *sweeps = json_array();

        for (unsigned i = 0; i < suite->n_sweeps; i++) {
                const SuiteSweep *sweep = &suite->sweeps[i];
                json_t *measures = json_array();

                for (unsigned m = 0; m < sweep->cell.n_measures; m++)
                        json_array_append_new(measures, json_string(sweep->cell.measures[m]->name));
                json_array_append_new(sweeps,
                                      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "name",
                                                sweep->cell.name, "title", sweep->cell.title, "run",
                                                sweep->cell.run, "x_title", sweep->x_title,
                                                "x_scale", sweep->is_x_log ? "log" : "linear",
                                                "y_scale", sweep->is_y_log ? "log" : "linear",
                                                "measures", measures));
        }
        return sweeps;
}

json_t *document_new(const Suite *suite, const DocumentBroker *brokers, unsigned n_brokers,
                     const char *command_line)
{
        json_t *document = json_object(), *list = json_array();
        char started[32];
        time_t now = time(NULL);
        struct tm utc;

        strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
        for (unsigned i = 0; i < n_brokers; i++)
                json_array_append_new(list, json_pack("{s:s, s:s}", "name", brokers[i].name,
                                                      "program", brokers[i].program));
        set(document, "format", json_string(DOCUMENT_FORMAT));
        set(document, "suite", json_string(suite->name));
        set(document, "command_line", json_string(command_line));
        set(document, "started", json_string(started));
        set(document, "seconds", json_real(0));
        set(document, "interrupted", json_false());
        set(document, "brokers", list);
        set(document, "sweeps", describe_sweeps(suite));
        set(document, "cells", json_array());
        return document;
}

const json_t *document_find_cell(const json_t *document, const char *name)
{
        const json_t *cell;
        size_t i;

        json_array_foreach(json_object_get(document, "cells"), i,
                           cell) if (!strcmp(document_text(cell, "name"), name)) return cell;
        return NULL;
}

const json_t *document_find_place(const json_t *cell, const char *broker)
{
        const json_t *place;
        size_t i;

        json_array_foreach(json_object_get(cell, "results"), i,
                           place) if (!strcmp(document_text(place, "broker"), broker)) return place;
        return NULL;
}

static json_t *add_cell(json_t *document, const Suite *suite, const SuiteCell *cell)
{
        json_t *described =
                json_pack("{s:s, s:s, s:s, s:b}", "name", cell->name, "title", cell->title, "run",
                          cell->run, "latency", (int)cell->has_latency);
        json_t *measures = json_array();

        for (unsigned m = 0; m < cell->n_measures; m++)
                json_array_append_new(measures, json_string(cell->measures[m]->name));
        set(described, "measures", measures);
        if (cell->sweep >= 0) {
                set(described, "sweep", json_string(suite->sweeps[cell->sweep].cell.name));
                set(described, "x", json_real(cell->x));
        }
        set(described, "results", json_array());
        json_array_append_new(json_object_get(document, "cells"), described);
        return described;
}

/* As above, but to be changed: the document is the caller's. */
static json_t *find_item(json_t *list, const char *key, const char *name)
{
        json_t *item;
        size_t i;

        json_array_foreach(list, i, item) if (!strcmp(document_text(item, key), name)) return item;
        return NULL;
}

json_t *document_place(json_t *document, const Suite *suite, const SuiteCell *cell,
                       const char *broker)
{
        json_t *described = find_item(json_object_get(document, "cells"), "name", cell->name);
        json_t *place;

        if (!described)
                described = add_cell(document, suite, cell);
        place = find_item(json_object_get(described, "results"), "broker", broker);
        if (place)
                return place;
        place = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:[], s:{}}", "broker", broker, "n_runs",
                          0, "n_failed", 0, "n_repeated", 0, "n_disturbed", 0, "n_generator_bound",
                          0, "errors", "figures");
        json_array_append_new(json_object_get(described, "results"), place);
        return place;
}

static void count(json_t *place, const char *key, unsigned n)
{
        json_int_t before = json_integer_value(json_object_get(place, key));

        set(place, key, json_integer(before + (json_int_t)n));
}

static void add_value(json_t *figures, const Measure *measure, double value)
{
        json_t *figure = json_object_get(figures, measure->name);
        json_t *values = json_object_get(figure, "values");
        const json_t *one;
        Sample sample = {0};
        size_t i;

        if (!figure) {
                values = json_array();
                figure = json_pack("{s:s, s:o}", "unit", measure->unit, "values", values);
                set(figures, measure->name, figure);
        }
        json_array_append_new(values, json_real(value));
        json_array_foreach(values, i, one) sample_add(&sample, json_number_value(one));
        set(figure, "median", json_real(sample_median(&sample)));
        set(figure, "min", json_real(sample_min(&sample)));
        set(figure, "max", json_real(sample_max(&sample)));
}

/* The facts that every run repeats are the document's, once. */
static void add_facts(json_t *document, const json_t *place, const json_t *result)
{
        json_t *broker = find_item(json_object_get(document, "brokers"), "name",
                                   document_text(place, "broker"));
        json_t *machine = json_object_get(result, "machine");
        json_t *facts = json_object_get(result, "broker");
        json_t *version = json_object_get(facts, "version");

        if (machine && !json_object_get(document, "machine"))
                json_object_set(document, "machine", machine);
        if (broker && version && !json_object_get(broker, "version"))
                json_object_set(broker, "version", version);
}

static void add_error(json_t *place, const char *text)
{
        json_t *errors = json_object_get(place, "errors");
        const json_t *error;
        size_t i;

        json_array_foreach(errors, i, error) if (!strcmp(json_string_value(error), text)) return;
        json_array_append_new(errors, json_string(text));
}

/* "12 errors, 3 dropped: a.b.Error 12", if there were any. */
static bool describe_errors(const json_t *result, char *text, size_t size)
{
        double n_errors = document_number(result, "errors");
        double n_dropped = document_number(result, "dropped");
        const char *name =
                json_object_iter_key(json_object_iter(json_object_get(result, "errors_by_name")));

        if (n_errors + n_dropped == 0)
                return false;
        snprintf(text, size, "%.0f errors, %.0f dropped%s%s", n_errors, n_dropped, name ? ": " : "",
                 name ? name : "");
        return true;
}

void document_add(json_t *document, json_t *place, const SuiteCell *cell,
                  const RunnerOutcome *outcome, const DocumentRun *run)
{
        const json_t *result = outcome->result;
        char text[256];

        count(place, "n_repeated", run->n_repeated);
        if (!json_object_get(place, "command"))
                set(place, "command", json_string(outcome->command));
        if (!result || (describe_errors(result, text, sizeof(text)) && !cell->allows_errors)) {
                count(place, "n_failed", 1);
                add_error(place, result ? text : outcome->error);
                return;
        }
        add_facts(document, place, result);
        count(place, "n_runs", 1);
        count(place, "n_disturbed", run->is_disturbed);
        count(place, "n_generator_bound",
              json_is_true(json_object_get(json_object_get(result, "generator"), "bound")));
        for (const Measure *measure = measure_list(); measure->name; measure++) {
                double value;

                if (measure_read(measure, result, &value))
                        add_value(json_object_get(place, "figures"), measure, value);
        }
}

bool document_figure(const json_t *place, const char *measure, DocumentFigure *ret_figure)
{
        const json_t *figure = json_object_get(json_object_get(place, "figures"), measure);

        if (!figure)
                return false;
        *ret_figure = (DocumentFigure){.median = document_number(figure, "median"),
                                       .min = document_number(figure, "min"),
                                       .max = document_number(figure, "max"),
                                       .n = json_array_size(json_object_get(figure, "values"))};
        return ret_figure->n > 0;
}

json_t *document_read(const char *path, FILE *errors)
{
        json_error_t error;
        json_t *document = json_load_file(path, 0, &error);

        if (!document) {
                fprintf(errors, "%s: %s (line %d)\n", path, error.text, error.line);
                return NULL;
        }
        if (!strcmp(document_text(document, "format"), DOCUMENT_FORMAT) &&
            json_is_array(json_object_get(document, "cells")))
                return document;
        fprintf(errors, "%s: not what 'ringbus-load compare --json' writes\n", path);
        json_decref(document);
        return NULL;
}

int document_write(const json_t *document, const char *path, FILE *errors)
{
        if (json_dump_file(document, path, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) == 0)
                return 0;
        fprintf(errors, "cannot write %s: %m\n", path);
        return -1;
}
