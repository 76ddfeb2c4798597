/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_RUN_H
#define RINGBUS_BENCH_LOAD_SCENARIO_RUN_H

/*
 * One run of a scenario, from its parsed knobs to its figures:
 *
 *   prepare (stages) -> warm-up -> measure -> drain -> report
 *
 * The main thread leads, watches (the broker's death, clients that stall, SIGINT) and reports; each
 * generator thread has a RunPart, on whose loop everything of the scenario runs. A scenario gives
 * RunActs; in each of them, and in the handlers of its connections, it touches its own part only.
 * What parts must tell each other during preparation (names) goes through memory that one stage
 * writes and a later one reads: between stages all parts wait for each other.
 *
 * Everything that a scenario begins must end: counters.n_begun is compared with n_operations +
 * n_errors + n_dropped after the drain, and the run fails if they differ.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/load/engine/connection.h"
#include "bench/load/engine/crew.h"
#include "bench/load/engine/figures.h"
#include "bench/load/engine/knobs.h"
#include "bench/load/engine/template.h"
#include "bench/load/engine/window.h"

typedef struct Run Run;
typedef struct RunPart RunPart;
typedef struct RunClient RunClient;
typedef struct Scenario Scenario;

/* The knobs that all scenarios share, but for those that a scenario lacks. */
typedef struct RunOptions {
        const char *address, *broker, *io, *json;
        bool session, system, quiet;
        uint64_t duration_ns, warmup_ns, late_ns;
        uint64_t n_threads, payload, seed, pid, n_workers;
        unsigned write; /* ConnectionWrite */
} RunOptions;

/*
 * Counted by one thread, read by the main thread at any time. All are cumulative, from the begin of
 * the warm-up to the end of the drain; the main thread takes differences for what was measured.
 */
typedef struct RunCounters {
        atomic_ullong n_begun;      /* operations */
        atomic_ullong n_operations; /* that ended well */
        atomic_ullong n_errors;     /* that ended with an error, see run_error() */
        atomic_ullong n_dropped;    /* that the bus said, or the drain showed, to be lost */
        atomic_ullong n_late;       /* of n_operations: took longer than --late */
        atomic_ullong n_messages;   /* sent by clients (bench/load/engine/figures.h) */
        atomic_ullong n_deliveries; /* received by clients */
} RunCounters;

static inline void run_count(atomic_ullong *counter, uint64_t n)
{
        /* One writer: no read-modify-write is needed. */
        atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                              memory_order_relaxed);
}

typedef struct RunErrorName {
        char name[FIGURES_NAME_MAX];
        uint64_t n;
} RunErrorName;

/* One thread's share of a run. Owner: its thread; the main thread after the crew has ended. */
struct RunPart {
        Run *run;
        Loop *loop;
        unsigned index;
        void *data; /* RunActs.part_size bytes, zeroed: the scenario's */

        RunCounters counters;
        bool is_measuring; /* latencies count now: use run_latency() */
        bool is_stopping;  /* begin nothing more */
        Histogram latency; /* ns, of the measured time */
        RunErrorName errors[FIGURES_ERRORS_MAX];
        unsigned n_error_names;

        RunClient *clients; /* all of this part's, newest first */
        uint64_t n_pending; /* of the stage: run_begin_one() */
        bool is_in_stage;
        Timer watch; /* looks for stalls, and in the drain for its end */
        uint64_t watched_ns;
        LoopTask task, finish_task; /* the main thread's orders */
        unsigned order, stage;
        bool is_draining;
        bool has_enough;
};

/* A connection with what the watch needs to know of it. */
struct RunClient {
        Connection connection; /* its owner is this client */
        RunPart *part;
        const char *role;     // static: "caller"
        unsigned index;       /* of its role, from 0 */
        uint64_t n_awaited;   /* messages that must come (back): 0: it is at rest */
        uint64_t progress_ns; /* when the wait began, or one came last */
        uint64_t n_bus_calls; /* of n_awaited: run_call_bus() */
        bool is_exempt;       /* may stall: it is meant to */
        unsigned quiet_looks; /* of the watch, one after the other, that found no progress */
        RunClient *next;
};

typedef struct RunActs {
        size_t part_size;
        /*
         * Stages 0 to n_stages - 1 on each part: starts connections, calls the bus. The stage ends
         * for the part when prepare() has returned and everything counted by run_begin_one() has
         * ended; the next begins when it has ended for all parts.
         */
        unsigned n_stages;
        void (*prepare)(RunPart *part, unsigned stage);
        void (*start)(RunPart *part); /* traffic begins, with the warm-up */
        void (*stop)(RunPart *part);  /* or NULL: is_stopping was set; timers may be disarmed */
        /* In the drain, or NULL: no more to wait for? Asked once all n_awaited are 0. */
        bool (*is_drained)(RunPart *part);
        /* Or NULL: frees what the part holds. Clients that are still there are stopped later. */
        void (*finish)(RunPart *part);
        /* Main thread, or NULL: figures of the scenario's own. The parts are still there. */
        void (*report)(Run *run, Figures *figures);
        /* Or NULL: one line on a client of the part's for the report of a stall, into `text`. */
        void (*describe)(const RunClient *client, char *text, size_t size);
        const char *latency_of; /* "call to reply"; NULL: the scenario has none */
        /* Or NULL: reads n_begun etc. as "calls" in messages. */
        const char *operations;
} RunActs;

