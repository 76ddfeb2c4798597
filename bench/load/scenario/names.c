/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that are requested and released again, while watchers listen to NameOwnerChanged. Every
 * watcher must be told every change, in the order of the owner's calls; arrivals.h keeps account.
 *
 * Each owner has --window names; each name is requested, released, requested and so on, with one
 * call under way. An owner does not begin another call while so many of its changes are on their
 * way to some watcher.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/engine/process.h"
#include "bench/load/scenario/arrivals.h"
#include "bench/load/scenario/caller.h"
#include "bench/load/scenario/names_change.h"
#include "bench/load/scenario/scenario.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"

enum {
        DO_NOT_QUEUE = 4,
        NAME_ACQUIRED = 1, /* replies to RequestName and ReleaseName: it was done */
        NAME_MAX_SIZE = 96,
        STAGE_OWNERS = 0,
        STAGE_WATCHERS,
        N_STAGES,
};

typedef struct Knobs {
        uint64_t n_owners, n_watchers, window;
} Knobs;

static const Knob knobs[] = {
        {"owners", "N", "clients that request and release names", KNOB_COUNT,
         offsetof(Knobs, n_owners), 1, 4096, "4", NULL},
        {"watchers", "N", "clients that listen to each change of these names' owners", KNOB_COUNT,
         offsetof(Knobs, n_watchers), 0, 100000, "4", NULL},
        {"window", "N", "names of each owner, each with one call under way", KNOB_COUNT,
         offsetof(Knobs, window), 1, 4096, "8", NULL},
        {0},
};

/* One of an owner's names, and the two calls that it needs. */
typedef struct Name {
        Template request, release;
        bool is_owned;
        bool is_waiting; /* for watchers to see what was done, before its next call */
} Name;

typedef struct Owner {
        Caller caller;
        Name *names;
        uint64_t n_changes; /* that were replied to */
        uint64_t n_seen;    /* of those awaited: seen by all watchers */
        Credit credit;
} Owner;

typedef struct Watcher {
        RunClient client;
        uint8_t *owned;      /* of each owner's names, as far as this watcher was told */
        uint64_t *n_changes; /* of each owner: that it was told */
} Watcher;

typedef struct Shared {
        Owner *owners;
        Watcher *watchers;
        Arrivals *arrivals; /* of each part */
        char prefix[64];
        const Knobs *knobs;
} Shared;

static const Shared *shared(const RunPart *part)
{
        return part->run->shared;
}

static void call(Owner *owner, unsigned i)
{
        RunPart *part = owner->caller.client.part;
        Name *name = &owner->names[i];

        name->is_waiting = false;
        caller_send(&owner->caller, name->is_owned ? &name->release : &name->request,
                    loop_now_ns(part->loop), i);
}

/* Goes on with the names that had to wait, if they need not any more. */
static void look_at_seen(Owner *owner)
{
        RunPart *part = owner->caller.client.part;
        const uint64_t window = shared(part)->knobs->window;
        uint64_t n_seen;

        credit_arm(&owner->credit);
        n_seen = arrivals_everywhere(shared(part)->arrivals, part->run->n_parts,
                                     owner->caller.client.index, owner->n_changes);
        if (n_seen > owner->n_changes)
                n_seen = owner->n_changes; /* watchers were told before the owner got its reply */
        run_client_got(&owner->caller.client, n_seen - owner->n_seen);
        owner->n_seen = n_seen;
        for (unsigned i = 0; i < window && owner->n_changes - n_seen < window; i++)
                if (owner->names[i].is_waiting && !part->is_stopping)
                        call(owner, i);
}

static void wake(Credit *credit)
{
        look_at_seen(CONTAINER_OF(credit, Owner, credit));
}

static void take_reply(Connection *connection, const ConnectionFrame *frame)
{
        Owner *owner = CONTAINER_OF(run_client(connection), Owner, caller.client);
        RunPart *part = owner->caller.client.part;
        CallerReply reply;
        Name *name;

        if (frame->type == FRAME_TYPE_SIGNAL)
                run_count(&part->counters.n_deliveries, 1); /* NameAcquired, NameLost */
        if (!caller_take(&owner->caller, frame, &reply))
                return;
        name = &owner->names[reply.tag];
        name->is_waiting = true;
        if (frame->type == FRAME_TYPE_METHOD_RETURN &&
            (frame->body_size != 4 ||
             frame_load_u32(frame->body, frame->big_endian) != NAME_ACQUIRED)) {
                run_error(part, TEXT("(the name is another's)"));
        } else if (caller_end(&owner->caller, frame, &reply)) {
                name->is_owned = !name->is_owned;
                owner->n_changes++;
                run_client_await(&owner->caller.client, 1);
        }
        look_at_seen(owner);
}

