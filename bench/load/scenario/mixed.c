/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A desktop's traffic: applications that ask the bus, read properties, call services, and emit
 * PropertiesChanged to some of the others, at random but in fixed shares (mixed_profile.c). Each
 * application keeps --window calls outstanding; a signal is emitted and not waited for, but its
 * emitter waits when too many are on their way.
 *
 * Application i subscribes to those before it, from i - 1 to i - S. A signal's serial says who
 * emitted it and its number, 16 bits each, as in the scenario `signal`.
 */

#include <stdlib.h>
#include <unistd.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/arrivals.h"
#include "bench/load/scenario/caller.h"
#include "bench/load/scenario/mixed_profile.h"
#include "bench/load/scenario/mixed_service.h"
#include "bench/load/scenario/mixed_tally.h"
#include "bench/load/scenario/scenario.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

enum { NUMBER_BITS = 16, NUMBER_MASK = 0xffff, UNDER_WAY_MAX = 64, APPS_MAX = 32767 };

typedef struct Knobs {
        uint64_t n_apps, n_services, n_subscriptions, window;
} Knobs;

static const Knob knobs[] = {
        {"clients", "N", "applications: they call, emit and subscribe", KNOB_COUNT,
         offsetof(Knobs, n_apps), 1, APPS_MAX, "12", NULL},
        {"services", "N", "services with a well-known name that they call", KNOB_COUNT,
         offsetof(Knobs, n_services), 1, 4096, "6", NULL},
        {"subscriptions", "N", "other applications whose signals each one gets", KNOB_COUNT,
         offsetof(Knobs, n_subscriptions), 0, 4096, "3", NULL},
        {"window", "N", "calls that each application keeps outstanding", KNOB_COUNT,
         offsetof(Knobs, window), 1, 4096, "1", NULL},
        {0},
};

typedef struct App {
        Caller caller;
        Template signals[MIXED_ACTIONS]; /* those that are signals */
        uint16_t *expected;              /* of each subscription: the number that comes next */
        uint64_t *n_got;
        uint64_t random;
        bool has_match; /* the rule that comes and goes */
        uint64_t n_emitted, n_arrived;
        Credit credit;
} App;

typedef struct Part {
        MixedCalls *calls; /* of each service */
        MixedTally tally;
} Part;

typedef struct Shared {
        App *apps;
        MixedService *services;
        Arrivals *arrivals; /* of each part: signals */
        unsigned n_subscriptions;
        const Knobs *knobs;
} Shared;

static const Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

/* xorshift64*, as in the scenario `open`; from 0 to n - 1. */
static unsigned draw(App *app, unsigned n)
{
        app->random ^= app->random >> 12;
        app->random ^= app->random << 25;
        app->random ^= app->random >> 27;
        return (unsigned)((app->random * UINT64_C(2685821657736338717)) >> 33) % n;
}

static void call(App *app, MixedAction action)
{
        RunPart *part = app->caller.client.part;
        unsigned service = draw(app, (unsigned)shared(part)->knobs->n_services);
        const Part *own = part->data;
        const Template *template = &own->calls[service].calls[action];

        if (action == MIXED_MATCH) { /* always about the same service: it must be there to go */
                template = app->has_match ? &own->calls->remove_match : &own->calls->calls[action];
                app->has_match = !app->has_match;
        }
        caller_send(&app->caller, template, loop_now_ns(part->loop), (uint32_t)action);
}

static void emit(App *app, MixedAction action)
{
        RunPart *part = app->caller.client.part;
        uint32_t serial = (app->caller.client.index + 1) << NUMBER_BITS |
                          (uint32_t)(app->n_emitted & NUMBER_MASK);

        app->n_emitted++;
        run_client_await(&app->caller.client, 1);
        run_count(&part->counters.n_begun, 1);
        run_count(&part->counters.n_messages, 1);
        template_send(&app->signals[action], &app->caller.client.connection, serial,
                      loop_now_ns(part->loop));
}

/* What has arrived everywhere since the last look is done. */
static void look_at_arrivals(App *app)
{
        RunPart *part = app->caller.client.part;
        uint64_t n_arrived;

        credit_arm(&app->credit);
        n_arrived = arrivals_everywhere(shared(part)->arrivals, part->run->n_parts,
                                        app->caller.client.index, app->n_emitted);
        run_client_got(&app->caller.client, n_arrived - app->n_arrived);
        run_count(&part->counters.n_operations, n_arrived - app->n_arrived);
        app->n_arrived = n_arrived;
}

/* Acts until a call is outstanding. */
static void act(App *app)
{
        RunPart *part = app->caller.client.part;
        Part *own = part->data;

        for (;;) {
                MixedAction action = mixed_profile_choose(draw(app, 100));
                MixedKind kind = mixed_profile_rows[action].kind;

                if (kind == MIXED_SIGNAL && app->n_emitted - app->n_arrived >= UNDER_WAY_MAX)
                        continue;
                own->tally.n_begun[kind]++;
                if (kind != MIXED_SIGNAL) {
                        call(app, action);
                        return;
                }
                emit(app, action);
                if (shared(part)->n_subscriptions == 0)
                        look_at_arrivals(app); /* nobody will tell */
        }
}

