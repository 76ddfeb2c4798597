/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open loop: calls are due at times that do not depend on the replies, and latency counts from when
 * a call was due, not from when it could be sent. So a broker that stops for 100 ms shows as all
 * the calls that were due meanwhile, not as one: there is no coordinated omission to correct.
 *
 * Each part has its share of the rate and a schedule of its own, and deals the calls out to its
 * callers one after the other.
 */

#include <math.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/pairing.h"
#include "bench/load/scenario/scenario.h"
#include "broker/base/alloc.h"

typedef enum Arrivals { ARRIVALS_FIXED, ARRIVALS_POISSON } Arrivals;

typedef struct Knobs {
        uint64_t n_callers, n_services;
        double rate;
        unsigned arrivals;
} Knobs;

static const char *const arrivals_names[] = {"fixed", "poisson", NULL};

static const Knob knobs[] = {
        {"rate", "N", "calls that are due in a second, of all callers together", KNOB_RATE,
         offsetof(Knobs, rate), 1, 10000000, "1000", NULL},
        {"arrivals", NULL, "calls that are due at equal distances, or at random", KNOB_CHOICE,
         offsetof(Knobs, arrivals), 0, 0, "fixed", arrivals_names},
        {"callers", "N", "clients that call, one after the other", KNOB_COUNT,
         offsetof(Knobs, n_callers), 1, 100000, "4", NULL},
        {"services", "N", "clients that answer; caller i calls service i modulo N", KNOB_COUNT,
         offsetof(Knobs, n_services), 1, 100000, "4", NULL},
        {0},
};

typedef struct Part {
        RunPart *part;
        PairingCaller **callers; /* its own */
        unsigned n_callers, next;
        Timer due;
        double due_ns;      /* the next call's time; a fraction counts at high rates */
        double interval_ns; /* mean */
        uint64_t random;    /* state of the generator, not 0 */
        uint64_t behind_ns; /* most that a call was sent after it was due */
} Part;

typedef struct Shared {
        Pairing pairing;
        const Knobs *knobs;
} Shared;

static Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

/* xorshift64*: good enough for distances, the same on every machine. In (0, 1]. */
static double draw(Part *own)
{
        own->random ^= own->random >> 12;
        own->random ^= own->random << 25;
        own->random ^= own->random >> 27;
        return ((double)((own->random * UINT64_C(2685821657736338717)) >> 11) + 1) /
               9007199254740992.0;
}

static double next_distance(Part *own)
{
        if (shared(own->part)->knobs->arrivals == ARRIVALS_FIXED)
                return own->interval_ns;
        return -log(draw(own)) * own->interval_ns;
}

static void send_due(Timer *timer, void *context)
{
        Part *own = CONTAINER_OF(timer, Part, due);
        RunPart *part = own->part;
        uint64_t now_ns = loop_now_ns(part->loop);

        (void)context;
        if (part->is_stopping)
                return;
        if (own->due_ns < (double)now_ns && now_ns - (uint64_t)own->due_ns > own->behind_ns)
                own->behind_ns = now_ns - (uint64_t)own->due_ns;
        while (own->due_ns <= (double)now_ns) {
                caller_send(&own->callers[own->next]->caller, &own->callers[own->next]->call,
                            (uint64_t)own->due_ns, 0);
                own->next = (own->next + 1) % own->n_callers;
                own->due_ns += next_distance(own);
        }
        loop_arm(part->loop, timer, (uint64_t)ceil(own->due_ns));
}

static void take_reply(Connection *connection, const ConnectionFrame *frame)
{
        PairingCaller *own = pairing_caller(connection);
        CallerReply reply;

        if (caller_take(&own->caller, frame, &reply))
                caller_end(&own->caller, frame, &reply);
}

static const ConnectionHandlers caller_handlers = {
        .ready = caller_is_ready,
        .frame = take_reply,
        .failed = run_client_failed,
};

/* Callers and services are dealt out to the threads one after the other. */
static void prepare(RunPart *part, unsigned stage)
{
        Pairing *pairing = &shared(part)->pairing;
        Part *own = part->data;

        if (stage == 0) {
                pairing_start_services(pairing, part, pairing->n_callers);
                return;
        }
        pairing_start_callers(pairing, part, 0, &caller_handlers);
        own->callers = alloc_zeroed(pairing->n_callers, sizeof(*own->callers));
        if (!own->callers)
                process_out_of_memory();
        for (unsigned i = 0; i < pairing->n_callers; i++)
                if (run_is_mine(part, i))
                        own->callers[own->n_callers++] = &pairing->callers[i];
}

static void start(RunPart *part)
{
        const Knobs *chosen = shared(part)->knobs;
        Part *own = part->data;

        own->part = part;
        own->due.fire = send_due;
        own->random = (part->run->options.seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + part->index;
        if (own->n_callers == 0)
                return;
        /* By its share of the callers, so that each caller has the same rate. */
        own->interval_ns = 1e9 / chosen->rate * (double)chosen->n_callers / own->n_callers;
        own->due_ns = (double)loop_now_ns(part->loop) + next_distance(own);
        loop_arm(part->loop, &own->due, (uint64_t)ceil(own->due_ns));
}

static void stop(RunPart *part)
{
        Part *own = part->data;

        loop_disarm(part->loop, &own->due);
}

static void finish(RunPart *part)
{
        Part *own = part->data;

        loop_disarm(part->loop, &own->due);
        own->callers = alloc_free(own->callers);
}

static void report(Run *run, Figures *figures)
{
        const Shared *all = run->shared;
        uint64_t behind_ns = 0;

        for (unsigned i = 0; i < run->n_parts; i++) {
                const Part *own = run->parts[i].data;

                if (own->behind_ns > behind_ns)
                        behind_ns = own->behind_ns;
        }
        figures_add(figures, "rate asked for", "per s", all->knobs->rate);
        figures_add(figures, "most calls outstanding of a caller", "",
                    pairing_most_outstanding(&all->pairing));
        figures_add(figures, "sent late, at most", "us", (double)behind_ns / 1e3);
}

static const RunActs acts = {
        .part_size = sizeof(Part),
        .n_stages = 2,
        .prepare = prepare,
        .start = start,
        .stop = stop,
        .finish = finish,
        .report = report,
        .latency_of = "due time to reply",
};

static int run_open(Run *run)
{
        Shared all = {.knobs = run->knobs};
        int status;

        pairing_init(&all.pairing, all.knobs->n_callers, all.knobs->n_services);
        run->shared = &all;
        status = run_execute(run, &acts);
        pairing_deinit(&all.pairing);
        return status;
}

const Scenario scenario_open = {
        .name = "open",
        .summary = "method calls in an open loop: a fixed rate, whatever the bus does",
        .description = "Calls are due at a fixed rate, or at random with that mean "
                       "(--arrivals=poisson), and\n"
                       "are sent then, however many are outstanding. Latency counts from when a "
                       "call was due:\n"
                       "a bus that stops for 100 ms shows as every call that was due meanwhile. An "
                       "operation\n"
                       "is a call with its reply: two messages.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .run = run_open,
};
