/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that carry file descriptors: the service closes what it gets, or sends it back. Caller i
 * calls service i modulo S. Whoever gets another number of fds than was sent fails the run.
 */

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/caller.h"
#include "bench/load/scenario/echo.h"
#include "bench/load/scenario/fds_service.h"
#include "bench/load/scenario/scenario.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/cleanup.h"

typedef enum Answer { ANSWER_CLOSE, ANSWER_RETURN } Answer;

static const char *const answers[] = {"close", "return", NULL};

typedef struct Knobs {
        uint64_t n_callers, n_services, window, n_fds;
        unsigned answer;
} Knobs;

static const Knob knobs[] = {
        {"callers", "N", "clients that call", KNOB_COUNT, offsetof(Knobs, n_callers), 1, 100000,
         "2", NULL},
        {"services", "N", "clients that answer; caller i calls service i modulo N", KNOB_COUNT,
         offsetof(Knobs, n_services), 1, 100000, "2", NULL},
        {"window", "N", "calls that each caller keeps outstanding", KNOB_COUNT,
         offsetof(Knobs, window), 1, WINDOW_MAX, "8", NULL},
        {"fds", "N", "file descriptors in each call", KNOB_COUNT, offsetof(Knobs, n_fds), 1,
         FDS_SERVICE_MAX, "1", NULL},
        {"answer", NULL, "what services do with them: close them, or send them back", KNOB_CHOICE,
         offsetof(Knobs, answer), 0, 0, NULL, answers},
        {0},
};

typedef struct FdsCaller {
        Caller caller;
        Template call;
        int fds[FDS_SERVICE_MAX]; /* its own, the same in each call */
} FdsCaller;

typedef struct Shared {
        FdsService *services;
        FdsCaller *callers;
        const Knobs *knobs;
} Shared;

static const Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

static void call(FdsCaller *own)
{
        RunPart *part = own->caller.client.part;
        uint32_t serial = caller_begin(&own->caller, loop_now_ns(part->loop), 0);

        if (serial > 0)
                template_send_fds(&own->call, &own->caller.client.connection, serial, 0, own->fds,
                                  (unsigned)shared(part)->knobs->n_fds);
}

static void take_reply(Connection *connection, const ConnectionFrame *frame)
{
        FdsCaller *own = CONTAINER_OF(run_client(connection), FdsCaller, caller.client);
        RunPart *part = own->caller.client.part;
        const Knobs *chosen = shared(part)->knobs;
        CallerReply reply;

        if (!caller_take(&own->caller, frame, &reply))
                return;
        if (caller_end(&own->caller, frame, &reply) && chosen->answer == ANSWER_RETURN &&
            frame->n_fds != chosen->n_fds)
                run_fail(part->run, "caller %u got %u fds back, but had sent %llu",
                         own->caller.client.index, frame->n_fds, (unsigned long long)chosen->n_fds);
        if (!part->is_stopping)
                call(own);
}

/* What a transport without fds (TCP) would do is no measurement. */
static void is_ready(Connection *connection)
{
        RunClient *client = run_client(connection);

        if (!connection->has_agreed_fds)
                run_fail(client->part->run, "this bus does not pass fds");
        run_end_one(client->part);
}

static const ConnectionHandlers caller_handlers = {
        .ready = is_ready,
        .frame = take_reply,
        .failed = run_client_failed,
};

static void prepare_caller(RunPart *part, unsigned index)
{
        const Shared *all = shared(part);
        const unsigned n_fds = (unsigned)all->knobs->n_fds;
        FdsCaller *own = &all->callers[index];
        const WriterHeader header = {
                .type = FRAME_TYPE_METHOD_CALL,
                .destination =
                        text_from(fds_service_name(&all->services[index % all->knobs->n_services])),
                .path = TEXT(ECHO_PATH),
                .interface = TEXT(ECHO_INTERFACE),
                .member = TEXT("Pass"),
        };

        fds_service_template(&own->call, &header, part->run->options.payload, n_fds);
        for (unsigned i = 0; i < n_fds; i++) {
                own->fds[i] = eventfd(0, EFD_CLOEXEC);
                if (own->fds[i] < 0)
                        run_fail(part->run, "caller %u: no fds are left", index);
        }
        run_begin_one(part);
        run_client_start(&own->caller.client, part, "caller", index, &caller_handlers);
}