static void wake(Credit *credit)
{
        look_at_arrivals(CONTAINER_OF(credit, App, credit));
}

static void take_signal(App *app, const ConnectionFrame *frame)
{
        RunPart *part = app->caller.client.part;
        const Shared *all = shared(part);
        const unsigned n_apps = (unsigned)all->knobs->n_apps;
        unsigned from = (frame->serial >> NUMBER_BITS) - 1, which;
        uint16_t number = (uint16_t)(frame->serial & NUMBER_MASK);
        Part *own = part->data;

        which = from < n_apps ? (app->caller.client.index + n_apps - from - 1) % n_apps : n_apps;
        if (which >= all->n_subscriptions || number != app->expected[which]) {
                run_fail(part->run,
                         "client %u got a signal that was not due: others were lost, or "
                         "this one came twice or to the wrong one",
                         app->caller.client.index);
                return;
        }
        app->expected[which]++;
        run_count(&part->counters.n_deliveries, 1);
        if (part->is_measuring)
                histogram_add(&own->tally.latency[MIXED_SIGNAL],
                              loop_now_ns(part->loop) - mixed_profile_stamp(frame));
        arrivals_count(&all->arrivals[part->index], from, app->n_got[which]++);
}

static void take_frame(Connection *connection, const ConnectionFrame *frame)
{
        App *app = CONTAINER_OF(run_client(connection), App, caller.client);
        RunPart *part = app->caller.client.part;
        Part *own = part->data;
        CallerReply reply;

        if (!caller_take(&app->caller, frame, &reply)) {
                if (frame->type == FRAME_TYPE_SIGNAL &&
                    text_equal(connection_frame_field(frame, HEADER_FIELD_MEMBER),
                               TEXT(MIXED_CHANGED)))
                        take_signal(app, frame);
                return;
        }
        if (mixed_profile_rows[reply.tag].kind == MIXED_DRIVER)
                run_count(&part->counters.n_messages, 1); /* the bus answered */
        if (caller_end(&app->caller, frame, &reply) && part->is_measuring)
                histogram_add(&own->tally.latency[mixed_profile_rows[reply.tag].kind],
                              loop_now_ns(part->loop) - reply.started_ns);
        if (!part->is_stopping)
                act(app);
}

static void write_path(char path[static MIXED_NAME_MAX], unsigned app)
{
        snprintf(path, MIXED_NAME_MAX, MIXED_PATH "/p%d/c%u", (int)getpid(), app);
}

static void subscribe(Connection *connection)
{
        RunClient *client = run_client(connection);
        const Shared *all = shared(client->part);
        const unsigned n_apps = (unsigned)all->knobs->n_apps;
        char path[MIXED_NAME_MAX], rule[512];

        for (unsigned i = 0; i < all->n_subscriptions; i++) {
                write_path(path, (client->index + n_apps - i - 1) % n_apps);
                snprintf(rule, sizeof(rule),
                         "type='signal',interface='%s',member='%s',path='%s',arg0='%s'",
                         MIXED_PROPERTIES, MIXED_CHANGED, path, MIXED_INTERFACE);
                run_call_bus(client, "AddMatch", "s", rule);
        }
        run_end_one(client->part);
}

static const ConnectionHandlers app_handlers = {
        .ready = subscribe,
        .frame = take_frame,
        .failed = run_client_failed,
};

