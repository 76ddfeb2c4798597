/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closed loop: each caller keeps a fixed number of calls outstanding at its service, which answers
 * with a body of the same size. Caller i calls service i modulo S.
 */

#include <stdlib.h>

#include "bench/load/scenario/echo.h"
#include "bench/load/scenario/scenario.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

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

typedef struct Caller {
        RunClient client;
        Window window;
        Template call;
} Caller;

/* What all parts share: each element is touched by the part that it belongs to, but for the
 * services' names, which are read once the first stage is over. */
typedef struct Shared {
        Echo *services;
        Caller *callers;
        const Knobs *knobs;
} Shared;

static const Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

static void call(Caller *caller)
{
        RunPart *part = caller->client.part;
        uint64_t now_ns = loop_now_ns(part->loop);
        uint32_t serial = window_take(&caller->window, now_ns, 0);

        run_client_await(&caller->client, 1);
        run_count(&part->counters.n_begun, 1);
        run_count(&part->counters.n_messages, 1);
        template_send(&caller->call, &caller->client.connection, serial, now_ns);
}

static void take_reply(Connection *connection, const ConnectionFrame *frame)
{
        Caller *caller = CONTAINER_OF(run_client(connection), Caller, client);
        RunPart *part = caller->client.part;
        uint64_t started_ns;

        if (run_client_take(&caller->client, frame))
                return;
        if (!window_return(&caller->window, connection_frame_reply_serial(frame), &started_ns,
                           NULL)) {
                run_fail(part->run, "caller %u got a message that it did not ask for",
                         caller->client.index);
                return;
        }
        run_client_got(&caller->client, 1);
        run_count(&part->counters.n_deliveries, 1);
        if (frame->type == FRAME_TYPE_METHOD_RETURN)
                run_done(part, loop_now_ns(part->loop) - started_ns);
        else
                run_error_frame(part, frame);
        if (!part->is_stopping)
                call(caller);
}

static void is_ready(Connection *connection)
{
        run_end_one(run_client(connection)->part);
}

static const ConnectionHandlers caller_handlers = {
        .ready = is_ready,
        .frame = take_reply,
        .failed = run_client_failed,
};

/* Services and callers are dealt out to the threads one after the other. */
static void prepare(RunPart *part, unsigned stage)
{
        const Shared *all = shared(part);
        const unsigned n_services = (unsigned)all->knobs->n_services;

        for (unsigned i = 0; stage == 0 && i < n_services; i++)
                if (run_is_mine(part, i))
                        echo_start(&all->services[i], part, i);
        for (unsigned i = 0; stage == 1 && i < all->knobs->n_callers; i++) {
                TemplateTarget target = {
                        .destination = echo_name(&all->services[i % n_services]),
                        .path = ECHO_PATH,
                        .interface = ECHO_INTERFACE,
                        .member = ECHO_MEMBER,
                };

                if (!run_is_mine(part, n_services + i))
                        continue;
                template_call(&all->callers[i].call, &target, part->run->options.payload);
                run_begin_one(part);
                run_client_start(&all->callers[i].client, part, "caller", i, &caller_handlers);
        }
}

static void start(RunPart *part)
{
        const Shared *all = shared(part);

        for (unsigned i = 0; i < all->knobs->n_callers; i++)
                for (uint64_t n = 0; all->callers[i].client.part == part && n < all->knobs->window;
                     n++)
                        call(&all->callers[i]);
}

static void report(Run *run, Figures *figures)
{
        const Shared *all = run->shared;
        uint32_t most = 0;

        for (unsigned i = 0; i < all->knobs->n_callers; i++)
                if (all->callers[i].window.most_taken > most)
                        most = all->callers[i].window.most_taken;
        figures_add(figures, "most calls outstanding of a caller", "", most);
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

        all.services = alloc_zeroed(all.knobs->n_services, sizeof(Echo));
        all.callers = alloc_zeroed(all.knobs->n_callers, sizeof(Caller));
        if (!all.services || !all.callers)
                abort();
        run->shared = &all;
        status = run_execute(run, &acts);
        for (uint64_t i = 0; i < all.knobs->n_services; i++)
                echo_deinit(&all.services[i]);
        for (uint64_t i = 0; i < all.knobs->n_callers; i++) {
                template_deinit(&all.callers[i].call);
                window_deinit(&all.callers[i].window);
        }
        alloc_free(all.services);
        alloc_free(all.callers);
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
