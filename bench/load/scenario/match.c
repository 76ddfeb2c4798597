/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Match rules that are added and removed again, while others stand. Nothing is ever sent that they
 * match.
 */

#include <stdlib.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/caller.h"
#include "bench/load/scenario/scenario.h"
#include "bench/load/scenario/signal_rules.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

typedef struct Knobs {
        uint64_t n_clients, n_standing, window;
        unsigned key; /* SignalKey */
} Knobs;

static const Knob knobs[] = {
        {"clients", "N", "clients that add and remove rules", KNOB_COUNT,
         offsetof(Knobs, n_clients), 1, 100000, "4", NULL},
        {"rules", "N", "rules of each client that stand all the time", KNOB_COUNT,
         offsetof(Knobs, n_standing), 0, 1000000, "10", NULL},
        {"window", "N", "rules of each client that come and go, each with one call under way",
         KNOB_COUNT, offsetof(Knobs, window), 1, 65536, "8", NULL},
        {"differ", NULL, "the key in which all these rules differ", KNOB_CHOICE,
         offsetof(Knobs, key), 0, 0, NULL, signal_rules_keys},
        {0},
};

/* A rule that comes and goes. */
typedef struct Rule {
        Template add, remove;
        bool is_added;
} Rule;

typedef struct Client {
        Caller caller;
        Rule *rules;
} Client;

typedef struct Shared {
        Client *clients;
        const Knobs *knobs;
} Shared;

static const Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

static void call(Client *client, uint32_t i)
{
        Rule *rule = &client->rules[i];

        caller_send(&client->caller, rule->is_added ? &rule->remove : &rule->add,
                    loop_now_ns(client->caller.client.part->loop), i);
}

static void take_reply(Connection *connection, const ConnectionFrame *frame)
{
        Client *client = CONTAINER_OF(run_client(connection), Client, caller.client);
        CallerReply reply;

        if (!caller_take(&client->caller, frame, &reply))
                return;
        if (caller_end(&client->caller, frame, &reply))
                client->rules[reply.tag].is_added = !client->rules[reply.tag].is_added;
        if (!client->caller.client.part->is_stopping)
                call(client, reply.tag);
}

/* The standing rules; their numbers are below those of the others. */
static void add_standing(Connection *connection)
{
        RunClient *client = run_client(connection);
        const Knobs *chosen = shared(client->part)->knobs;
        char text[SIGNAL_RULES_TEXT_MAX];

        for (uint64_t i = 0; i < chosen->n_standing; i++) {
                signal_rules_write(chosen->key, NULL, i, text);
                run_call_bus(client, "AddMatch", "s", text);
        }
        run_end_one(client->part);
}

static const ConnectionHandlers handlers = {
        .ready = add_standing,
        .frame = take_reply,
        .failed = run_client_failed,
};

static void prepare(RunPart *part, unsigned stage)
{
        const Shared *all = shared(part);
        const Knobs *chosen = all->knobs;
        char text[SIGNAL_RULES_TEXT_MAX];

        (void)stage;
        for (unsigned i = 0; i < chosen->n_clients; i++) {
                Client *client = &all->clients[i];

                if (!run_is_mine(part, i))
                        continue;
                client->caller.counts_replies = true;
                client->rules = alloc_zeroed(chosen->window, sizeof(Rule));
                if (!client->rules)
                        process_out_of_memory();
                for (uint64_t j = 0; j < chosen->window; j++) {
                        signal_rules_write(chosen->key, NULL, chosen->n_standing + j, text);
                        caller_bus_call(&client->rules[j].add, "AddMatch", "s", text);
                        caller_bus_call(&client->rules[j].remove, "RemoveMatch", "s", text);
                }
                run_begin_one(part);
                run_client_start(&client->caller.client, part, "client", i, &handlers);
        }
}

static void start(RunPart *part)
{
        const Shared *all = shared(part);

        for (unsigned i = 0; i < all->knobs->n_clients; i++)
                for (uint32_t j = 0; run_is_mine(part, i) && j < all->knobs->window; j++)
                        call(&all->clients[i], j);
}

static void report(Run *run, Figures *figures)
{
        const Shared *all = run->shared;
        uint32_t most = 0;

        for (unsigned i = 0; i < all->knobs->n_clients; i++)
                if (all->clients[i].caller.window.most_taken > most)
                        most = all->clients[i].caller.window.most_taken;
        figures_add(figures, "most calls outstanding of a client", "", most);
}

static const RunActs acts = {
        .n_stages = 1,
        .prepare = prepare,
        .start = start,
        .report = report,
        .latency_of = "call to reply",
};

static int run_match(Run *run)
{
        Shared all = {.knobs = run->knobs};
        int status;

        all.clients = alloc_zeroed(all.knobs->n_clients, sizeof(Client));
        if (!all.clients)
                process_out_of_memory();
        run->shared = &all;
        status = run_execute(run, &acts);
        for (uint64_t i = 0; i < all.knobs->n_clients; i++) {
                Client *client = &all.clients[i];

                for (uint64_t j = 0; client->rules && j < all.knobs->window; j++) {
                        template_deinit(&client->rules[j].add);
                        template_deinit(&client->rules[j].remove);
                }
                alloc_free(client->rules);
                caller_deinit(&client->caller);
        }
        alloc_free(all.clients);
        return status;
}

const Scenario scenario_match = {
        .name = "match",
        .summary = "match rules added and removed, while others stand",
        .description =
                "Each client adds and removes --window match rules, one call under way for each, "
                "while\n"
                "--rules others of its own stand. All clients have the same rules; no two of a "
                "client's\n"
                "are the same: they differ in one key (--differ). An operation is an AddMatch or "
                "a\n"
                "RemoveMatch: two messages, call and reply.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .lacks = "payload seed",
        .run = run_match,
};
