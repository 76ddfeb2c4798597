/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broadcast signals: each emitter keeps a fixed number of them under way, each reaches all
 * subscribers. A signal has arrived when it has arrived at all of them; arrivals.h keeps account. A
 * serial says who emitted it and its number: 16 bits each.
 */

#include <stdlib.h>
#include <string.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/arrivals.h"
#include "bench/load/scenario/credit.h"
#include "bench/load/scenario/scenario.h"
#include "bench/load/scenario/signal_rules.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

enum {
        EMITTERS_MAX = 4096,
        NUMBER_BITS = 16,
        NUMBER_MASK = 0xffff,
        WINDOW_MAX_SIGNALS = 4096,
        STAGE_EMITTERS = 0,
        STAGE_SUBSCRIBERS,
        N_STAGES,
};

typedef struct Knobs {
        uint64_t n_emitters, n_subscribers, n_rules, window;
        unsigned key; /* SignalKey */
} Knobs;

static const Knob knobs[] = {
        {"emitters", "N", "clients that emit", KNOB_COUNT, offsetof(Knobs, n_emitters), 1,
         EMITTERS_MAX, "1", NULL},
        {"subscribers", "N", "clients that receive what each of the emitters emits", KNOB_COUNT,
         offsetof(Knobs, n_subscribers), 1, 100000, "10", NULL},
        {"rules", "N", "match rules of each subscriber, one of which matches a signal", KNOB_COUNT,
         offsetof(Knobs, n_rules), 1, 1000000, "1", NULL},
        {"differ", NULL, "the key in which these rules differ", KNOB_CHOICE, offsetof(Knobs, key),
         0, 0, NULL, signal_rules_keys},
        {"window", "N", "signals of each emitter that are under way", KNOB_COUNT,
         offsetof(Knobs, window), 1, WINDOW_MAX_SIGNALS, "8", NULL},
        {0},
};

typedef struct Emitter {
        RunClient client;
        Template message;
        uint64_t n_sent, n_arrived;
        uint64_t most_under_way;
        Credit credit;
} Emitter;

typedef struct Subscriber {
        RunClient client;
        uint64_t *n_got; /* of each emitter */
} Subscriber;

typedef struct Shared {
        Emitter *emitters;
        Subscriber *subscribers;
        Arrivals *arrivals; /* of each part */
        const Knobs *knobs;
        size_t stamp_at; /* in the body; 0: no room for one */
} Shared;

static const Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

static void emit(Emitter *emitter)
{
        RunPart *part = emitter->client.part;
        uint64_t window = shared(part)->knobs->window, now_ns = loop_now_ns(part->loop);
        uint64_t n_arrived;

        credit_arm(&emitter->credit);
        n_arrived = arrivals_everywhere(shared(part)->arrivals, part->run->n_parts,
                                        emitter->client.index, emitter->n_sent);
        run_client_got(&emitter->client, n_arrived - emitter->n_arrived);
        run_count(&part->counters.n_operations, n_arrived - emitter->n_arrived);
        emitter->n_arrived = n_arrived;
        while (!part->is_stopping && emitter->n_sent - n_arrived < window) {
                uint32_t serial = (emitter->client.index + 1) << NUMBER_BITS |
                                  (uint32_t)(emitter->n_sent & NUMBER_MASK);

                emitter->n_sent++;
                run_client_await(&emitter->client, 1);
                run_count(&part->counters.n_begun, 1);
                run_count(&part->counters.n_messages, 1);
                template_send(&emitter->message, &emitter->client.connection, serial, now_ns);
        }
        if (emitter->n_sent - n_arrived > emitter->most_under_way)
                emitter->most_under_way = emitter->n_sent - n_arrived;
}

static void wake(Credit *credit)
{
        emit(CONTAINER_OF(credit, Emitter, credit));
}

