/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a neighbour feels: one caller and one service play ping-pong through three thirds of the
 * measured time. In the first they are alone; in the second others flood the bus with calls; in the
 * third somebody sends to a receiver that does not read (neighbour_backlog.h).
 *
 * The pair is alone on the first thread, all others are on the others, if there are any: so the
 * pair waits for the bus, not for this program. A ping that a third's border falls into counts for
 * none of them.
 */

#include <stdlib.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/caller.h"
#include "bench/load/scenario/echo.h"
#include "bench/load/scenario/neighbour_backlog.h"
#include "bench/load/scenario/scenario.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

typedef enum Phase { PHASE_QUIET, PHASE_FLOOD, PHASE_BACKLOG, N_PHASES, PHASE_NONE } Phase;

typedef struct Knobs {
        uint64_t n_flooders, window, flood_payload, backlog;
} Knobs;

static const Knob knobs[] = {
        {"flooders", "N", "clients that flood, each a service of its own", KNOB_COUNT,
         offsetof(Knobs, n_flooders), 0, 100000, "4", NULL},
        {"window", "N", "calls that each of them keeps outstanding", KNOB_COUNT,
         offsetof(Knobs, window), 1, WINDOW_MAX, "64", NULL},
        {"flood-payload", "SIZE", "bytes in each of their calls, and in what is not read",
         KNOB_SIZE, offsetof(Knobs, flood_payload), 0, 16 * 1024 * 1024, "1KiB", NULL},
        {"backlog", "SIZE", "bytes to send to the receiver that does not read", KNOB_SIZE,
         offsetof(Knobs, backlog), 0, 0, "8MiB", NULL},
        {0},
};

typedef struct Flooder {
        Caller caller;
        Echo service;
        Template call;
} Flooder;

typedef struct Part {
        RunPart *part;
        Phase phase;
        uint64_t phase_ns; /* when it began */
        Timer next;
} Part;

typedef struct Shared {
        Caller caller; /* the pair */
        Echo service;
        Template call;
        Histogram latency[N_PHASES];
        Flooder *flooders;
        atomic_uint n_busy; /* flooders with calls outstanding */
        atomic_ullong n_flood_calls;
        NeighbourBacklog backlog;
        const Knobs *knobs;
} Shared;

static Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

/* Whether flooder i, or whatever else is not the pair's, belongs to this part. */
static bool is_others(const RunPart *part, unsigned i)
{
        const unsigned n = part->run->n_parts;

        return n == 1 || part->index == 1 + i % (n - 1);
}

static void ping(Caller *caller)
{
        caller_send(caller, &shared(caller->client.part)->call,
                    loop_now_ns(caller->client.part->loop), 0);
}

static void take_pong(Connection *connection, const ConnectionFrame *frame)
{
        Caller *caller = CONTAINER_OF(run_client(connection), Caller, client);
        RunPart *part = caller->client.part;
        const Part *own = part->data;
        Shared *all = shared(part);
        CallerReply reply;

        if (!caller_take(caller, frame, &reply))
                return;
        /* what is left of the flood is not the third phase's */
        if (caller_end(caller, frame, &reply) && part->is_measuring && own->phase < N_PHASES &&
            reply.started_ns >= own->phase_ns &&
            (own->phase == PHASE_FLOOD ||
             atomic_load_explicit(&all->n_busy, memory_order_relaxed) == 0))
                histogram_add(&all->latency[own->phase],
                              loop_now_ns(part->loop) - reply.started_ns);
        if (!part->is_stopping)
                ping(caller);
}

static void flood(Flooder *flooder)
{
        RunPart *part = flooder->caller.client.part;

        caller_send(&flooder->caller, &flooder->call, loop_now_ns(part->loop), 0);
}