/* A run. Owner: the main thread; the parts read what is fixed once prepared. */
struct Run {
        const Scenario *scenario;
        const RunActs *acts;
        RunOptions options;
        const void *knobs;        /* the scenario's struct, parsed */
        const char *const *words; /* what followed the knobs */
        unsigned n_words;
        const char *command_line; // borrowed
        char address[512];
        FactsBroker broker;
        FactsMachine machine;
        void *started; /* the broker of --broker, if any */

        Crew crew;
        RunPart *parts;
        unsigned n_parts;
        void *shared;           /* the scenario's, for all parts; the scenario frees it */
        Figures *figures;       /* the result, once run_execute() has returned 0 */
        struct RunState *state; /* run.c's */
};

/*
 * Leads the run through all its phases and prints the figures as --json and --quiet ask. 0, or 1
 * after saying why on stderr.
 */
int run_execute(Run *run, const RunActs *acts);

/* ---- For scenarios, on a part's thread ---- */

/* Which of `n` things (clients of a role) belong to this part: those i with i % n_parts == index.
 */
static inline bool run_is_mine(const RunPart *part, unsigned i)
{
        return i % part->run->n_parts == part->index;
}

/* The stage has one thing more to wait for; one of them has ended. */
void run_begin_one(RunPart *part);
void run_end_one(RunPart *part);

/*
 * Connects a client (zeroed memory that stays until the run ends) with the run's address, write
 * mode and handlers; `handlers->failed` is usually run_client_failed. The stage does not wait for
 * it by itself: run_begin_one() before, run_end_one() in `ready`. What fails at once is a failure
 * of the run.
 */
void run_client_start(RunClient *client, RunPart *part, const char *role, unsigned index,
                      const ConnectionHandlers *handlers);
/* The same with a choice; options->handlers is used, its owner is set to the client. */
void run_client_start_with(RunClient *client, RunPart *part, const char *role, unsigned index,
                           const ConnectionOptions *options);

static inline RunClient *run_client(Connection *connection)
{
        return connection->owner;
}

/* The client waits for n messages (more); n have come. The watch takes a client that waits for 3 s
 * without any coming for a stalled one. */
static inline void run_client_await(RunClient *client, uint64_t n)
{
        if (client->n_awaited == 0)
                client->progress_ns = client->part->loop->now_ns;
        client->n_awaited += n;
}
static inline void run_client_got(RunClient *client, uint64_t n)
{
        client->n_awaited -= n;
        client->progress_ns = client->part->loop->now_ns;
}

/* ConnectionHandlers.failed of clients whose loss ends the run. */
void run_client_failed(Connection *connection, int error, const char *what);

/* Forgets a client: stops it; its memory may go once the handler has returned. */
void run_client_remove(RunClient *client);

/*
 * Calls org.freedesktop.DBus.MEMBER with arguments of types s and u only (`signature`, then const
 * char * and uint32_t). In a stage the stage waits for the reply; an error fails the run.
 */
void run_call_bus(RunClient *client, const char *member, const char *signature, ...);

/*
 * First thing in a frame handler: true if the frame was a reply to run_call_bus(), or a signal of
 * the bus to this client alone (NameAcquired, NameLost), and has been dealt with.
 */
bool run_client_take(RunClient *client, const ConnectionFrame *frame);

/* One operation failed: counts it, by its D-Bus name or a word of our own. */
void run_error(RunPart *part, Text name);
/* The same, with the name of an error message. */
void run_error_frame(RunPart *part, const ConnectionFrame *frame);

/* One operation ended well: counts it, and while measuring its latency, which is late if longer
 * than --late. */
static inline void run_done(RunPart *part, uint64_t latency_ns)
{
        run_count(&part->counters.n_operations, 1);
        if (latency_ns > part->run->options.late_ns)
                run_count(&part->counters.n_late, 1);
        if (part->is_measuring)
                histogram_add(&part->latency, latency_ns);
}

/* This part will begin nothing more, and all that it began has ended: once all parts have said so,
 * the run ends before its time. */
void run_enough(RunPart *part);

/* In RunActs.stop and later: somebody wants the run to end now. */
bool run_was_interrupted(const Run *run);

/* The run has failed, for this reason: the first one counts. Any thread. The run ends soon. */
void run_fail(Run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