static void count_latency(RunPart *part, const ConnectionFrame *frame)
{
        const size_t stamp_at = shared(part)->stamp_at;
        uint64_t stamp, latency_ns;

        if (stamp_at == 0 || frame->body_size < stamp_at + sizeof(stamp))
                return;
        memcpy(&stamp, frame->body + stamp_at, sizeof(stamp));
        latency_ns = loop_now_ns(part->loop) - stamp;
        if (latency_ns > part->run->options.late_ns)
                run_count(&part->counters.n_late, 1);
        if (part->is_measuring)
                histogram_add(&part->latency, latency_ns);
}

static void take_signal(Connection *connection, const ConnectionFrame *frame)
{
        Subscriber *subscriber = CONTAINER_OF(run_client(connection), Subscriber, client);
        RunPart *part = subscriber->client.part;
        uint32_t from = frame->serial >> NUMBER_BITS;
        uint16_t number = (uint16_t)(frame->serial & NUMBER_MASK);

        if (run_client_take(&subscriber->client, frame) || frame->type != FRAME_TYPE_SIGNAL)
                return;
        if (from == 0 || from > shared(part)->knobs->n_emitters) {
                run_fail(part->run, "subscriber %u got a signal of nobody's",
                         subscriber->client.index);
                return;
        }
        if (number != (subscriber->n_got[from - 1] & NUMBER_MASK)) {
                run_fail(part->run,
                         "subscriber %u got signal %u of emitter %u, but signal %u was due: it was "
                         "lost, or came twice or out of order",
                         subscriber->client.index, number, from - 1,
                         (unsigned)(subscriber->n_got[from - 1] & NUMBER_MASK));
                return;
        }
        run_count(&part->counters.n_deliveries, 1);
        count_latency(part, frame);
        arrivals_count(&shared(part)->arrivals[part->index], from - 1,
                       subscriber->n_got[from - 1]++);
}

static void ignore(Connection *connection, const ConnectionFrame *frame)
{
        run_client_take(run_client(connection), frame);
}

static void subscribe(Connection *connection)
{
        RunClient *client = run_client(connection);
        const Shared *all = shared(client->part);
        const Knobs *chosen = all->knobs;
        bool by_sender = chosen->key == SIGNAL_KEY_SENDER;
        uint64_t n_matching = by_sender ? chosen->n_emitters : 1;
        uint64_t first = (chosen->n_rules - n_matching) / 2; /* amid the others */

        for (uint64_t i = 0; i < chosen->n_rules; i++) {
                char rule[SIGNAL_RULES_TEXT_MAX];
                const char *match = NULL;

                if (i >= first && i < first + n_matching)
                        match = all->emitters[i - first].client.connection.unique_name;
                signal_rules_write(chosen->key, match, i, rule);
                run_call_bus(client, "AddMatch", "s", rule);
        }
        run_end_one(client->part);
}

static void is_ready(Connection *connection)
{
        run_end_one(run_client(connection)->part);
}

static const ConnectionHandlers subscriber_handlers = {
        .ready = subscribe,
        .frame = take_signal,
        .failed = run_client_failed,
};

static const ConnectionHandlers emitter_handlers = {
        .ready = is_ready,
        .frame = ignore,
        .failed = run_client_failed,
};

static void prepare_emitters(RunPart *part)
{
        const Shared *all = shared(part);

        arrivals_init(&all->arrivals[part->index], part, (unsigned)all->knobs->n_emitters,
                      all->knobs->window);
        for (unsigned i = 0; i < all->knobs->n_emitters; i++) {
                if (!run_is_mine(part, i))
                        continue;
                signal_rules_template(all->knobs->key, part->run->options.payload,
                                      &all->emitters[i].message);
                credit_init(&all->emitters[i].credit, part->run->n_parts, part->loop, wake);
                run_begin_one(part);
                run_client_start(&all->emitters[i].client, part, "emitter", i, &emitter_handlers);
        }
}