static void take_reply(Connection *connection, const ConnectionFrame *frame)
{
        Flooder *flooder = CONTAINER_OF(run_client(connection), Flooder, caller.client);
        RunPart *part = flooder->caller.client.part;
        const Part *own = part->data;
        CallerReply reply;

        if (!caller_take(&flooder->caller, frame, &reply))
                return;
        if (frame->type == FRAME_TYPE_ERROR)
                run_error_frame(part, frame);
        else
                run_count(&part->counters.n_operations, 1);
        atomic_fetch_add_explicit(&shared(part)->n_flood_calls, 1, memory_order_relaxed);
        if (own->phase == PHASE_FLOOD && !part->is_stopping)
                flood(flooder);
        else if (flooder->caller.window.n_taken == 0)
                atomic_fetch_sub_explicit(&shared(part)->n_busy, 1, memory_order_relaxed);
}

static const ConnectionHandlers pair_handlers = {
        .ready = caller_is_ready,
        .frame = take_pong,
        .failed = run_client_failed,
};

static const ConnectionHandlers flooder_handlers = {
        .ready = caller_is_ready,
        .frame = take_reply,
        .failed = run_client_failed,
};

static void prepare_services(RunPart *part)
{
        Shared *all = shared(part);

        if (part->index == 0)
                echo_start(&all->service, part, 0);
        for (unsigned i = 0; i < all->knobs->n_flooders; i++)
                if (is_others(part, i))
                        echo_start(&all->flooders[i].service, part, i + 1);
        if (is_others(part, 0))
                neighbour_backlog_start_reader(&all->backlog, part);
}

static void prepare_caller(RunPart *part, Caller *caller, unsigned index, const Echo *service)
{
        Shared *all = shared(part);
        const bool is_pair = caller == &all->caller;
        const TemplateTarget target = {
                .destination = echo_name(service),
                .path = ECHO_PATH,
                .interface = ECHO_INTERFACE,
                .member = ECHO_MEMBER,
        };

        template_call(is_pair ? &all->call : &all->flooders[index].call, &target,
                      is_pair ? part->run->options.payload : all->knobs->flood_payload);
        run_begin_one(part);
        run_client_start(&caller->client, part, is_pair ? "caller" : "flooder", index,
                         is_pair ? &pair_handlers : &flooder_handlers);
}

static void prepare(RunPart *part, unsigned stage)
{
        Shared *all = shared(part);
        const Knobs *chosen = all->knobs;

        if (stage == 0) {
                prepare_services(part);
                return;
        }
        if (part->index == 0)
                prepare_caller(part, &all->caller, 0, &all->service);
        for (unsigned i = 0; i < chosen->n_flooders; i++)
                if (is_others(part, i))
                        prepare_caller(part, &all->flooders[i].caller, i,
                                       &all->flooders[i].service);
        if (is_others(part, 0))
                neighbour_backlog_start_sender(&all->backlog,
                                               chosen->backlog / (chosen->flood_payload + 1),
                                               chosen->flood_payload);
}

static void begin_flood(Flooder *flooder)
{
        Shared *all = shared(flooder->caller.client.part);

        atomic_fetch_add_explicit(&all->n_busy, 1, memory_order_relaxed);
        for (uint64_t i = 0; i < all->knobs->window; i++)
                flood(flooder);
}

static void begin_next(Timer *timer, void *context)
{
        Part *own = CONTAINER_OF(timer, Part, next);
        RunPart *part = own->part;
        Shared *all = shared(part);

        (void)context;
        if (part->is_stopping)
                return;
        own->phase++;
        own->phase_ns = loop_now_ns(part->loop);
        for (unsigned i = 0; own->phase == PHASE_FLOOD && i < all->knobs->n_flooders; i++)
                if (is_others(part, i))
                        begin_flood(&all->flooders[i]);
        if (own->phase == PHASE_BACKLOG && is_others(part, 0))
                neighbour_backlog_begin(&all->backlog);
        if (own->phase != PHASE_BACKLOG)
                loop_arm(part->loop, timer,
                         own->phase_ns + part->run->options.duration_ns / N_PHASES);
}

static void start(RunPart *part)
{
        const RunOptions *options = &part->run->options;
        Part *own = part->data;

        own->part = part;
        own->next.fire = begin_next;
        loop_arm(part->loop, &own->next,
                 loop_now_ns(part->loop) + options->warmup_ns + options->duration_ns / N_PHASES);
        if (part->index == 0)
                ping(&shared(part)->caller);
}