/* Whose name it is, and which of his: from "PREFIX.oN.nN". */
static bool read_name(const Shared *all, Text name, unsigned *ret_owner, unsigned *ret_name)
{
        char text[NAME_MAX_SIZE];
        size_t prefix_size = strlen(all->prefix);

        if (!text_present(name) || name.size >= sizeof(text) || name.size <= prefix_size)
                return false;
        memcpy(text, name.data, name.size);
        text[name.size] = '\0';
        return strncmp(text, all->prefix, prefix_size) == 0 &&
               sscanf(text + prefix_size, ".o%u.n%u", ret_owner, ret_name) == 2 &&
               *ret_owner < all->knobs->n_owners && *ret_name < all->knobs->window;
}

static void take_change(Connection *connection, const ConnectionFrame *frame)
{
        Watcher *watcher = CONTAINER_OF(run_client(connection), Watcher, client);
        RunPart *part = watcher->client.part;
        const Shared *all = shared(part);
        NamesChange change;
        unsigned owner, which;
        Text owner_name;
        uint8_t *owned;

        if (run_client_take(&watcher->client, frame) || frame->type != FRAME_TYPE_SIGNAL)
                return;
        run_count(&part->counters.n_deliveries, 1);
        if (!names_change_read(frame, &change) || !read_name(all, change.name, &owner, &which)) {
                run_fail(part->run, "watcher %u was told of a name of nobody's",
                         watcher->client.index);
                return;
        }
        owner_name = text_from(all->owners[owner].caller.client.connection.unique_name);
        owned = &watcher->owned[owner * all->knobs->window + which];
        if (!text_equal(change.before, *owned ? owner_name : TEXT("")) ||
            !text_equal(change.after, *owned ? TEXT("") : owner_name)) {
                run_fail(part->run,
                         "watcher %u was told that %.*s went from \"%.*s\" to \"%.*s\", but knew "
                         "it to be %s: a change was lost, or came twice or out of order",
                         watcher->client.index, TEXT_FORMAT(change.name),
                         TEXT_FORMAT(change.before), TEXT_FORMAT(change.after),
                         *owned ? "owned" : "free");
                return;
        }
        *owned = !*owned;
        arrivals_count(&all->arrivals[part->index], owner, watcher->n_changes[owner]++);
}

static void watch(Connection *connection)
{
        RunClient *client = run_client(connection);
        char rule[256];

        snprintf(rule, sizeof(rule),
                 "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                 "member='NameOwnerChanged',arg0namespace='%s'",
                 shared(client->part)->prefix);
        run_call_bus(client, "AddMatch", "s", rule);
        run_end_one(client->part);
}

static const ConnectionHandlers owner_handlers = {
        .ready = caller_is_ready,
        .frame = take_reply,
        .failed = run_client_failed,
};

static const ConnectionHandlers watcher_handlers = {
        .ready = watch,
        .frame = take_change,
        .failed = run_client_failed,
};

static void prepare_owner(RunPart *part, unsigned index)
{
        const Shared *all = shared(part);
        Owner *owner = &all->owners[index];

        owner->caller.counts_replies = true;
        owner->names = alloc_zeroed(all->knobs->window, sizeof(Name));
        if (!owner->names)
                process_out_of_memory();
        for (unsigned i = 0; i < all->knobs->window; i++) {
                char name[NAME_MAX_SIZE];

                snprintf(name, sizeof(name), "%s.o%u.n%u", all->prefix, index, i);
                caller_bus_call(&owner->names[i].request, "RequestName", "su", name, DO_NOT_QUEUE);
                caller_bus_call(&owner->names[i].release, "ReleaseName", "s", name);
        }
        credit_init(&owner->credit, part->run->n_parts, part->loop, wake);
        run_begin_one(part);
        run_client_start(&owner->caller.client, part, "owner", index, &owner_handlers);
}

static void prepare_watchers(RunPart *part)
{
        const Shared *all = shared(part);

        for (unsigned i = 0; i < all->knobs->n_watchers; i++) {
                Watcher *watcher = &all->watchers[i];

                if (!run_is_mine(part, (unsigned)all->knobs->n_owners + i))
                        continue;
                watcher->owned = alloc_zeroed(all->knobs->n_owners, all->knobs->window);
                watcher->n_changes = alloc_zeroed(all->knobs->n_owners, sizeof(uint64_t));
                if (!watcher->owned || !watcher->n_changes)
                        process_out_of_memory();
                for (unsigned j = 0; j < all->knobs->n_owners; j++)
                        arrivals_expect(&all->arrivals[part->index], j, &all->owners[j].credit);
                run_begin_one(part);
                run_client_start(&watcher->client, part, "watcher", i, &watcher_handlers);
        }
}

