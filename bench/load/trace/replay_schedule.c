/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When who does his next step: when its time has come and what it waits for (replay_plan.h) has
 * happened. An actor waits for one thing at a time: for something to reach it, then among the
 * blocked for steps of others, then for its timer; whatever happens makes it look again.
 */

#include "bench/load/trace/replay.h"
#include "bench/load/trace/replay_plan_private.h"
#include "broker/base/assert.h"
#include "broker/base/clock.h"

enum {
        START_DELAY_MS = 20, /* from the order to measure to the first step */
        START_LOOK_MS = 1,
        GRACE_MS = 1000, /* for errors of the bus that may still come */
        GRACE_LOOK_MS = 5,
};

static uint64_t scale(const Replay *replay, uint64_t ns)
{
        return replay->knobs.factor > 0 ? (uint64_t)((double)ns / replay->knobs.factor) : 0;
}

/* When a step is due: at its time; but an answer as long after its call's arrival as it took. */
static uint64_t due_ns(const Replay *replay, const ReplayStep *step)
{
        const Trace *trace = &replay->trace;
        const TraceMessage *message;
        uint64_t called_ns;

        if (step->kind == REPLAY_SEND) {
                message = replay_plan_message(&replay->plan, step->message);
                if (message->reply_to != 0 && replay->messages[message->reply_to].arrived_ns > 0) {
                        called_ns = trace->events[trace->messages[message->reply_to]].time_ns;
                        return replay->messages[message->reply_to].arrived_ns +
                               scale(replay, step->time_ns - called_ns);
                }
        }
        return replay->start_ns + scale(replay, step->time_ns);
}

static bool waits_for_others(const Replay *replay, const ReplayStep *step)
{
        uint32_t number = (uint32_t)(step - replay->plan.steps);

        return step->n_answers > replay->n_answered ||
               (step->is_barrier && replay->n_done < number);
}

void replay_schedule_done(Replay *replay, uint32_t step)
{
        if (replay->is_done[step])
                return;
        replay->is_done[step] = true;
        replay->n_done_all++;
        replay->n_news++;
        while (replay->n_done < replay->plan.n_steps && replay->is_done[replay->n_done])
                replay->n_done++;
}

void replay_schedule_answered(Replay *replay, uint32_t answer)
{
        replay->is_answered[answer - 1] = true;
        replay->n_news++;
        while (replay->n_answered < replay->plan.n_answers &&
               replay->is_answered[replay->n_answered])
                replay->n_answered++;
}

/* It is looked at again by the next replay_schedule_pump(). */
static void block(ReplayActor *actor)
{
        Replay *replay = actor->replay;

        if (actor->is_blocked)
                return;
        actor->is_blocked = true;
        replay->blocked[replay->n_blocked++] = actor->peer;
}

void replay_schedule_come(Replay *replay, uint32_t peer, uint32_t inbound)
{
        ReplayActor *actor = &replay->actors[peer];

        actor->has_come[inbound - 1] = true;
        while (actor->n_come < replay->plan.peers[peer].n_inbound && actor->has_come[actor->n_come])
                actor->n_come++;
        replay->n_news++;
        block(actor);
}

/* What will not be sent will not reach anybody, and nobody must wait for it. */
static void skip(Replay *replay, const ReplayStep *step)
{
        const ReplayFate *fate = &replay->plan.fates[step->message];

        replay->n_skipped++;
        run_count(&replay->part->counters.n_dropped, 1);
        replay_schedule_done(replay, (uint32_t)(step - replay->plan.steps));
        if (fate->inbound != 0)
                replay_schedule_come(replay, fate->receiver, fate->inbound);
        if (fate->answer != 0 && replay->plan.fates[fate->answer].is_expected) {
                fate = &replay->plan.fates[fate->answer];
                if (fate->inbound != 0)
                        replay_schedule_come(replay, step->peer, fate->inbound);
                if (fate->bus_answer != 0)
                        replay_schedule_answered(replay, fate->bus_answer);
        }
}

/* Whom the step's end depends on: the watch for stalls looks at it. */
static void await(Replay *replay, const ReplayStep *step)
{
        const ReplayFate *fate = &replay->plan.fates[step->message];
        RunClient *client = &replay->actors[step->peer].client;

        if (step->awaits == REPLAY_AWAIT_ARRIVAL && fate->receiver != TRACE_NOBODY &&
            replay->actors[fate->receiver].is_connected)
                client = &replay->actors[fate->receiver].client;
        replay->messages[step->message].awaited_by = client;
        run_client_await(client, 1);
}

static void send_step(ReplayActor *actor, const ReplayStep *step)
{
        Replay *replay = actor->replay;
        RunPart *part = replay->part;
        const TraceMessage *message = replay_plan_message(&replay->plan, step->message);

        run_count(&part->counters.n_begun, 1);
        if (!replay_send(actor, step)) {
                skip(replay, step);
                return;
        }
        run_count(&part->counters.n_messages, 1);
        replay->n_replayed[summary_kind(message)]++;
        if (step->awaits != REPLAY_AWAIT_NOTHING) {
                await(replay, step);
                return;
        }
        run_count(&part->counters.n_operations, 1);
        replay_schedule_done(replay, (uint32_t)(step - replay->plan.steps));
}

