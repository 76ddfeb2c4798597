/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections at rest: what they cost the broker in memory, and in CPU while nothing happens. Its
 * memory is read before the first connection, when all have said Hello, and when all have their
 * match rules.
 */

#include <stdlib.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/caller.h"
#include "bench/load/scenario/scenario.h"
#include "bench/load/scenario/signal_rules.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

enum { STAGE_BEFORE, STAGE_CONNECT, STAGE_CONNECTED, STAGE_RULES, STAGE_RULED, N_STAGES };

typedef struct Knobs {
        uint64_t n_clients, n_rules;
        unsigned key; /* SignalKey */
        bool alike;
} Knobs;

static const Knob knobs[] = {
        {"clients", "N", "connections at rest", KNOB_COUNT, offsetof(Knobs, n_clients), 1, 1000000,
         "1000", NULL},
        {"rules", "N", "match rules of each connection", KNOB_COUNT, offsetof(Knobs, n_rules), 0,
         1000000, "0", NULL},
        {"differ", NULL, "the key in which these rules differ", KNOB_CHOICE, offsetof(Knobs, key),
         0, 0, NULL, signal_rules_keys},
        {"alike", NULL, "all connections have the same rules, not each its own", KNOB_FLAG,
         offsetof(Knobs, alike), 0, 0, NULL, NULL},
        {0},
};

typedef struct Client {
        RunClient client;
        uint64_t n_rules; /* asked for */
} Client;

typedef struct Shared {
        Client *clients;
        FactsProcess before, connected, ruled; /* the first part's */
        const Knobs *knobs;
} Shared;

static Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

/* One at a time, so that buffers for many calls do not count as memory of rules. */
static void add_rule(Client *client)
{
        RunPart *part = client->client.part;
        const Knobs *chosen = shared(part)->knobs;
        uint64_t number = client->n_rules;
        char text[SIGNAL_RULES_TEXT_MAX];

        if (!chosen->alike)
                number += client->client.index * chosen->n_rules;
        client->n_rules++;
        signal_rules_write(chosen->key, NULL, number, text);
        run_call_bus(&client->client, "AddMatch", "s", text);
}

static void take_reply(Connection *connection, const ConnectionFrame *frame)
{
        Client *client = CONTAINER_OF(run_client(connection), Client, client);
        RunPart *part = client->client.part;

        if (frame->type == FRAME_TYPE_METHOD_RETURN && client->n_rules > 0 &&
            client->n_rules < shared(part)->knobs->n_rules)
                add_rule(client); /* before this one's end, which may be that of the stage */
        run_client_take(&client->client, frame);
}

static const ConnectionHandlers handlers = {
        .ready = caller_is_ready,
        .frame = take_reply,
        .failed = run_client_failed,
};

static void read_broker(RunPart *part, FactsProcess *ret_process)
{
        if (part->index == 0)
                facts_read_process(part->run->broker.pid, ret_process);
}

static void prepare(RunPart *part, unsigned stage)
{
        Shared *all = shared(part);

        if (stage == STAGE_BEFORE)
                read_broker(part, &all->before);
        else if (stage == STAGE_CONNECTED)
                read_broker(part, &all->connected);
        else if (stage == STAGE_RULED)
                read_broker(part, &all->ruled);
        for (unsigned i = 0; i < all->knobs->n_clients; i++) {
                Client *client = &all->clients[i];

                if (!run_is_mine(part, i))
                        continue;
                if (stage == STAGE_CONNECT) {
                        run_begin_one(part);
                        run_client_start(&client->client, part, "client", i, &handlers);
                } else if (stage == STAGE_RULES && all->knobs->n_rules > 0) {
                        add_rule(client);
                }
        }
}

static void start(RunPart *part)
{
        (void)part; /* nothing happens */
}

static void report(Run *run, Figures *figures)
{
        const Shared *all = run->shared;
        const Knobs *chosen = all->knobs;

        figures_add(figures, "connections at rest", "", (double)chosen->n_clients);
        figures_add(figures, "match rules", "", (double)(chosen->n_clients * chosen->n_rules));
        if (!all->before.is_known || !all->connected.is_known || !all->ruled.is_known)
                return;
        figures_add(figures, "memory before", "KiB", (double)all->before.rss_kib);
        figures_add(figures, "memory per connection", "KiB",
                    (double)(all->connected.rss_kib - all->before.rss_kib) /
                            (double)chosen->n_clients);
        figures_add(figures, "fds per connection", "",
                    (double)(all->connected.n_fds - all->before.n_fds) / (double)chosen->n_clients);
        if (chosen->n_rules > 0)
                figures_add(figures, "memory per rule", "B",
                            (double)(all->ruled.rss_kib - all->connected.rss_kib) * 1024 /
                                    (double)(chosen->n_clients * chosen->n_rules));
}

static const RunActs acts = {
        .n_stages = N_STAGES,
        .prepare = prepare,
        .start = start,
        .report = report,
};

static int run_idle(Run *run)
{
        Shared all = {.knobs = run->knobs};
        int status;

        all.clients = alloc_zeroed(all.knobs->n_clients, sizeof(Client));
        if (!all.clients)
                process_out_of_memory();
        run->shared = &all;
        status = run_execute(run, &acts);
        alloc_free(all.clients);
        return status;
}

static const char *const defaults[] = {"--duration=1s", "--warmup=0", NULL};

const Scenario scenario_idle = {
        .name = "idle",
        .summary = "connections at rest: the broker's memory for each, and for each match rule",
        .description = "--clients connections say Hello and then do nothing; with --rules, each "
                       "first adds "
                       "so\n"
                       "many match rules. What the broker's memory (RSS) grew by is told for each "
                       "connection\n"
                       "and each rule. The broker's CPU in the measured time is what rest costs. "
                       "There are "
                       "no\n"
                       "operations. Memory that the broker has used and freed before hides growth: "
                       "start it\n"
                       "afresh, as --broker does.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .lacks = "payload write late seed",
        .defaults = defaults,
        .run = run_idle,
};