static void prepare(RunPart *part, unsigned stage)
{
        const Shared *all = shared(part);
        const unsigned n_services = (unsigned)all->knobs->n_services;

        for (unsigned i = 0; stage == 0 && i < n_services; i++)
                if (run_is_mine(part, i))
                        fds_service_start(&all->services[i], part, i, (unsigned)all->knobs->n_fds,
                                          all->knobs->answer == ANSWER_RETURN);
        for (unsigned i = 0; stage == 1 && i < all->knobs->n_callers; i++)
                if (run_is_mine(part, n_services + i))
                        prepare_caller(part, i);
}

static void start(RunPart *part)
{
        const Shared *all = shared(part);

        for (unsigned i = 0; i < all->knobs->n_callers; i++)
                for (uint64_t n = 0;
                     all->callers[i].caller.client.part == part && n < all->knobs->window; n++)
                        call(&all->callers[i]);
}

static void report(Run *run, Figures *figures)
{
        const Shared *all = run->shared;
        uint64_t n_refusals = 0, n_carried = figures->n_operations * all->knobs->n_fds;
        uint32_t most = 0;

        for (unsigned i = 0; i < all->knobs->n_callers; i++) {
                n_refusals += all->callers[i].caller.client.connection.n_refusals;
                if (all->callers[i].caller.window.most_taken > most)
                        most = all->callers[i].caller.window.most_taken;
        }
        for (unsigned i = 0; i < all->knobs->n_services; i++)
                n_refusals += all->services[i].client.connection.n_refusals;
        if (all->knobs->answer == ANSWER_RETURN)
                n_carried *= 2;
        figures_add(figures, "fds passed per second", "", (double)n_carried / figures->seconds);
        figures_add(figures, "writes refused with ETOOMANYREFS", "", (double)n_refusals);
        figures_add(figures, "most calls outstanding of a caller", "", most);
}

static const RunActs acts = {
        .n_stages = 2,
        .prepare = prepare,
        .start = start,
        .report = report,
        .latency_of = "call to reply",
};

static int run_fds(Run *run)
{
        Shared all = {.knobs = run->knobs};
        int status;

        all.services = alloc_zeroed(all.knobs->n_services, sizeof(FdsService));
        all.callers = alloc_zeroed(all.knobs->n_callers, sizeof(FdsCaller));
        if (!all.services || !all.callers)
                process_out_of_memory();
        run->shared = &all;
        status = run_execute(run, &acts);
        for (uint64_t i = 0; i < all.knobs->n_services; i++)
                fds_service_deinit(&all.services[i]);
        for (uint64_t i = 0; i < all.knobs->n_callers; i++) {
                FdsCaller *own = &all.callers[i];

                for (unsigned j = 0; own->call.data && j < all.knobs->n_fds; j++)
                        cleanup_close(own->fds[j]);
                template_deinit(&own->call);
                caller_deinit(&own->caller);
        }
        alloc_free(all.services);
        alloc_free(all.callers);
        return status;
}

const Scenario scenario_fds = {
        .name = "fds",
        .summary = "method calls that carry file descriptors",
        .description =
                "Each caller keeps --window calls outstanding, each with --fds file descriptors "
                "and "
                "a\n"
                "payload. The service closes them, or sends them back (--answer=return). An "
                "operation is\n"
                "a call with its reply: two messages. Writes that the kernel refused because too "
                "many\n"
                "fds were under way (ETOOMANYREFS) are made again and counted.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .lacks = "seed",
        .run = run_fds,
};
