/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_FACTS_H
#define RINGBUS_BENCH_LOAD_ENGINE_FACTS_H

/*
 * What the kernel says about a broker's process and about the machine. Two snapshots, at the begin
 * and the end of what is measured, give everything that is reported for each message.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { FACTS_TEXT_MAX = 256 };

/* A process at one moment. */
typedef struct FactsProcess {
        bool is_known;     /* it lives, and /proc can be read */
        uint64_t taken_ns; /* CLOCK_MONOTONIC */
        uint64_t cpu_ns;   /* all threads, also those that ended */
        uint64_t switches; /* context switches of living threads, both kinds */
        uint64_t voluntary_switches;
        long rss_kib;
        long n_fds;
        unsigned n_threads;
} FactsProcess;

/* The machine's CPU time at one moment. */
typedef struct FactsCpu {
        uint64_t taken_ns;
        uint64_t busy_ns;  /* all CPUs, all processes, resolution 10 ms */
        uint64_t steal_ns; /* taken by the hypervisor */
        uint64_t own_ns;   /* of this process, all threads */
} FactsCpu;

/* What does not change. Texts are "" if unknown. */
typedef struct FactsMachine {
        char kernel[FACTS_TEXT_MAX]; /* "Linux 6.18.5 x86_64" */
        char cpu_model[FACTS_TEXT_MAX];
        char governor[64];
        unsigned n_cpus; /* that this process may use */
        double load;     /* average of the last minute */
        char time[64];   /* now, ISO 8601, UTC */
} FactsMachine;

typedef struct FactsBroker {
        pid_t pid; /* 0: unknown */
        char exe[FACTS_TEXT_MAX];
        char version[FACTS_TEXT_MAX]; /* first line of EXE --version, of known brokers only */
        char command_line[1024];
} FactsBroker;

void facts_read_process(pid_t pid, FactsProcess *ret_process);
void facts_read_cpu(FactsCpu *ret_cpu);
void facts_read_machine(FactsMachine *ret_machine);
void facts_read_broker(pid_t pid, FactsBroker *ret_broker);

/*
 * The share of the machine's CPUs (0 to 1) that neither this process nor the broker used between
 * two moments: others', and what the hypervisor took. `broker_ns` is the broker's CPU time between
 * them.
 */
double facts_foreign_share(const FactsCpu *begin, const FactsCpu *end, uint64_t broker_ns,
                           unsigned n_cpus);

#endif