static void prepare(RunPart *part, unsigned stage)
{
        const Shared *all = shared(part);

        if (stage == STAGE_WATCHERS) {
                prepare_watchers(part);
                return;
        }
        /* Calls under way, and as many changes as may be on their way before that. */
        arrivals_init(&all->arrivals[part->index], part, (unsigned)all->knobs->n_owners,
                      2 * all->knobs->window);
        for (unsigned i = 0; i < all->knobs->n_owners; i++)
                if (run_is_mine(part, i))
                        prepare_owner(part, i);
}

static void start(RunPart *part)
{
        const Shared *all = shared(part);

        for (unsigned i = 0; i < all->knobs->n_owners; i++)
                for (unsigned j = 0; run_is_mine(part, i) && j < all->knobs->window; j++)
                        call(&all->owners[i], j);
}

static void describe(const RunClient *client, char *text, size_t size)
{
        const Owner *owner;

        if (strcmp(client->role, "owner") != 0)
                return;
        owner = &shared(client->part)->owners[client->index];
        snprintf(text, size, "of its %llu changes all watchers have seen %llu",
                 (unsigned long long)owner->n_changes, (unsigned long long)owner->n_seen);
}

static void report(Run *run, Figures *figures)
{
        const Shared *all = run->shared;
        uint64_t n_changes = 0;
        uint32_t most = 0;

        for (unsigned i = 0; i < all->knobs->n_owners; i++) {
                n_changes += all->owners[i].n_changes;
                if (all->owners[i].caller.window.most_taken > most)
                        most = all->owners[i].caller.window.most_taken;
        }
        figures_add(figures, "changes in the whole run", "", (double)n_changes);
        figures_add(figures, "most calls outstanding of an owner", "", most);
}

static const RunActs acts = {
        .n_stages = N_STAGES,
        .prepare = prepare,
        .start = start,
        .report = report,
        .describe = describe,
        .latency_of = "call to reply",
};

static void free_all(Shared *all, uint64_t n_parts)
{
        for (uint64_t i = 0; i < all->knobs->n_owners; i++) {
                Owner *owner = &all->owners[i];

                for (uint64_t j = 0; owner->names && j < all->knobs->window; j++) {
                        template_deinit(&owner->names[j].request);
                        template_deinit(&owner->names[j].release);
                }
                alloc_free(owner->names);
                credit_deinit(&owner->credit);
                caller_deinit(&owner->caller);
        }
        for (uint64_t i = 0; i < all->knobs->n_watchers; i++) {
                alloc_free(all->watchers[i].owned);
                alloc_free(all->watchers[i].n_changes);
        }
        alloc_free(all->owners);
        alloc_free(all->watchers);
        for (uint64_t i = 0; i < n_parts; i++)
                arrivals_deinit(&all->arrivals[i]);
        alloc_free(all->arrivals);
}

static int run_names(Run *run)
{
        Shared all = {.knobs = run->knobs};
        int status;

        /* Two runs on one bus do not meet. */
        snprintf(all.prefix, sizeof(all.prefix), "com.example.Load.p%d", (int)getpid());
        all.owners = alloc_zeroed(all.knobs->n_owners, sizeof(Owner));
        all.watchers = alloc_zeroed(all.knobs->n_watchers + 1, sizeof(Watcher));
        all.arrivals = alloc_zeroed(run->options.n_threads, sizeof(Arrivals));
        if (!all.owners || !all.watchers || !all.arrivals)
                process_out_of_memory();
        run->shared = &all;
        status = run_execute(run, &acts);
        free_all(&all, run->options.n_threads);
        return status;
}

const Scenario scenario_names = {
        .name = "names",
        .summary = "names requested and released: owners, watchers of NameOwnerChanged",
        .description =
                "Each owner requests and releases --window names of its own, one call under way "
                "for each\n"
                "name. Each watcher has a match rule for NameOwnerChanged and must be told every "
                "change,\n"
                "in order; one that is lost fails the run. An owner waits for watchers that are\n"
                "--window changes behind. An operation is a request or a release: two messages, "
                "call\n"
                "and reply; NameAcquired, NameLost and NameOwnerChanged are deliveries.\n",
        .knobs = knobs,
        .knobs_size = sizeof(Knobs),
        .lacks = "payload seed",
        .run = run_names,
};
