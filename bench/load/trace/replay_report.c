/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a replay: messages by kind, against the recorded ones, and how late they were. */

#include "bench/load/trace/replay.h"
#include "bench/load/trace/replay_plan_private.h"
#include "proto/frame.h"

/* Signals of the bus about names, by method name: as recorded. */
static uint64_t count_signals(const Replay *replay, const char *member)
{
        uint64_t n = 0;

        for (uint32_t i = 1; i <= replay->trace.n_messages; i++) {
                const TraceMessage *message = replay_plan_message(&replay->plan, i);

                n += message->sender == TRACE_BUS && message->type == FRAME_TYPE_SIGNAL &&
                     text_equal(trace_text(&replay->trace, message->member), text_from(member));
        }
        return n;
}

static void add_count(Figures *figures, const char *name, uint64_t n)
{
        figures_add(figures, name, "", (double)n);
}

/* What is out of the ordinary is shown only if there is any. */
static void add_rare(Figures *figures, const char *name, uint64_t n)
{
        if (n > 0)
                add_count(figures, name, n);
}

static void add_kinds(const Replay *replay, Figures *figures)
{
        static const char *const names[][2] = {
                [FRAME_TYPE_METHOD_CALL] = {"calls recorded", "calls replayed"},
                [FRAME_TYPE_METHOD_RETURN] = {"returns recorded", "returns replayed"},
                [FRAME_TYPE_ERROR] = {"errors recorded", "errors replayed"},
                [FRAME_TYPE_SIGNAL] = {"signals recorded", "signals replayed"},
        };

        for (unsigned kind = FRAME_TYPE_METHOD_CALL; kind <= FRAME_TYPE_SIGNAL; kind++) {
                add_count(figures, names[kind][0], replay->plan.n_recorded[kind]);
                add_count(figures, names[kind][1], replay->n_replayed[kind]);
        }
}

static void add_lateness(const Replay *replay, Figures *figures)
{
        const Histogram *lateness = &replay->lateness;

        figures_add(figures, "lateness p50", "us",
                    (double)histogram_percentile(lateness, 50) / 1e3);
        figures_add(figures, "lateness p99", "us",
                    (double)histogram_percentile(lateness, 99) / 1e3);
        figures_add(figures, "lateness max", "us", (double)lateness->max / 1e3);
}

static void add_left_out(const Replay *replay, Figures *figures)
{
        static const char *const names[REPLAY_N_LEFT_OUT] = {
                [REPLAY_LEFT_TYPE] = "left out: of other types",
                [REPLAY_LEFT_ORPHAN] = "left out: answers without a call",
                [REPLAY_LEFT_EFFECT] = "left out: calls with effects",
                [REPLAY_LEFT_ARGUMENTS] = "left out: unknown arguments",
                [REPLAY_LEFT_ANSWER] = "left out: answers to these",
        };

        for (unsigned i = 0; i < REPLAY_N_LEFT_OUT; i++)
                if (names[i])
                        add_rare(figures, names[i], replay->plan.n_left_out[i]);
        add_rare(figures, "left out: rules that eavesdrop", replay->n_rules_left_out);
        add_rare(figures, "left out: fds", replay->n_fds_left_out);
}

void replay_report(const Replay *replay, Figures *figures)
{
        add_kinds(replay, figures);
        add_count(figures, "name changes recorded", count_signals(replay, "NameOwnerChanged"));
        add_count(figures, "name changes replayed", replay->n_names_changed);
        add_count(figures, "broadcasts received", replay->n_broadcasts_received);
        if (replay->knobs.factor > 0)
                add_lateness(replay, figures);
        add_left_out(replay, figures);
        add_rare(figures, "skipped: their peer was gone", replay->n_skipped);
        add_rare(figures, "answers of another kind", replay->n_unlike);
        add_rare(figures, "messages of strangers", replay->n_strays);
        add_rare(figures, "bodies of almost their size", replay->n_bodies_resized);
        add_rare(figures, "bodies of another type", replay->n_bodies_replaced);
}