static void prepare(RunPart *part, unsigned stage)
{
        const Shared *all = shared(part);

        if (stage == STAGE_EMITTERS) {
                prepare_emitters(part);
                return;
        }
        for (unsigned i = 0; i < all->knobs->n_subscribers; i++) {
                Subscriber *subscriber = &all->subscribers[i];

                if (!run_is_mine(part, (unsigned)all->knobs->n_emitters + i))
                        continue;
                subscriber->n_got = alloc_zeroed(all->knobs->n_emitters, sizeof(uint64_t));
                if (!subscriber->n_got)
                        process_out_of_memory();
                for (unsigned j = 0; j < all->knobs->n_emitters; j++)
                        arrivals_expect(&all->arrivals[part->index], j, &all->emitters[j].credit);
                run_begin_one(part);
                run_client_start(&subscriber->client, part, "subscriber", i, &subscriber_handlers);
        }
}

static void start(RunPart *part)
{
        const Shared *all = shared(part);

        for (unsigned i = 0; i < all->knobs->n_emitters; i++)
                if (all->emitters[i].client.part == part)
                        emit(&all->emitters[i]);
}

static void report(Run *run, Figures *figures)
{
        const Shared *all = run->shared;
        uint64_t most = 0;

        for (unsigned i = 0; i < all->knobs->n_emitters; i++)
                if (all->emitters[i].most_under_way > most)
                        most = all->emitters[i].most_under_way;
        figures_add(figures, "most signals under way of an emitter", "", (double)most);
}

static void free_all(Shared *all, unsigned n_parts)
{
        for (unsigned i = 0; i < n_parts; i++)
                arrivals_deinit(&all->arrivals[i]);
        for (uint64_t i = 0; i < all->knobs->n_emitters; i++) {
                template_deinit(&all->emitters[i].message);
                credit_deinit(&all->emitters[i].credit);
        }
        for (uint64_t i = 0; i < all->knobs->n_subscribers; i++)
                alloc_free(all->subscribers[i].n_got);
        alloc_free(all->emitters);
        alloc_free(all->subscribers);
        alloc_free(all->arrivals);
}

static int run_signal(Run *run)
{
        RunActs acts = {
                .n_stages = N_STAGES,
                .prepare = prepare,
                .start = start,
                .report = report,
        };
        Shared all = {.knobs = run->knobs};
        int status;

        if (all.knobs->key == SIGNAL_KEY_SENDER && all.knobs->n_rules < all.knobs->n_emitters) {
                fprintf(stderr, "ringbus-load signal: --differ=sender needs at least as many "
                                "--rules as --emitters: one for each\n");
                return 2;
        }
        all.stamp_at = signal_rules_stamp_at(all.knobs->key, run->options.payload);
        if (all.stamp_at > 0)
                acts.latency_of = "emitter to each subscriber";
        all.emitters = alloc_zeroed(all.knobs->n_emitters, sizeof(Emitter));
        all.subscribers = alloc_zeroed(all.knobs->n_subscribers, sizeof(Subscriber));
        all.arrivals = alloc_zeroed(run->options.n_threads, sizeof(Arrivals));
        if (!all.emitters || !all.subscribers || !all.arrivals)
                process_out_of_memory();
        run->shared = &all;
        status = run_execute(run, &acts);
        free_all(&all, (unsigned)run->options.n_threads);
        return status;
}

const Scenario scenario_signal = {
        .name = "signal",
        .summary = "broadcast signals: emitters, subscribers, match rules, signals under way",
        .description =
                "Each emitter keeps --window signals under way; each reaches every subscriber. "
                "Each\n"
                "subscriber has --rules match rules that differ in one key (--differ); exactly one "
                "of\n"
                "them matches a signal, and it lies amid the others. With --differ=sender there is "
                "a\n"
                "matching rule for each emitter. An operation is a signal that has arrived at all\n"
                "subscribers; deliveries are counted too. The latency, of each delivery, needs a\n"
                "payload of 8 bytes at least. Signals that are lost fail the run.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .lacks = "seed",
        .run = run_signal,
};
