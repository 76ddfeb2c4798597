/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closed loop: each caller keeps a fixed number of calls outstanding at its service, which answers
 * with a body of the same size.
 */

#include "bench/load/scenario/pairing.h"
#include "bench/load/scenario/scenario.h"

typedef struct Knobs {
        uint64_t n_callers, n_services, window;
} Knobs;

static const Knob knobs[] = {
        {"callers", "N", "clients that call", KNOB_COUNT, offsetof(Knobs, n_callers), 1, 100000,
         "4", NULL},
        {"services", "N", "clients that answer; caller i calls service i modulo N", KNOB_COUNT,
         offsetof(Knobs, n_services), 1, 100000, "4", NULL},
        {"window", "N", "calls that each caller keeps outstanding", KNOB_COUNT,
         offsetof(Knobs, window), 1, WINDOW_MAX, "32", NULL},
        {0},
};

typedef struct Shared {
        Pairing pairing;
        const Knobs *knobs;
} Shared;

static Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

static void call(PairingCaller *own)
{
        caller_send(&own->caller, &own->call, loop_now_ns(own->caller.client.part->loop), 0);
}

static void take_reply(Connection *connection, const ConnectionFrame *frame)
{
        PairingCaller *own = pairing_caller(connection);
        CallerReply reply;

        if (!caller_take(&own->caller, frame, &reply))
                return;
        caller_end(&own->caller, frame, &reply);
        if (!own->caller.client.part->is_stopping)
                call(own);
}

static const ConnectionHandlers caller_handlers = {
        .ready = caller_is_ready,
        .frame = take_reply,
        .failed = run_client_failed,
};

/* Services and callers are dealt out to the threads one after the other. */
static void prepare(RunPart *part, unsigned stage)
{
        Pairing *pairing = &shared(part)->pairing;

        if (stage == 0)
                pairing_start_services(pairing, part, 0);
        else
                pairing_start_callers(pairing, part, pairing->n_services, &caller_handlers);
}

static void start(RunPart *part)
{
        Pairing *pairing = &shared(part)->pairing;
        const uint64_t window = shared(part)->knobs->window;

        for (unsigned i = 0; i < pairing->n_callers; i++)
                for (uint64_t n = 0; pairing->callers[i].caller.client.part == part && n < window;
                     n++)
                        call(&pairing->callers[i]);
}

static void report(Run *run, Figures *figures)
{
        const Shared *all = run->shared;

        figures_add(figures, "most calls outstanding of a caller", "",
                    pairing_most_outstanding(&all->pairing));
}

static const RunActs acts = {
        .n_stages = 2,
        .prepare = prepare,
        .start = start,
        .report = report,
        .latency_of = "call to reply",
};

static int run_call(Run *run)
{
        Shared all = {.knobs = run->knobs};
        int status;

        pairing_init(&all.pairing, all.knobs->n_callers, all.knobs->n_services);
        run->shared = &all;
        status = run_execute(run, &acts);
        pairing_deinit(&all.pairing);
        return status;
}

const Scenario scenario_call = {
        .name = "call",
        .summary = "method calls in a closed loop: callers, services, calls outstanding",
        .description =
                "Each caller keeps --window calls outstanding at its service, which answers with "
                "a\n"
                "body of the same size. --callers=1 --services=1 --window=1 is ping-pong. An\n"
                "operation is a call with its reply: two messages.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .lacks = "seed",
        .run = run_call,
};
