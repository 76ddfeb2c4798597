/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of somebody else's method: what those who test a service need. In a closed loop, or at a
 * fixed rate; then latency counts from when a call was due, also if it had to wait because --window
 * calls of each connection were outstanding.
 *
 * Nothing is sent that was not asked for: each call takes a number from a counter of all threads
 * before it is sent. A call ends with its reply, an error, or the timeout. One connection more
 * watches whether the service leaves the bus.
 */

#include "bench/load/engine/process.h"
#include "bench/load/scenario/target.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/scenario/caller.h"
#include "bench/load/scenario/scenario.h"
#include "bench/load/scenario/target_watch.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

enum { LOOKS_PER_TIMEOUT = 20, STAGE_WATCH = 0, STAGE_CLIENTS, N_STAGES };

typedef struct Part {
        RunPart *part;
        Caller **clients; /* its own */
        unsigned n_clients, next;
        uint64_t n_free; /* calls that may be sent now, as far as --window goes */
        Timer due, timeout;
        double due_ns; /* the next call's time, with --rate */
        double interval_ns;
        bool is_exhausted;   /* by --count */
        uint64_t n_too_late; /* replies after their timeout */
        uint64_t n_unsent;   /* due when the run ended */
} Part;

typedef struct Shared {
        Caller *clients;
        TargetWatch watch; /* once it is lost, that is the end */
        Template call;
        atomic_ullong n_begun; /* numbers of calls that were taken */
        uint64_t n_answered;   /* in all */
        const TargetKnobs *knobs;
} Shared;

static Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

static bool may_begin(Part *own)
{
        Shared *all = shared(own->part);

        if (own->part->is_stopping || own->is_exhausted || target_watch_is_lost(&all->watch))
                return false;
        if (all->knobs->count > 0 &&
            atomic_fetch_add_explicit(&all->n_begun, 1, memory_order_relaxed) >= all->knobs->count)
                own->is_exhausted = true;
        return !own->is_exhausted;
}

/* The next client whose window has room: there is one. */
static Caller *choose(Part *own)
{
        const uint64_t window = shared(own->part)->knobs->window;
        Caller *client;

        do {
                client = own->clients[own->next];
                own->next = (own->next + 1) % own->n_clients;
        } while (client->window.n_taken >= window);
        return client;
}

static void look_for_enough(Part *own)
{
        const Shared *all = shared(own->part);

        if (own->n_free == own->n_clients * all->knobs->window &&
            (own->is_exhausted || target_watch_is_lost(&all->watch)))
                run_enough(own->part);
}

/* Sends what is due and has room. */
static void pump(Part *own)
{
        const Shared *all = shared(own->part);
        const bool is_open = all->knobs->rate > 0;
        const uint64_t now_ns = loop_now_ns(own->part->loop);

        while (own->n_free > 0 && (!is_open || own->due_ns <= (double)now_ns) && may_begin(own)) {
                Caller *client = choose(own);

                own->n_free--;
                caller_send(client, &all->call, is_open ? (uint64_t)own->due_ns : now_ns, 0);
                own->due_ns += own->interval_ns;
        }
        if (is_open && own->due_ns > (double)now_ns && !own->is_exhausted &&
            !own->part->is_stopping)
                loop_arm(own->part->loop, &own->due, (uint64_t)ceil(own->due_ns));
        look_for_enough(own);
}

static void send_due(Timer *timer, void *context)
{
        (void)context;
        pump(CONTAINER_OF(timer, Part, due));
}

/* `n` calls of a client are given up. */
static void give_up(Caller *client, uint32_t n, Text why)
{
        Part *own = client->client.part->data;

        run_client_got(&client->client, n);
        own->n_free += n;
        for (; n > 0; n--)
                run_error(own->part, why);
}

static uint64_t look_ns(const Shared *all)
{
        return all->knobs->timeout_ns / LOOKS_PER_TIMEOUT + 1;
}

