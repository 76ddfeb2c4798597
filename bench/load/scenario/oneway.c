/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Method calls that want no reply. Sender i writes to receiver i modulo R. What has arrived is told
 * to the sender within this process (credit.h), so that --window bounds what is under way.
 *
 * A message's serial says who sent it and its number: 16 bits each. A receiver knows from it which
 * sender to credit, and finds what was lost on the way.
 */

#include <stdlib.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/credit.h"
#include "bench/load/scenario/echo.h"
#include "bench/load/scenario/scenario.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

enum { SENDERS_MAX = 65535, NUMBER_BITS = 16, NUMBER_MASK = 0xffff };

typedef struct Knobs {
        uint64_t n_senders, n_receivers, window;
} Knobs;

static const Knob knobs[] = {
        {"senders", "N", "clients that send", KNOB_COUNT, offsetof(Knobs, n_senders), 1,
         SENDERS_MAX, "4", NULL},
        {"receivers", "N", "clients that receive; sender i sends to receiver i modulo N",
         KNOB_COUNT, offsetof(Knobs, n_receivers), 1, SENDERS_MAX, "4", NULL},
        {"window", "N", "messages of each sender that are under way", KNOB_COUNT,
         offsetof(Knobs, window), 1, NUMBER_MASK, "32", NULL},
        {0},
};

typedef struct Sender {
        RunClient client;
        Template message;
        unsigned receiver_part;
        uint64_t n_sent, n_credited;
        uint64_t most_under_way;
        Credit credit;

        /* The receiver's part's: */
        struct Sender *next_dirty;
        bool is_dirty;
        uint64_t n_arrived; /* and those that were lost before one that arrived */
} Sender;

typedef struct Receiver {
        RunClient client;
} Receiver;

/* Of a part: the senders that have something to be told at the end of the turn. */
typedef struct Part {
        RunPart *part;
        Sender *dirty;
        LoopFlush flush;
} Part;

typedef struct Shared {
        Sender *senders;
        Receiver *receivers;
        const Knobs *knobs;
} Shared;

static const Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

static void send_more(Sender *sender)
{
        RunPart *part = sender->client.part;
        uint64_t window = shared(part)->knobs->window, now_ns = loop_now_ns(part->loop);
        uint64_t n_credited;

        credit_arm(&sender->credit);
        n_credited = credit_get(&sender->credit, sender->receiver_part);
        run_client_got(&sender->client, n_credited - sender->n_credited);
        sender->n_credited = n_credited;
        while (!part->is_stopping && sender->n_sent - n_credited < window) {
                uint32_t serial = (sender->client.index + 1) << NUMBER_BITS |
                                  (uint32_t)(sender->n_sent & NUMBER_MASK);

                sender->n_sent++;
                run_client_await(&sender->client, 1);
                run_count(&part->counters.n_begun, 1);
                run_count(&part->counters.n_messages, 1);
                template_send(&sender->message, &sender->client.connection, serial, now_ns);
        }
        if (sender->n_sent - n_credited > sender->most_under_way)
                sender->most_under_way = sender->n_sent - n_credited;
}

static void wake(Credit *credit)
{
        send_more(CONTAINER_OF(credit, Sender, credit));
}

static void publish(LoopFlush *flush)
{
        Part *own = CONTAINER_OF(flush, Part, flush);
        Sender *sender;

        while ((sender = own->dirty)) {
                own->dirty = sender->next_dirty;
                sender->is_dirty = false;
                credit_publish(&sender->credit, own->part->index, sender->n_arrived,
                               own->part->loop);
        }
}

/* One message arrived; those before it that did not are lost, for a bus keeps them in order. */
static void count_arrival(Sender *sender, RunPart *part, uint32_t number)
{
        uint64_t n_lost = (number - (uint32_t)sender->n_arrived) & NUMBER_MASK;
        Part *own = part->data;

        run_count(&part->counters.n_dropped, n_lost);
        sender->n_arrived += n_lost + 1;
        if (sender->is_dirty)
                return;
        sender->is_dirty = true;
        sender->next_dirty = own->dirty;
        own->dirty = sender;
        loop_flush_later(part->loop, &own->flush);
}

static void take_message(Connection *connection, const ConnectionFrame *frame)
{
        RunClient *client = run_client(connection);
        RunPart *part = client->part;
        uint32_t from = frame->serial >> NUMBER_BITS;
        uint64_t stamp;

        if (run_client_take(client, frame) || frame->type != FRAME_TYPE_METHOD_CALL)
                return;
        if (from == 0 || from > shared(part)->knobs->n_senders) {
                run_fail(part->run, "receiver %u got a message of nobody's", client->index);
                return;
        }
        stamp = connection_frame_stamp(frame);
        run_count(&part->counters.n_deliveries, 1);
        run_done(part, stamp ? loop_now_ns(part->loop) - stamp : 0);
        count_arrival(&shared(part)->senders[from - 1], part, frame->serial & NUMBER_MASK);
}

