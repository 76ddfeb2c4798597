/* SPDX-License-Identifier: Apache-2.0 */
/* The result as docs/ringbus-load.schema.json describes it. Times are ns unless their name says so.
 */

#include <stdlib.h>

#include "bench/load/engine/process.h"
#include "bench/load/engine/figures.h"

static json_t *must(json_t *json)
{
        if (!json)
                process_out_of_memory(); /* out of memory, or a text that is not UTF-8 */
        return json;
}

static void set(json_t *object, const char *name, json_t *value)
{
        if (json_object_set_new(object, name, must(value)) < 0)
                abort();
}

static void set_count(json_t *object, const char *name, uint64_t n)
{
        set(object, name, json_integer((json_int_t)n));
}

/* Bytes that are not UTF-8 (a command line may have any) become question marks. */
static json_t *text(const char *string)
{
        json_t *json = json_string(string ? string : "");
        char copy[1024];
        size_t i = 0;

        if (json)
                return json;
        for (; string[i] && i + 1 < sizeof(copy); i++)
                copy[i] = (unsigned char)string[i] < 0x80 ? string[i] : '?';
        copy[i] = '\0';
        return must(json_string(copy));
}

json_t *figures_machine_to_json(const FactsMachine *machine)
{
        json_t *json = must(json_object());

        set(json, "kernel", text(machine->kernel));
        set(json, "cpu", text(machine->cpu_model));
        set(json, "governor", text(machine->governor));
        set_count(json, "cpus", machine->n_cpus);
        set(json, "load", json_real(machine->load));
        set(json, "time", text(machine->time));
        return json;
}

json_t *figures_broker_to_json(const FactsBroker *broker)
{
        json_t *json = must(json_object());

        set(json, "pid", json_integer(broker->pid));
        set(json, "exe", text(broker->exe));
        set(json, "version", text(broker->version));
        set(json, "command_line", text(broker->command_line));
        return json;
}

static json_t *slots_to_json(const Histogram *histogram)
{
        json_t *json = must(json_array());

        for (size_t i = 0; i < HISTOGRAM_SLOTS; i++) {
                json_t *pair;

                if (histogram->slots[i] == 0)
                        continue;
                pair = must(json_array());
                if (json_array_append_new(
                            pair, must(json_integer((json_int_t)histogram_slot_end(i)))) < 0 ||
                    json_array_append_new(
                            pair, must(json_integer((json_int_t)histogram->slots[i]))) < 0 ||
                    json_array_append_new(json, pair) < 0)
                        abort();
        }
        return json;
}

json_t *figures_histogram_to_json(const Histogram *histogram)
{
        json_t *json = must(json_object());

        set_count(json, "count", histogram->n);
        set_count(json, "min", histogram->n ? histogram->min : 0);
        set_count(json, "max", histogram->max);
        set(json, "mean", json_real(histogram_mean(histogram)));
        set_count(json, "p50", histogram_percentile(histogram, 50));
        set_count(json, "p90", histogram_percentile(histogram, 90));
        set_count(json, "p99", histogram_percentile(histogram, 99));
        set_count(json, "p999", histogram_percentile(histogram, 99.9));
        set(json, "slots", slots_to_json(histogram));
        return json;
}

static json_t *broker_use_to_json(const Figures *figures)
{
        json_t *json;

        if (!figures->knows_broker)
                return json_null();
        json = must(json_object());
        set(json, "cpu_ns", json_real(figures->broker_cpu_ns));
        set(json, "cpu_share", json_real(figures->broker_cpu_share));
        set(json, "cpu_ns_per_message", json_real(figures_cpu_ns_per_message(figures)));
        set(json, "cpu_ns_per_delivery", json_real(figures_cpu_ns_per_delivery(figures)));
        set(json, "switches", json_real(figures->broker_switches));
        set(json, "switches_per_message", json_real(figures_switches_per_message(figures)));
        set(json, "rss_before_kib", json_integer(figures->broker_rss_before_kib));
        set(json, "rss_after_kib", json_integer(figures->broker_rss_after_kib));
        set_count(json, "threads", figures->broker_threads);
        return json;
}

static json_t *generator_to_json(const Figures *figures)
{
        json_t *json = must(json_object());

        set_count(json, "threads", figures->generator_threads);
        set(json, "cpu_ns", json_real(figures->generator_cpu_ns));
        set(json, "busiest_cpu_share", json_real(figures->generator_cpu_share));
        set(json, "bound", json_boolean(figures->is_generator_bound));
        return json;
}

static void set_counts(json_t *json, const Figures *figures)
{
        json_t *errors = must(json_object());

        set(json, "seconds", json_real(figures->seconds));
        set_count(json, "operations", figures->n_operations);
        set(json, "operations_per_second", json_real(figures_rate(figures)));
        set_count(json, "messages", figures->n_messages);
        set_count(json, "deliveries", figures->n_deliveries);
        set_count(json, "errors", figures->n_errors);
        set_count(json, "dropped", figures->n_dropped);
        set_count(json, "late", figures->n_late);
        for (unsigned i = 0; i < figures->n_error_names; i++)
                set_count(errors, figures->errors[i].name, figures->errors[i].n);
        set(json, "errors_by_name", errors);
        set_count(json, "begun_in_all", figures->n_begun);
        set_count(json, "ended_in_all", figures->n_ended);
}

json_t *figures_to_json(const Figures *figures)
{
        json_t *json = must(json_object()), *knobs = must(json_object());
        json_t *extra = must(json_object());

        set(json, "format", json_string("ringbus-load result 1"));
        set(json, "scenario", text(figures->scenario));
        for (unsigned i = 0; i < figures->n_knobs; i++)
                set(knobs, figures->knobs[i].name, text(figures->knobs[i].value));
        set(json, "knobs", knobs);
        set(json, "command_line", text(figures->command_line));
        set(json, "address", text(figures->address));
        set(json, "machine", figures_machine_to_json(&figures->machine));
        set(json, "broker", figures_broker_to_json(&figures->broker));
        set(json, "interrupted", json_boolean(figures->was_interrupted));
        set_counts(json, figures);
        if (figures->latency_of) {
                set(json, "latency_of", text(figures->latency_of));
                set(json, "latency_ns", figures_histogram_to_json(&figures->latency));
        }
        set(json, "broker_use", broker_use_to_json(figures));
        set(json, "generator", generator_to_json(figures));
        set(json, "foreign_cpu_share", json_real(figures->foreign_cpu_share));
        for (unsigned i = 0; i < figures->n_extra; i++) {
                json_t *value = must(json_object());

                set(value, "unit", text(figures->extra[i].unit));
                set(value, "value", json_real(figures->extra[i].value));
                set(extra, figures->extra[i].name, value);
        }
        set(json, "extra", extra);
        return json;
}