static void stop(RunPart *part)
{
        Part *own = part->data;

        loop_disarm(part->loop, &own->next);
        own->phase = PHASE_NONE;
        if (is_others(part, 0))
                neighbour_backlog_end(&shared(part)->backlog);
}

static void finish(RunPart *part)
{
        Part *own = part->data;

        loop_disarm(part->loop, &own->next);
        if (is_others(part, 0))
                neighbour_backlog_finish(&shared(part)->backlog);
}

static void report(Run *run, Figures *figures)
{
        static const struct {
                const char *n, *median, *percentile, *longest;
        } names[] = {
                {"quiet: pings", "quiet: median", "quiet: 99 %", "quiet: longest"},
                {"flood: pings", "flood: median", "flood: 99 %", "flood: longest"},
                {"non-reader: pings", "non-reader: median", "non-reader: 99 %",
                 "non-reader: longest"},
        };
        Shared *all = run->shared;

        for (unsigned i = 0; i < N_PHASES; i++) {
                const Histogram *latency = &all->latency[i];

                figures_add(figures, names[i].n, "", (double)latency->n);
                figures_add(figures, names[i].median, "us",
                            (double)histogram_percentile(latency, 50) / 1e3);
                figures_add(figures, names[i].percentile, "us",
                            (double)histogram_percentile(latency, 99) / 1e3);
                figures_add(figures, names[i].longest, "us", (double)latency->max / 1e3);
        }
        figures_add(figures, "flooders' calls", "",
                    (double)atomic_load_explicit(&all->n_flood_calls, memory_order_relaxed));
        figures_add(figures, "messages to the non-reader", "", (double)all->backlog.n_sent);
        figures_add(figures, "of these read in the end", "", (double)all->backlog.n_arrived);
        figures_add(figures, "non-reader disconnected by the bus", "",
                    all->backlog.was_disconnected);
}

static const RunActs acts = {
        .part_size = sizeof(Part),
        .n_stages = 2,
        .prepare = prepare,
        .start = start,
        .stop = stop,
        .finish = finish,
        .report = report,
        .latency_of = "the pair's call to reply, all three thirds",
};

static int run_neighbour(Run *run)
{
        Shared *all = alloc_zeroed(1, sizeof(*all));
        int status;

        if (!all)
                process_out_of_memory();
        all->knobs = run->knobs;
        all->flooders = alloc_zeroed(all->knobs->n_flooders + 1, sizeof(Flooder));
        if (!all->flooders)
                process_out_of_memory();
        run->shared = all;
        status = run_execute(run, &acts);
        for (uint64_t i = 0; i < all->knobs->n_flooders; i++) {
                echo_deinit(&all->flooders[i].service);
                template_deinit(&all->flooders[i].call);
                caller_deinit(&all->flooders[i].caller);
        }
        neighbour_backlog_deinit(&all->backlog);
        echo_deinit(&all->service);
        template_deinit(&all->call);
        caller_deinit(&all->caller);
        alloc_free(all->flooders);
        alloc_free(all);
        return status;
}

static const char *const defaults[] = {"--threads=2", "--duration=2100ms", "--warmup=300ms", NULL};

const Scenario scenario_neighbour = {
        .name = "neighbour",
        .summary = "a pair's ping-pong while others flood, and while one does not read",
        .description =
                "One caller and one service play ping-pong. In the first third of the measured "
                "time they\n"
                "are alone; in the second --flooders clients keep --window calls outstanding each; "
                "in\n"
                "the third somebody sends --backlog bytes to a receiver that does not read. Each "
                "third\n"
                "has its own latencies. In the end the receiver reads what the bus kept; the rest "
                "was\n"
                "dropped. An operation is a call of the pair or of a flooder, two messages, or a\n"
                "message that the receiver has read. The pair has the first of --threads to "
                "itself.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .lacks = "seed",
        .defaults = defaults,
        .run = run_neighbour,
};