/* An error is the bus's answer to a message that it will not deliver: nobody would credit it. */
static void take_error(Connection *connection, const ConnectionFrame *frame)
{
        RunClient *client = run_client(connection);
        Text name = connection_frame_field(frame, HEADER_FIELD_ERROR_NAME);

        if (!run_client_take(client, frame))
                run_fail(client->part->run, "sender %u: the bus refused a message: %.*s",
                         client->index, TEXT_FORMAT(name));
}

static void is_ready(Connection *connection)
{
        run_end_one(run_client(connection)->part);
}

static const ConnectionHandlers receiver_handlers = {
        .ready = is_ready,
        .frame = take_message,
        .failed = run_client_failed,
};

static const ConnectionHandlers sender_handlers = {
        .ready = is_ready,
        .frame = take_error,
        .failed = run_client_failed,
};

static void prepare_receivers(RunPart *part)
{
        const Shared *all = shared(part);
        Part *own = part->data;

        own->part = part;
        own->flush.flush = publish;
        for (unsigned i = 0; i < all->knobs->n_receivers; i++) {
                if (!run_is_mine(part, i))
                        continue;
                run_begin_one(part);
                run_client_start(&all->receivers[i].client, part, "receiver", i,
                                 &receiver_handlers);
        }
}

static void prepare(RunPart *part, unsigned stage)
{
        const Shared *all = shared(part);
        const unsigned n_receivers = (unsigned)all->knobs->n_receivers;

        if (stage == 0) {
                prepare_receivers(part);
                return;
        }
        for (unsigned i = 0; i < all->knobs->n_senders; i++) {
                const RunClient *receiver = &all->receivers[i % n_receivers].client;
                Sender *sender = &all->senders[i];
                TemplateTarget target = {
                        .destination = receiver->connection.unique_name,
                        .path = ECHO_PATH,
                        .interface = ECHO_INTERFACE,
                        .member = "Take",
                };

                if (!run_is_mine(part, n_receivers + i))
                        continue;
                template_oneway(&sender->message, &target, part->run->options.payload);
                sender->receiver_part = receiver->part->index;
                credit_init(&sender->credit, part->run->n_parts, part->loop, wake);
                run_begin_one(part);
                run_client_start(&sender->client, part, "sender", i, &sender_handlers);
        }
}

static void start(RunPart *part)
{
        const Shared *all = shared(part);

        for (unsigned i = 0; i < all->knobs->n_senders; i++)
                if (all->senders[i].client.part == part)
                        send_more(&all->senders[i]);
}

static void report(Run *run, Figures *figures)
{
        const Shared *all = run->shared;
        uint64_t most = 0;

        for (unsigned i = 0; i < all->knobs->n_senders; i++)
                if (all->senders[i].most_under_way > most)
                        most = all->senders[i].most_under_way;
        figures_add(figures, "most messages under way of a sender", "", (double)most);
        figures_add(figures, "payload per second", "MiB",
                    figures_rate(figures) * (double)run->options.payload / (1024 * 1024));
}

static int run_oneway(Run *run)
{
        RunActs acts = {
                .part_size = sizeof(Part),
                .n_stages = 2,
                .prepare = prepare,
                .start = start,
                .report = report,
        };
        Shared all = {.knobs = run->knobs};
        int status;

        /* The stamp needs eight bytes. */
        if (run->options.payload >= sizeof(uint64_t))
                acts.latency_of = "sender to receiver";
        all.senders = alloc_zeroed(all.knobs->n_senders, sizeof(Sender));
        all.receivers = alloc_zeroed(all.knobs->n_receivers, sizeof(Receiver));
        if (!all.senders || !all.receivers)
                process_out_of_memory();
        run->shared = &all;
        status = run_execute(run, &acts);
        for (uint64_t i = 0; i < all.knobs->n_senders; i++) {
                template_deinit(&all.senders[i].message);
                credit_deinit(&all.senders[i].credit);
        }
        alloc_free(all.senders);
        alloc_free(all.receivers);
        return status;
}

const Scenario scenario_oneway = {
        .name = "oneway",
        .summary = "messages that want no reply: senders, receivers, messages under way",
        .description = "Each sender keeps --window method calls without reply under way to its "
                       "receiver. The\n"
                       "receivers tell the senders within this program what has arrived, so "
                       "nothing but the\n"
                       "messages themselves passes the bus. An operation is a message that has "
                       "arrived. The\n"
                       "latency needs a payload of 8 bytes at least.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .lacks = "seed",
        .run = run_oneway,
};
