/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that come and go: each client connects, authenticates, says Hello, and closes as soon
 * as it has its name; then it begins again. So the bus accepts, authenticates, names and forgets.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/caller.h"
#include "bench/load/scenario/scenario.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

typedef struct Knobs {
        uint64_t n_clients, n_idle;
        unsigned handshake; /* ConnectionHandshake */
        bool without_fds;
} Knobs;

static const char *const handshakes[] = {"pipelined", "stepwise", NULL};

static const Knob knobs[] = {
        {"clients", "N", "clients that connect, each after it has closed its last connection",
         KNOB_COUNT, offsetof(Knobs, n_clients), 1, 100000, "8", NULL},
        {"handshake", NULL,
         "all of it in one write, as sd-bus does it, or each line after the\n"
         "answer to the one before, as libdbus does",
         KNOB_CHOICE, offsetof(Knobs, handshake), 0, 0, NULL, handshakes},
        {"idle", "N", "connections at rest besides", KNOB_COUNT, offsetof(Knobs, n_idle), 0,
         1000000, "0", NULL},
        {"without-fds", NULL, "do not negotiate the passing of fds", KNOB_FLAG,
         offsetof(Knobs, without_fds), 0, 0, NULL, NULL},
        {0},
};

/* One that connects again and again. */
typedef struct Guest {
        RunClient client;
        Timer again; /* after a failure */
} Guest;

typedef struct Shared {
        Guest *guests;
        RunClient *idle;
        const Knobs *knobs;
} Shared;

enum { AGAIN_MS = 1 };

static const ConnectionHandlers guest_handlers;

static const Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

static void begin(Guest *guest, RunPart *part, unsigned index)
{
        const Knobs *chosen = shared(part)->knobs;
        const ConnectionOptions options = {
                .handshake = chosen->handshake,
                .write = part->run->options.write,
                .negotiate_fds = !chosen->without_fds,
                .handlers = &guest_handlers,
        };

        run_count(&part->counters.n_begun, 1);
        run_count(&part->counters.n_messages, 1);
        run_client_start_with(&guest->client, part, "guest", index, &options);
        run_client_await(&guest->client, 1);
}

static void has_connected(Connection *connection)
{
        Guest *guest = CONTAINER_OF(run_client(connection), Guest, client);
        RunPart *part = guest->client.part;

        run_client_got(&guest->client, 1);
        run_count(&part->counters.n_messages, 1);
        run_count(&part->counters.n_deliveries, 1);
        run_done(part, loop_now_ns(part->loop) - connection->started_ns);
        connection_stop(connection);
        if (!part->is_stopping)
                begin(guest, part, guest->client.index);
}

static void begin_again(Timer *timer, void *context)
{
        Guest *guest = CONTAINER_OF(timer, Guest, again);

        (void)context;
        if (!guest->client.part->is_stopping)
                begin(guest, guest->client.part, guest->client.index);
}

/* A bus may refuse: it has not yet noticed that others have closed theirs. */
static void has_failed(Connection *connection, int error, const char *what)
{
        Guest *guest = CONTAINER_OF(run_client(connection), Guest, client);
        RunPart *part = guest->client.part;

        run_client_got(&guest->client, 1);
        if (error == -ECONNRESET)
                run_error(part, TEXT("(closed by the bus)"));
        else
                run_error(part, text_from(what == connection->failure ? what : strerror(-error)));
        loop_arm(part->loop, &guest->again, loop_now_ns(part->loop) + AGAIN_MS * UINT64_C(1000000));
}

static void ignore(Connection *connection, const ConnectionFrame *frame)
{
        run_client_take(run_client(connection), frame);
}

static const ConnectionHandlers guest_handlers = {
        .ready = has_connected,
        .frame = ignore,
        .failed = has_failed,
};

static const ConnectionHandlers idle_handlers = {
        .ready = caller_is_ready,
        .frame = ignore,
        .failed = run_client_failed,
};

static void prepare(RunPart *part, unsigned stage)
{
        const Shared *all = shared(part);

        (void)stage;
        for (unsigned i = 0; i < all->knobs->n_idle; i++) {
                if (!run_is_mine(part, i))
                        continue;
                run_begin_one(part);
                run_client_start(&all->idle[i], part, "idle client", i, &idle_handlers);
        }
}

static void start(RunPart *part)
{
        const Shared *all = shared(part);

        for (unsigned i = 0; i < all->knobs->n_clients; i++) {
                if (!run_is_mine(part, i))
                        continue;
                all->guests[i].again.fire = begin_again;
                begin(&all->guests[i], part, i);
        }
}

static void finish(RunPart *part)
{
        const Shared *all = shared(part);

        for (unsigned i = 0; i < all->knobs->n_clients; i++)
                if (all->guests[i].client.part == part)
                        loop_disarm(part->loop, &all->guests[i].again);
}

static const RunActs acts = {
        .n_stages = 1,
        .prepare = prepare,
        .start = start,
        .finish = finish,
        .latency_of = "connect to reply to Hello",
};

static int run_connect(Run *run)
{
        Shared all = {.knobs = run->knobs};
        int status;

        all.guests = alloc_zeroed(all.knobs->n_clients, sizeof(Guest));
        all.idle = alloc_zeroed(all.knobs->n_idle + 1, sizeof(RunClient));
        if (!all.guests || !all.idle)
                process_out_of_memory();
        run->shared = &all;
        status = run_execute(run, &acts);
        alloc_free(all.guests);
        alloc_free(all.idle);
        return status;
}

const Scenario scenario_connect = {
        .name = "connect",
        .summary = "connections that come and go: handshake, Hello, close",
        .description = "Each client connects, authenticates, says Hello, and closes as soon as it "
                       "has its\n"
                       "unique name; then it begins again. --idle connections rest on the side. An "
                       "operation\n"
                       "is such a connection: two messages, Hello and its reply. Connections that "
                       "the bus\n"
                       "refuses are errors.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .lacks = "payload write seed",
        .run = run_connect,
};