static void look_for_timeouts(Timer *timer, void *context)
{
        Part *own = CONTAINER_OF(timer, Part, timeout);
        const Shared *all = shared(own->part);
        const uint64_t now_ns = loop_now_ns(own->part->loop);

        (void)context;
        for (unsigned i = 0; i < own->n_clients && now_ns > all->knobs->timeout_ns; i++) {
                Caller *client = own->clients[i];
                uint32_t n = window_expire(&client->window, now_ns - all->knobs->timeout_ns);

                give_up(client, n, TEXT("(no reply in time)"));
        }
        loop_arm(own->part->loop, timer, now_ns + look_ns(all));
        pump(own);
}

static void take_reply(Connection *connection, const ConnectionFrame *frame)
{
        Caller *client = CONTAINER_OF(run_client(connection), Caller, client);
        Part *own = client->client.part->data;
        CallerReply reply;

        if (run_client_take(&client->client, frame) ||
            (frame->type != FRAME_TYPE_METHOD_RETURN && frame->type != FRAME_TYPE_ERROR))
                return;
        if (!caller_find(client, frame, &reply)) {
                own->n_too_late++;
                return;
        }
        own->n_free++;
        caller_end(client, frame, &reply);
        pump(own);
}

static void is_ready(Connection *connection)
{
        RunClient *client = run_client(connection);

        client->is_exempt = true; /* the timeout is for the user to choose */
        run_end_one(client->part);
}

static const ConnectionHandlers client_handlers = {
        .ready = is_ready,
        .frame = take_reply,
        .failed = run_client_failed,
};

static void say_lost(RunPart *part)
{
        look_for_enough(part->data);
}

static void prepare_clients(RunPart *part)
{
        const Shared *all = shared(part);
        Part *own = part->data;

        own->due.fire = send_due;
        own->timeout.fire = look_for_timeouts;
        own->clients = alloc_zeroed(all->knobs->n_clients, sizeof(Caller *));
        if (!own->clients)
                process_out_of_memory();
        for (unsigned i = 0; i < all->knobs->n_clients; i++) {
                Caller *client = &all->clients[i];

                if (!run_is_mine(part, i))
                        continue;
                own->clients[own->n_clients++] = client;
                client->counts_replies = true;
                run_begin_one(part);
                run_client_start(&client->client, part, "client", i, &client_handlers);
        }
}

static void prepare(RunPart *part, unsigned stage)
{
        Shared *all = shared(part);
        Part *own = part->data;

        own->part = part;
        if (stage == STAGE_CLIENTS) {
                prepare_clients(part);
        } else if (part->index == 0 && !all->knobs->keeps_going) {
                target_watch_start(&all->watch, part, all->knobs->destination, say_lost);
        }
}

static void start(RunPart *part)
{
        const TargetKnobs *chosen = shared(part)->knobs;
        Part *own = part->data;

        if (own->n_clients == 0) {
                run_enough(part);
                return;
        }
        own->n_free = own->n_clients * chosen->window;
        own->due_ns = (double)loop_now_ns(part->loop);
        /* By its share of the connections, so that each has the same rate. */
        if (chosen->rate > 0)
                own->interval_ns = 1e9 / chosen->rate * (double)chosen->n_clients / own->n_clients;
        loop_arm(part->loop, &own->timeout, loop_now_ns(part->loop) + look_ns(shared(part)));
        pump(own);
}

static void stop(RunPart *part)
{
        const double now_ns = (double)loop_now_ns(part->loop);
        const Shared *all = shared(part);
        Part *own = part->data;

        loop_disarm(part->loop, &own->due);
        if (all->knobs->rate > 0 && own->due_ns <= now_ns && !own->is_exhausted &&
            !target_watch_is_lost(&all->watch))
                own->n_unsent = (uint64_t)((now_ns - own->due_ns) / own->interval_ns) + 1;
        if (!run_was_interrupted(part->run))
                return;
        for (unsigned i = 0; i < own->n_clients; i++)
                give_up(own->clients[i], window_expire(&own->clients[i]->window, UINT64_MAX),
                        TEXT("(interrupted)"));
}

static bool is_drained(RunPart *part)
{
        const Part *own = part->data;

        return own->n_free == own->n_clients * shared(part)->knobs->window;
}

static void finish(RunPart *part)
{
        Part *own = part->data;

        loop_disarm(part->loop, &own->due);
        loop_disarm(part->loop, &own->timeout);
        own->clients = alloc_free(own->clients);
}

