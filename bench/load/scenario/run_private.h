/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_RUN_PRIVATE_H
#define RINGBUS_BENCH_LOAD_SCENARIO_RUN_PRIVATE_H

/* What the files of a Run share. */

#include <pthread.h>

#include "bench/load/engine/progress.h"
#include "bench/load/scenario/run.h"

enum {
        RUN_LOOK_MS = 250,    /* how often a part looks for stalls */
        RUN_STALL_LOOKS = 12, /* as many in a row without progress: 3 s */
        RUN_DRAIN_MS = 2,     /* how often, in the drain, for its end */
        RUN_TICK_MS = 20, /* how often the main thread looks for the broker's death and SIGINT */
        RUN_FAILURE_MAX = 4096,
};

typedef enum RunOrder {
        RUN_ORDER_PREPARE,
        RUN_ORDER_START,
        RUN_ORDER_MEASURE,
        RUN_ORDER_STOP,
} RunOrder;

/* What was counted up to one moment. */
typedef struct RunTotals {
        uint64_t n_begun, n_operations, n_errors, n_dropped, n_late, n_messages, n_deliveries;
} RunTotals;

/* One end of the measured time. */
typedef struct RunMoment {
        uint64_t taken_ns; /* of the totals */
        RunTotals totals;
        FactsProcess broker;
        FactsCpu cpu;
        uint64_t threads_ns[CREW_MAX]; /* CPU time of each generator thread */
} RunMoment;

typedef struct RunState {
        pthread_mutex_t lock; /* of the next five */
        pthread_cond_t changed;
        unsigned n_arrived; /* parts that have done what was ordered */
        unsigned n_enough;  /* parts that want nothing more: run_enough() */
        bool has_failed;
        bool has_lost_bus; /* the failure is a lost connection: perhaps the broker died */
        char failure[RUN_FAILURE_MAX];

        Progress progress;
        int broker_fd; /* pidfd, or -1 */
        bool was_interrupted;
        RunMoment begin, end;
} RunState;

/* run_part.c: the main thread's orders to a part, and its arrival. */
void run_part_init(RunPart *part, Run *run, CrewMember *member);
void run_part_order(RunPart *part, RunOrder order, unsigned stage);
void run_part_finish(RunPart *part); /* the last one: it stops its clients */

/* run_watch.c */
void run_watch_part(Timer *timer, void *context); /* the part's timer */
void run_watch_begin(Run *run);                   /* SIGINT and the broker's end */
void run_watch_end(Run *run);
bool run_watch_interrupted(void);
/* Whether the broker has ended; waits `timeout_ms` for it. */
bool run_watch_broker_died(const Run *run, int timeout_ms);

/* run_probe.c: connects once, on the calling thread: finds the broker's pid. 0, or 1 after saying
 * why not. */
int run_probe(Run *run);

/* run_report.c */
void run_report_moment(const Run *run, RunMoment *ret_moment);
void run_report_totals(const Run *run, RunTotals *ret_totals);
int run_report(Run *run); /* 0, or 1 after saying what is missing */

/* run_options.c */
extern const Knob run_options_knobs[];
/* Finds run->address, or starts the broker that was asked for. 0, 1 or 2 after saying why not. */
int run_options_find_bus(Run *run);
/* Ends the broker that was started, if any. */
void run_options_leave_bus(Run *run);
/* The broker has ended: how, on stderr. */
void run_options_say_end(const Run *run);

#endif