static void prepare_app(RunPart *part, unsigned index)
{
        const Shared *all = shared(part);
        const unsigned n_apps = (unsigned)all->knobs->n_apps;
        App *app = &all->apps[index];
        char path[MIXED_NAME_MAX];

        write_path(path, index);
        for (unsigned i = 0; i < MIXED_ACTIONS; i++)
                if (mixed_profile_rows[i].kind == MIXED_SIGNAL)
                        mixed_profile_signal(&app->signals[i], (MixedAction)i, path);
        app->random = (part->run->options.seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + index;
        app->expected = alloc_zeroed(all->n_subscriptions + 1, sizeof(uint16_t));
        app->n_got = alloc_zeroed(all->n_subscriptions + 1, sizeof(uint64_t));
        if (!app->expected || !app->n_got)
                process_out_of_memory();
        credit_init(&app->credit, part->run->n_parts, part->loop, wake);
        for (unsigned i = 0; i < all->n_subscriptions; i++) {
                unsigned from = (index + n_apps - i - 1) % n_apps;

                arrivals_expect(&all->arrivals[part->index], from, &all->apps[from].credit);
        }
        run_begin_one(part);
        run_client_start(&app->caller.client, part, "client", index, &app_handlers);
}

static void prepare(RunPart *part, unsigned stage)
{
        const Shared *all = shared(part);
        const unsigned n_services = (unsigned)all->knobs->n_services;
        Part *own = part->data;

        (void)stage;
        arrivals_init(&all->arrivals[part->index], part, (unsigned)all->knobs->n_apps,
                      UNDER_WAY_MAX);
        own->calls = alloc_zeroed(n_services, sizeof(MixedCalls));
        if (!own->calls)
                process_out_of_memory();
        for (unsigned i = 0; i < n_services; i++)
                mixed_profile_calls(&own->calls[i], all->services[i].name);
        for (unsigned i = 0; i < n_services; i++)
                if (run_is_mine(part, i))
                        mixed_service_start(&all->services[i], part, i);
        for (unsigned i = 0; i < all->knobs->n_apps; i++)
                if (run_is_mine(part, n_services + i))
                        prepare_app(part, i);
}

static void start(RunPart *part)
{
        const Shared *all = shared(part);

        for (unsigned i = 0; i < all->knobs->n_apps; i++) {
                App *app = &all->apps[i];

                if (app->caller.client.part != part)
                        continue;
                look_at_arrivals(app); /* from now on it is woken */
                for (uint64_t n = 0; n < all->knobs->window; n++)
                        act(app);
        }
}

static void finish(RunPart *part)
{
        const unsigned n_services = (unsigned)shared(part)->knobs->n_services;
        Part *own = part->data;

        for (unsigned i = 0; own->calls && i < n_services; i++)
                mixed_profile_calls_deinit(&own->calls[i]);
        own->calls = alloc_free(own->calls);
}

static void report(Run *run, Figures *figures)
{
        MixedTally *all = alloc_zeroed(1, sizeof(*all));

        if (!all)
                process_out_of_memory();
        for (unsigned i = 0; i < run->n_parts; i++)
                mixed_tally_merge(all, &((const Part *)run->parts[i].data)->tally);
        mixed_tally_report(all, figures);
        alloc_free(all);
}

static const RunActs acts = {
        .part_size = sizeof(Part),
        .n_stages = 1,
        .prepare = prepare,
        .start = start,
        .finish = finish,
        .report = report,
        .latency_of = "call to reply, all kinds of calls",
};

static void free_all(Shared *all, uint64_t n_parts)
{
        for (uint64_t i = 0; i < all->knobs->n_apps; i++) {
                App *app = &all->apps[i];

                for (unsigned j = 0; j < MIXED_ACTIONS; j++)
                        template_deinit(&app->signals[j]);
                alloc_free(app->expected);
                alloc_free(app->n_got);
                credit_deinit(&app->credit);
                caller_deinit(&app->caller);
        }
        for (uint64_t i = 0; i < all->knobs->n_services; i++)
                mixed_service_deinit(&all->services[i]);
        for (uint64_t i = 0; i < n_parts; i++)
                arrivals_deinit(&all->arrivals[i]);
        alloc_free(all->apps);
        alloc_free(all->services);
        alloc_free(all->arrivals);
}

static int run_mixed(Run *run)
{
        Shared all = {.knobs = run->knobs};
        int status;

        all.n_subscriptions = (unsigned)all.knobs->n_subscriptions;
        if (all.n_subscriptions >= all.knobs->n_apps) {
                fprintf(stderr, "ringbus-load mixed: --subscriptions must be less than --clients: "
                                "each is to another application\n");
                return 2;
        }
        all.apps = alloc_zeroed(all.knobs->n_apps, sizeof(App));
        all.services = alloc_zeroed(all.knobs->n_services, sizeof(MixedService));
        all.arrivals = alloc_zeroed(run->options.n_threads, sizeof(Arrivals));
        if (!all.apps || !all.services || !all.arrivals)
                process_out_of_memory();
        for (unsigned i = 0; i < all.knobs->n_services; i++)
                snprintf(all.services[i].name, MIXED_NAME_MAX, "com.example.Load.p%d.s%u",
                         (int)getpid(), i);
        run->shared = &all;
        status = run_execute(run, &acts);
        free_all(&all, run->options.n_threads);
        return status;
}

const Scenario scenario_mixed = {
        .name = "mixed",
        .summary = "a desktop's traffic: the bus asked, properties, peers called, signals",
        .description =
                "Applications do at random, in these shares of all operations:\n\n"
                "  30 %  calls of the bus: GetNameOwner 10, NameHasOwner 7, AddMatch and "
                "RemoveMatch 8,\n"
                "        GetConnectionUnixProcessID 5\n"
                "  30 %  properties of a service: Get 22, GetAll (20 properties) 8\n"
                "  25 %  calls of a service, with as large a reply: 64 bytes 15, 512 bytes 8, 4 "
                "KiB "
                "2\n"
                "  15 %  PropertiesChanged, of 2 properties 8, 6 properties 5, 17 properties 2, "
                "to\n"
                "        --subscriptions others each\n\n"
                "Services are called by well-known names. Each application keeps --window calls\n"
                "outstanding, and does not wait for its signals, of which at most 64 are under "
                "way. "
                "An\n"
                "operation is a call with its reply, two messages, or a signal that has arrived at "
                "all\n"
                "subscribers. Each kind has latencies of its own, a signal's for each delivery.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .lacks = "payload",
        .run = run_mixed,
};
