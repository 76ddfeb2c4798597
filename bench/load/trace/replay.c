/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommand, a scenario that ends by itself: its knobs, preparation and end. */

#include "bench/load/engine/process.h"
#include "bench/load/trace/replay.h"
#include "bench/load/trace/replay_private.h"
#include "bench/load/trace/trace_reader.h"
#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"
#include "broker/base/hash.h"
#include "proto/matchrule.h"
#include "proto/syntax.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>

/* What is asked of the bus before the replay begins, one after the other. */
typedef enum ReplayStage {
        STAGE_CONNECT,
        STAGE_NAMES,  /* whoever owned them */
        STAGE_QUEUES, /* whoever waited for them */
        STAGE_RULES,
        N_STAGES,
} ReplayStage;

enum { ALLOW_REPLACEMENT = 1 /* DBUS_NAME_FLAG_ALLOW_REPLACEMENT */ };

#define NAME_RULE                                                                                  \
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"            \
        "member='NameOwnerChanged'"

static const Knob replay_knobs[] = {
        {"speed", "FACTOR", "times as fast as recorded; max: without waiting for the time",
         KNOB_TEXT, offsetof(ReplayKnobs, speed), 0, 0, "1", NULL},
        {NULL, NULL, NULL, KNOB_FLAG, 0, 0, 0, NULL, NULL},
};

static bool is_waiting_there(const Replay *replay, uint32_t peer)
{
        return peer != TRACE_BUS && replay->plan.peers[peer].was_there &&
               !replay->plan.peers[peer].is_ghost;
}

static void prepare_names(Replay *replay, bool queued)
{
        for (size_t i = 0; i < replay->trace.n_events; i++) {
                const TraceEvent *event = &replay->trace.events[i];
                uint32_t peer = event->name.new_owner;
                char name[SYNTAX_NAME_MAX + 1];

                if (event->kind != TRACE_NAME || !event->was_there ||
                    (event->name.old_owner != 0) != queued || !is_waiting_there(replay, peer))
                        continue;
                snprintf(name, sizeof(name), "%.*s",
                         TEXT_FORMAT(trace_text(&replay->trace, event->name.name)));
                run_call_bus(&replay->actors[peer].client, "RequestName", "su", name,
                             replay->plan.peers[peer].may_be_replaced ? ALLOW_REPLACEMENT : 0);
        }
}

/* Eavesdroppers take no part: see replay_plan.c. */
static bool is_ordinary_rule(Text text)
{
        char scratch[MATCHRULE_TEXT_MAX];
        MatchRule rule;

        return text.size <= sizeof(scratch) &&
               matchrule_parse(text, scratch, &rule, NULL) == MATCHRULE_OK && !rule.eavesdrop;
}

static void prepare_rules(Replay *replay)
{
        run_call_bus(&replay->observer, "AddMatch", "s", NAME_RULE);
        for (size_t i = 0; i < replay->trace.n_events; i++) {
                const TraceEvent *event = &replay->trace.events[i];
                char rule[MATCHRULE_CANONICAL_MAX];
                size_t size = sizeof(rule);
                Text recorded;

                if (event->kind != TRACE_RULE || !event->was_there || !event->rule.added ||
                    !is_waiting_there(replay, event->rule.peer))
                        continue;
                recorded = trace_text(&replay->trace, event->rule.rule);
                if (!is_ordinary_rule(recorded) ||
                    !replay_send_rule(replay, recorded, rule, &size)) {
                        replay->n_rules_left_out++;
                        continue;
                }
                run_call_bus(&replay->actors[event->rule.peer].client, "AddMatch", "s", rule);
        }
}

static void prepare(RunPart *part, unsigned stage)
{
        Replay *replay = part->run->shared;

        replay->part = part;
        switch ((ReplayStage)stage) {
        case STAGE_CONNECT:
                replay_actor_observe(replay);
                for (uint32_t i = 1; i <= replay->trace.n_peers; i++)
                        if (is_waiting_there(replay, i))
                                replay_actor_prepare(&replay->actors[i]);
                break;
        case STAGE_NAMES:
                prepare_names(replay, false);
                break;
        case STAGE_QUEUES:
                prepare_names(replay, true);
                break;
        case STAGE_RULES:
                prepare_rules(replay);
                break;
        case N_STAGES:
                break;
        }
}

static void start(RunPart *part)
{
        replay_schedule_start(part->run->shared);
}

static void report(Run *run, Figures *figures)
{
        replay_report(run->shared, figures);
}

static void describe(const RunClient *client, char *text, size_t size)
{
        const Replay *replay = client->part->run->shared;
        const ReplayActor *actor =
                &replay->actors[client->index]; /* a peer's index is its number */
        Text name;

        if (client == &replay->observer)
                return;
        name = trace_text(&replay->trace, replay->trace.peers[actor->peer].name);
        snprintf(text, size, "recorded as %.*s", TEXT_FORMAT(name));
        if (actor->step != 0)
                snprintf(text + strlen(text), size - strlen(text), ", its next step is %u of %u",
                         actor->step, replay->plan.n_steps);
}

static const RunActs replay_acts = {
        .part_size = 1,
        .n_stages = N_STAGES,
        .prepare = prepare,
        .start = start,
        .report = report,
        .describe = describe,
        .latency_of = "call to answer, without the callee's own time",
};

