/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_FIGURES_H
#define RINGBUS_BENCH_LOAD_ENGINE_FIGURES_H

/*
 * The result of one run, as a table for people and as JSON (docs/ringbus-load.schema.json).
 *
 * What is counted: a *message* is one that the broker had to carry: a call and its return are two,
 * whoever answers it (another client, a service that is not ours, or the bus); a signal is one. A
 * *delivery* is a message that a client received: a signal to K subscribers has K. An *operation*
 * is what the scenario repeats: a call with its reply, a signal at all its subscribers, a
 * connection made and closed.
 *
 * Owner: one thread. figures_init() and figures_deinit() around.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/load/engine/facts.h"
#include "bench/load/engine/histogram.h"

enum {
        FIGURES_KNOBS_MAX = 48,
        FIGURES_ERRORS_MAX = 32,
        FIGURES_EXTRA_MAX = 32,
        FIGURES_NAME_MAX = 128,
};

typedef struct FiguresPair {
        const char *name; // borrowed
        char value[128];
} FiguresPair;

typedef struct FiguresError {
        char name[FIGURES_NAME_MAX]; /* of the D-Bus error, or a word of our own */
        uint64_t n;
} FiguresError;

typedef struct FiguresExtra {
        const char *name; // static
        const char *unit; // static
        double value;
} FiguresExtra;

typedef struct Figures {
        const char *scenario; // static
        FiguresPair knobs[FIGURES_KNOBS_MAX];
        unsigned n_knobs;
        const char *command_line; // borrowed
        const char *address;      // borrowed
        FactsMachine machine;
        FactsBroker broker;

        /* Of the measured time alone. */
        double seconds;
        uint64_t n_messages, n_deliveries, n_operations;
        uint64_t n_errors, n_dropped;
        uint64_t n_late;        /* operations that took longer than --late (open loop) */
        Histogram latency;      /* ns */
        const char *latency_of; // static: "call to reply"; NULL: there is none

        /* Of the whole run, warm-up and drain included. */
        uint64_t n_begun, n_ended; /* operations; ended: done, failed or dropped */

        bool knows_broker;       /* the next ones are measured */
        double broker_cpu_ns;    /* in the measured time */
        double broker_cpu_share; /* of one CPU */
        double broker_switches;
        long broker_rss_before_kib, broker_rss_after_kib;
        unsigned broker_threads;

        double generator_cpu_ns;    /* of all generator threads */
        double generator_cpu_share; /* of the busiest thread's time, 0 to 1 */
        unsigned generator_threads;
        bool is_generator_bound;
        double foreign_cpu_share; /* of all CPUs, 0 to 1 */
        bool was_interrupted;     /* by SIGINT: shorter than asked for */

        FiguresError errors[FIGURES_ERRORS_MAX];
        unsigned n_error_names; /* further names are added up as "(others)" */
        FiguresExtra extra[FIGURES_EXTRA_MAX];
        unsigned n_extra;
} Figures;

void figures_init(Figures *figures, const char *scenario);

void figures_add_knob(Figures *figures, const char *name, const char *value);
void figures_add_error(Figures *figures, const char *name, uint64_t n);
/* A figure of the scenario's own; unit "" if it is a number of something. */
void figures_add(Figures *figures, const char *name, const char *unit, double value);

/* Per message, and per delivery; 0 if unknown. */
double figures_cpu_ns_per_message(const Figures *figures);
double figures_cpu_ns_per_delivery(const Figures *figures);
double figures_switches_per_message(const Figures *figures);
double figures_rate(const Figures *figures); /* operations per second */

/*
 * Whether the generator was the limit: one of its threads had no time left, or all of them were
 * busy while the broker, on the CPUs that it could have used, was not. Shares are of one CPU;
 * `least` is that of the least busy thread.
 */
bool figures_is_generator_bound(double busiest, double least, double broker_share,
                                unsigned broker_cpus);

void figures_print_table(const Figures *figures, FILE *file);
json_t *figures_to_json(const Figures *figures); /* a new reference; never NULL */

/* The parts that others embed in documents of their own. New references. */
json_t *figures_machine_to_json(const FactsMachine *machine);
json_t *figures_broker_to_json(const FactsBroker *broker);
json_t *figures_histogram_to_json(const Histogram *histogram); /* values in ns */

#endif
