/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/figures.h"

#include <string.h>

#include "broker/base/assert.h"

void figures_init(Figures *figures, const char *scenario)
{
        memset(figures, 0, sizeof(*figures));
        figures->scenario = scenario;
}

void figures_add_knob(Figures *figures, const char *name, const char *value)
{
        FiguresPair *pair = &figures->knobs[figures->n_knobs];

        ASSERT(figures->n_knobs < FIGURES_KNOBS_MAX);
        figures->n_knobs++;
        pair->name = name;
        snprintf(pair->value, sizeof(pair->value), "%s", value);
}

void figures_add_error(Figures *figures, const char *name, uint64_t n)
{
        unsigned i = 0;

        while (i < figures->n_error_names && strcmp(figures->errors[i].name, name) != 0)
                i++;
        if (i == figures->n_error_names) {
                if (i == FIGURES_ERRORS_MAX)
                        i--;
                else
                        figures->n_error_names++;
                if (i == FIGURES_ERRORS_MAX - 1)
                        name = "(others)";
                snprintf(figures->errors[i].name, FIGURES_NAME_MAX, "%s", name);
        }
        figures->errors[i].n += n;
}

void figures_add(Figures *figures, const char *name, const char *unit, double value)
{
        ASSERT(figures->n_extra < FIGURES_EXTRA_MAX);
        figures->extra[figures->n_extra++] =
                (FiguresExtra){.name = name, .unit = unit, .value = value};
}

static double per(double value, uint64_t n)
{
        return n > 0 ? value / (double)n : 0;
}

double figures_cpu_ns_per_message(const Figures *figures)
{
        return per(figures->broker_cpu_ns, figures->n_messages);
}

double figures_cpu_ns_per_delivery(const Figures *figures)
{
        return per(figures->broker_cpu_ns, figures->n_deliveries);
}

double figures_switches_per_message(const Figures *figures)
{
        return per(figures->broker_switches, figures->n_messages);
}

double figures_rate(const Figures *figures)
{
        return figures->seconds > 0 ? (double)figures->n_operations / figures->seconds : 0;
}

bool figures_is_generator_bound(double busiest, double least, double broker_share,
                                unsigned broker_cpus)
{
        return busiest >= 0.9 ||
               (least >= 0.7 && broker_cpus > 0 && broker_share < 0.7 * broker_cpus);
}

/* Three digits are all that such figures are good for. */
static int digits(double value)
{
        return value >= 100 || value <= -100 ? 0 : value >= 10 || value <= -10 ? 1 : 2;
}

static void print_row(FILE *file, const char *name, double value, const char *unit)
{
        fprintf(file, "  %-34s %14.*f%s%s\n", name, digits(value), value, unit[0] ? " " : "", unit);
}

static void print_count(FILE *file, const char *name, uint64_t n)
{
        fprintf(file, "  %-34s %14llu\n", name, (unsigned long long)n);
}

/* Numbers of something have no fractions. */
static void print_extra(FILE *file, const FiguresExtra *extra)
{
        if (!extra->unit[0] && extra->value >= 0 && extra->value < 1e15 &&
            extra->value == (double)(uint64_t)extra->value)
                print_count(file, extra->name, (uint64_t)extra->value);
        else
                print_row(file, extra->name, extra->value, extra->unit);
}

static void print_head(const Figures *figures, FILE *file)
{
        const FactsBroker *broker = &figures->broker;
        const char *base = strrchr(broker->exe, '/');

        fprintf(file, "%s on %s", figures->scenario,
                broker->pid ? (base ? base + 1 : "a process without a name") : "a bus");
        if (broker->pid)
                fprintf(file, ", pid %d", (int)broker->pid);
        fprintf(file, ", measured for %.2f s%s\n", figures->seconds,
                figures->was_interrupted ? ", INTERRUPTED" : "");
        if (broker->version[0])
                fprintf(file, "  %s\n", broker->version);
}

static void print_traffic(const Figures *figures, FILE *file)
{
        double seconds = figures->seconds > 0 ? figures->seconds : 1;

        print_count(file, "operations", figures->n_operations);
        print_row(file, "operations per second", figures_rate(figures), "");
        print_row(file, "messages per second", (double)figures->n_messages / seconds, "");
        if (figures->n_deliveries != figures->n_messages)
                print_row(file, "deliveries per second", (double)figures->n_deliveries / seconds,
                          "");
        print_count(file, "errors", figures->n_errors);
        for (unsigned i = 0; i < figures->n_error_names; i++)
                fprintf(file, "    %-60s %llu, in the whole run\n", figures->errors[i].name,
                        (unsigned long long)figures->errors[i].n);
        print_count(file, "dropped", figures->n_dropped);
}

static void print_latency(const Figures *figures, FILE *file)
{
        static const struct {
                const char *name;
                double percent;
        } rows[] = {{"  median", 50},
                    {"  90 %", 90},
                    {"  99 %", 99},
                    {"  99.9 %", 99.9},
                    {"  longest", 100}};
        const Histogram *latency = &figures->latency;

        if (!figures->latency_of)
                return;
        fprintf(file, "  latency, %s\n", figures->latency_of);
        if (latency->n == 0) {
                fprintf(file, "    none was measured\n");
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                print_row(file, rows[i].name,
                          (double)histogram_percentile(latency, rows[i].percent) / 1e3, "us");
        print_row(file, "  mean", histogram_mean(latency) / 1e3, "us");
        print_count(file, "  late", figures->n_late);
}

static void print_broker(const Figures *figures, FILE *file)
{
        if (!figures->knows_broker) {
                fprintf(file, "  the broker's process is not known: see --pid\n");
                return;
        }
        if (figures->n_messages > 0)
                print_row(file, "broker's CPU per message",
                          figures_cpu_ns_per_message(figures) / 1e3, "us");
        if (figures->n_deliveries > 0 && figures->n_deliveries != figures->n_messages)
                print_row(file, "broker's CPU per delivery",
                          figures_cpu_ns_per_delivery(figures) / 1e3, "us");
        print_row(file, "broker's CPU", figures->broker_cpu_share * 100, "% of one");
        if (figures->n_messages > 0)
                print_row(file, "its context switches per message",
                          figures_switches_per_message(figures), "");
        fprintf(file, "  %-34s %14ld KiB, %+ld\n", "its memory (RSS)",
                figures->broker_rss_after_kib,
                figures->broker_rss_after_kib - figures->broker_rss_before_kib);
}

void figures_print_table(const Figures *figures, FILE *file)
{
        print_head(figures, file);
        print_traffic(figures, file);
        for (unsigned i = 0; i < figures->n_extra; i++)
                print_extra(file, &figures->extra[i]);
        print_latency(figures, file);
        print_broker(figures, file);
        print_row(file, "CPU of the busiest load thread", figures->generator_cpu_share * 100, "%");
        print_row(file, "CPU used by others", figures->foreign_cpu_share * 100, "% of all");
        if (figures->is_generator_bound)
                fprintf(file, "  generator-bound: the load generator was the limit, not the "
                              "broker; try --threads\n");
}