static void *allocate(size_t n, size_t size)
{
        void *memory = alloc_zeroed(n, size);

        if (!memory)
                process_out_of_memory();
        return memory;
}

static void init(Replay *replay)
{
        const Trace *trace = &replay->trace;
        size_t n_peers = (size_t)trace->n_peers + 1;

        replay->actors = allocate(n_peers, sizeof(ReplayActor));
        replay->blocked = allocate(n_peers, sizeof(uint32_t));
        replay->looked_at = allocate(n_peers, sizeof(uint32_t));
        replay->messages = allocate((size_t)trace->n_messages + 1, sizeof(ReplayMessage));
        replay->is_done = allocate((size_t)replay->plan.n_steps + 1, sizeof(bool));
        replay->is_answered = allocate((size_t)replay->plan.n_answers + 1, sizeof(bool));
        replay->recorded_peers = allocate((size_t)trace->n_strings + 1, sizeof(uint32_t));
        for (uint32_t i = 1; i <= trace->n_peers; i++) {
                ReplayActor *actor = &replay->actors[i];

                actor->replay = replay;
                actor->peer = i;
                actor->has_come =
                        allocate((size_t)replay->plan.peers[i].n_inbound + 1, sizeof(bool));
                replay->recorded_peers[trace->peers[i].name] = i;
        }
        replay->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void deinit(Replay *replay)
{
        for (uint32_t i = 1; replay->actors && i <= replay->trace.n_peers; i++)
                alloc_free(replay->actors[i].has_come);
        alloc_free(replay->actors);
        alloc_free(replay->blocked);
        alloc_free(replay->looked_at);
        alloc_free(replay->messages);
        alloc_free(replay->is_done);
        alloc_free(replay->is_answered);
        alloc_free(replay->recorded_peers);
        alloc_free(replay->name_owners);
        alloc_free(replay->buffer);
        intern_deinit(&replay->names);
        serials_deinit(&replay->serials);
        replay->null_fd = cleanup_close(replay->null_fd);
        replay_plan_deinit(&replay->plan);
        trace_reader_deinit(&replay->trace);
}

static bool read_speed(const char *text, double *ret_factor)
{
        char *end;

        if (strcmp(text, "max") == 0) {
                *ret_factor = 0;
                return true;
        }
        *ret_factor = strtod(text, &end);
        if (*end == 'x')
                end++;
        return end != text && *end == '\0' && isfinite(*ret_factor) && *ret_factor >= 0.001 &&
               *ret_factor <= 1000000;
}

/* A replay has no length of its own but the trace's. */
static int execute(Run *run, Replay *replay)
{
        int r = hash_init();

        if (r == 0)
                r = replay_plan_make(&replay->trace, &replay->plan);
        if (r < 0) {
                fprintf(stderr, "ringbus-load: %s\n", strerror(-r));
                deinit(replay);
                return 1;
        }
        if (replay->plan.n_steps == 0) {
                fprintf(stderr, "ringbus-load: %s: there is nothing in it that could be sent\n",
                        run->words[0]);
                deinit(replay);
                return 1;
        }
        init(replay);
        run->shared = replay;
        run->options.warmup_ns = 0;
        run->options.duration_ns = UINT64_MAX / 2;
        r = run_execute(run, &replay_acts);
        deinit(replay);
        return r;
}

static int run_replay(Run *run)
{
        Replay *replay;
        int status = 1;

        if (run->n_words != 1) {
                fprintf(stderr, "ringbus-load replay: one trace is needed, behind the knobs\n");
                return 2;
        }
        replay = allocate(1, sizeof(*replay));
        replay->null_fd = -1;
        replay->knobs = *(const ReplayKnobs *)run->knobs;
        if (!read_speed(replay->knobs.speed, &replay->knobs.factor)) {
                fprintf(stderr,
                        "ringbus-load replay: --speed=%s: not a factor from 0.001 to "
                        "1000000, nor \"max\"\n",
                        replay->knobs.speed);
                status = 2;
        } else if (trace_reader_open(run->words[0], &replay->trace) == 0) {
                status = execute(run, replay);
        }
        alloc_free(replay);
        return status;
}

static const Scenario replay_scenario = {
        .name = "replay",
        .summary = "Makes the traffic of a recorded bus again",
        .description =
                "TRACE is a file of `ringbus-load record`. Its peers connect, own their names and\n"
                "have their match rules; then each says what was recorded, when it was recorded,\n"
                "or FACTOR times as fast. Causes come before effects: an answer is sent as long\n"
                "after its call has arrived as it took then, divided by FACTOR; nobody says\n"
                "anything before what reached him before has reached him again. Contents that\n"
                "were not recorded are made up, of the same types and size.\n\n"
                "Beside the usual figures the number of messages by kind is compared with the\n"
                "recorded one, and how late they were is shown. docs/TRACE.md says more.\n",
        .knobs = replay_knobs,
        .knobs_size = sizeof(ReplayKnobs),
        .lacks = "duration warmup threads payload late seed",
        .words = "TRACE",
        .run = run_replay,
};

int replay_main(int argc, char **argv)
{
        return scenario_main(&replay_scenario, argc, argv);
}