static void do_step(ReplayActor *actor, uint32_t number)
{
        Replay *replay = actor->replay;
        const ReplayStep *step = &replay->plan.steps[number];
        uint64_t now_ns = loop_refresh(replay->part->loop);
        uint64_t due = replay->start_ns + scale(replay, step->time_ns);

        histogram_add(&replay->lateness, now_ns > due ? now_ns - due : 0);
        switch ((ReplayKind)step->kind) {
        case REPLAY_CONNECT:
                run_count(&replay->part->counters.n_begun, 1);
                replay_actor_connect(actor);
                break;
        case REPLAY_DISCONNECT:
                run_count(&replay->part->counters.n_begun, 1);
                replay_actor_disconnect(actor, number);
                break;
        case REPLAY_SEND:
                send_step(actor, step);
                break;
        }
}

/* One step, if it may be done now. */
static bool advance_once(ReplayActor *actor)
{
        Replay *replay = actor->replay;
        uint32_t number = actor->step - 1;
        const ReplayStep *step;
        uint64_t due;

        if (actor->step == 0 || !replay->has_started || replay->part->is_stopping)
                return false;
        step = &replay->plan.steps[number];
        if (step->n_inbound > actor->n_come)
                return false;
        if (waits_for_others(replay, step)) {
                block(actor);
                return false;
        }
        due = due_ns(replay, step);
        /* Closing would throw away what the kernel has not taken. */
        if (step->kind == REPLAY_DISCONNECT && connection_unsent(&actor->client.connection) > 0)
                due = loop_now_ns(replay->part->loop) + START_LOOK_MS * CLOCK_NS_PER_MS;
        if (due > loop_refresh(replay->part->loop)) {
                loop_arm(replay->part->loop, &actor->timer, due);
                return false;
        }
        actor->step = step->next;
        do_step(actor, number);
        return true;
}

static void advance(ReplayActor *actor)
{
        while (advance_once(actor))
                ;
}

static void look_for_the_end(Replay *replay)
{
        uint64_t now_ns = loop_now_ns(replay->part->loop);

        if (replay->has_finished || replay->n_done_all < replay->plan.n_steps)
                return;
        if (replay->grace_ends_ns == 0)
                replay->grace_ends_ns = now_ns + GRACE_MS * CLOCK_NS_PER_MS;
        if (replay->n_late_errors < replay->plan.n_unawaited_errors &&
            now_ns < replay->grace_ends_ns) {
                loop_arm(replay->part->loop, &replay->start,
                         now_ns + GRACE_LOOK_MS * CLOCK_NS_PER_MS);
                return;
        }
        replay->has_finished = true;
        run_enough(replay->part);
}

/* Until nobody among the blocked can go on. */
void replay_schedule_pump(Replay *replay)
{
        uint64_t n_news;

        if (!replay->has_started)
                return;
        do {
                uint32_t *blocked = replay->blocked, n_blocked = replay->n_blocked;

                n_news = replay->n_news;
                replay->blocked = replay->looked_at;
                replay->looked_at = blocked;
                replay->n_blocked = 0;
                for (uint32_t i = 0; i < n_blocked; i++) {
                        ReplayActor *actor = &replay->actors[blocked[i]];

                        actor->is_blocked = false;
                        advance(actor);
                }
        } while (replay->n_news != n_news);
        look_for_the_end(replay);
}

static void on_step_time(Timer *timer, void *context)
{
        ReplayActor *actor = CONTAINER_OF(timer, ReplayActor, timer);

        (void)context;
        advance(actor);
        replay_schedule_pump(actor->replay);
}

static void begin(Replay *replay)
{
        replay->has_started = true;
        replay->start_ns = loop_refresh(replay->part->loop) + START_DELAY_MS * CLOCK_NS_PER_MS;
        for (uint32_t i = 1; i <= replay->trace.n_peers; i++) {
                ReplayActor *actor = &replay->actors[i];

                actor->timer.fire = on_step_time;
                actor->step = replay->plan.peers[i].first_step;
                block(actor);
        }
        replay_schedule_pump(replay);
}

/* The measured time begins with an order of the main thread. */
static void on_start_time(Timer *timer, void *context)
{
        Replay *replay = CONTAINER_OF(timer, Replay, start);

        if (replay->has_started)
                look_for_the_end(replay);
        else if (replay->part->is_measuring)
                begin(replay);
        else
                loop_arm(context, timer, loop_now_ns(context) + START_LOOK_MS * CLOCK_NS_PER_MS);
}

void replay_schedule_start(Replay *replay)
{
        replay->start.fire = on_start_time;
        loop_arm(replay->part->loop, &replay->start, loop_now_ns(replay->part->loop));
}