static void report(Run *run, Figures *figures)
{
        Shared *all = run->shared;
        uint64_t n_too_late = 0, n_unsent = 0;
        uint32_t most = 0;

        for (unsigned i = 0; i < run->n_parts; i++) {
                const Part *own = run->parts[i].data;

                n_too_late += own->n_too_late;
                n_unsent += own->n_unsent;
                all->n_answered += atomic_load_explicit(&run->parts[i].counters.n_operations,
                                                        memory_order_relaxed);
        }
        for (unsigned i = 0; i < all->knobs->n_clients; i++)
                if (all->clients[i].window.most_taken > most)
                        most = all->clients[i].window.most_taken;
        figures_add(figures, "calls sent", "", (double)figures->n_begun);
        figures_add(figures, "calls answered", "", (double)all->n_answered);
        figures_add(figures, "most calls outstanding of a client", "", most);
        if (all->knobs->rate > 0)
                figures_add(figures, "due, but not sent", "", (double)n_unsent);
        if (n_too_late > 0)
                figures_add(figures, "replies after their timeout", "", (double)n_too_late);
}

static void say_loss(const Run *run)
{
        const Shared *all = run->shared;
        const Figures *figures = run->figures;

        fprintf(stderr, "ringbus-load: %s has left the bus: %llu calls were answered",
                all->knobs->destination, (unsigned long long)all->n_answered);
        for (unsigned i = 0; i < figures->n_error_names; i++)
                fprintf(stderr, ", %llu ended with %s", (unsigned long long)figures->errors[i].n,
                        figures->errors[i].name);
        fputc('\n', stderr);
}

static int execute(Run *run, Shared *all)
{
        const RunActs acts = {
                .part_size = sizeof(Part),
                .n_stages = N_STAGES,
                .prepare = prepare,
                .start = start,
                .stop = stop,
                .is_drained = is_drained,
                .finish = finish,
                .report = report,
                .latency_of = all->knobs->rate > 0 ? "due time to reply" : "call to reply",
        };
        int status = run_execute(run, &acts);

        if (run->figures && target_watch_is_lost(&all->watch)) {
                say_loss(run);
                status = 1;
        }
        return status;
}

static int run_target(Run *run)
{
        Shared all = {.knobs = run->knobs};
        int status = target_read_call(all.knobs, run->words, run->n_words, &all.call);

        if (status != 0)
                return status;
        all.clients = alloc_zeroed(all.knobs->n_clients, sizeof(Caller));
        if (!all.clients)
                process_out_of_memory();
        run->shared = &all;
        status = execute(run, &all);
        for (uint64_t i = 0; i < all.knobs->n_clients; i++)
                caller_deinit(&all.clients[i]);
        alloc_free(all.clients);
        template_deinit(&all.call);
        return status;
}

static const char *const defaults[] = {"--warmup=0", NULL};

const Scenario scenario_target = {
        .name = "target",
        .summary = "load on a service of your own: any method, in a closed loop or at a rate",
        .description =
                "Calls a method of a service, with arguments as busctl(1) has them: a signature, "
                "then\n"
                "each value as a word; arrays begin with the number of their elements, variants "
                "with\n"
                "their signature. For instance:\n\n"
                "  ringbus-load target --session --dest=com.example.Shop --path=/shop \\\n"
                "      --method=com.example.Shop.Order --count=1000 'sa{sv}' apples 1 kg u 3\n\n"
                "Never sends more calls than --count, nor after --duration. With --rate, calls are "
                "due\n"
                "at equal distances, and latency counts from when a call was due; it waits while "
                "every\n"
                "connection has --window calls outstanding. Errors are counted by name. If the "
                "service\n"
                "leaves the bus, the run ends, tells how many calls were answered, and fails, "
                "unless\n"
                "--keep-going. An operation is a call with its reply: two messages.\n",
        .knobs = target_knobs,
        .knobs_size = sizeof(TargetKnobs),
        .lacks = "payload seed",
        .defaults = defaults,
        .words = "[SIGNATURE [ARGUMENT...]]",
        .run = run_target,
};
