/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/measure.h"

#include <string.h>

#include "bench/load/engine/knobs.h"

enum {
        MEASURES_MAX = 64,
        KEY_MAX = 64,
};

static const Measure measures[] = {
        {"cpu-per-message", "broker CPU per message", "µs", "broker_use.cpu_ns_per_message", NULL,
         NULL, 1e-3, false},
        {"cpu-per-delivery", "broker CPU per delivery", "µs", "broker_use.cpu_ns_per_delivery",
         NULL, NULL, 1e-3, false},
        {"cpu-per-operation", "broker CPU per operation", "µs", "broker_use.cpu_ns", NULL,
         "operations", 1e-3, false},
        {"operations-per-second", "operations per second", "1/s", "operations_per_second", NULL,
         NULL, 1, true},
        {"deliveries-per-second", "deliveries per second", "1/s", "deliveries", NULL, "seconds", 1,
         true},
        {"latency-p50", "latency, median", "µs", "latency_ns.p50", NULL, NULL, 1e-3, false},
        {"latency-p90", "latency, 90 %", "µs", "latency_ns.p90", NULL, NULL, 1e-3, false},
        {"latency-p99", "latency, 99 %", "µs", "latency_ns.p99", NULL, NULL, 1e-3, false},
        {"latency-p999", "latency, 99.9 %", "µs", "latency_ns.p999", NULL, NULL, 1e-3, false},
        {"latency-max", "latency, longest", "µs", "latency_ns.max", NULL, NULL, 1e-3, false},
        {"switches-per-message", "context switches per message", "",
         "broker_use.switches_per_message", NULL, NULL, 1, false},
        {"broker-cpu", "broker CPU time", "CPUs", "broker_use.cpu_share", NULL, NULL, 1, false},
        {"memory-growth", "broker memory, growth", "MB", "broker_use.rss_after_kib",
         "broker_use.rss_before_kib", NULL, 1024e-6, false},
        {"memory-per-connection", "broker memory per connection", "KiB",
         "extra.memory per connection.value", NULL, NULL, 1, false},
        {"memory-per-rule", "broker memory per match rule", "B", "extra.memory per rule.value",
         NULL, NULL, 1, false},
        {"generator-cpu", "busiest load thread", "CPUs", "generator.busiest_cpu_share", NULL, NULL,
         1, false},
        {"foreign-cpu", "CPU time of others", "share", "foreign_cpu_share", NULL, NULL, 1, false},
        {0},
};

const Measure *measure_list(void)
{
        return measures;
}

const Measure *measure_find(const char *name, FILE *errors)
{
        const char *names[MEASURES_MAX];
        const char *nearest;
        size_t n = 0;

        for (const Measure *measure = measures; measure->name; measure++) {
                if (!strcmp(measure->name, name))
                        return measure;
                names[n++] = measure->name;
        }
        names[n] = NULL;
        nearest = errors ? knobs_nearest(name, names) : NULL;
        if (errors)
                fprintf(errors, "no measure is called '%s'%s%s%s\n", name, nearest ? "; is '" : "",
                        nearest ? nearest : "", nearest ? "' meant?" : "");
        return NULL;
}

/* The number at a path of names with dots between. */
static bool read_path(const char *path, const json_t *json, double *ret_value)
{
        while (*path && json) {
                size_t size = strcspn(path, ".");
                char key[KEY_MAX];

                snprintf(key, sizeof(key), "%.*s", (int)size, path);
                json = json_object_get(json, key);
                path += size + (path[size] == '.');
        }
        if (!json_is_number(json))
                return false;
        *ret_value = json_number_value(json);
        return true;
}

bool measure_read(const Measure *measure, const json_t *result, double *ret_value)
{
        double value, minus = 0, per = 1;

        if (!read_path(measure->path, result, &value) ||
            (measure->minus && !read_path(measure->minus, result, &minus)) ||
            (measure->per && (!read_path(measure->per, result, &per) || per <= 0)))
                return false;
        *ret_value = (value - minus) / per * measure->scale;
        return true;
}
