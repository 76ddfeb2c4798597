/* SPDX-License-Identifier: Apache-2.0 */
/* A part: what its thread does when the main thread gives an order. */

#include "bench/load/engine/process.h"
#include "bench/load/scenario/run_private.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/clock.h"

static void arrive(RunPart *part)
{
        RunState *state = part->run->state;

        pthread_mutex_lock(&state->lock);
        state->n_arrived++;
        pthread_cond_signal(&state->changed);
        pthread_mutex_unlock(&state->lock);
}

void run_begin_one(RunPart *part)
{
        part->n_pending++;
}

void run_end_one(RunPart *part)
{
        ASSERT(part->n_pending > 0);
        if (--part->n_pending == 0 && part->is_in_stage) {
                part->is_in_stage = false;
                arrive(part);
        }
}

void run_enough(RunPart *part)
{
        RunState *state = part->run->state;

        if (part->has_enough)
                return;
        part->has_enough = true;
        pthread_mutex_lock(&state->lock);
        state->n_enough++;
        pthread_cond_signal(&state->changed);
        pthread_mutex_unlock(&state->lock);
}

static void prepare(RunPart *part)
{
        if (!timers_is_armed(&part->watch)) {
                part->watched_ns = part->loop->now_ns;
                loop_arm(part->loop, &part->watch, part->loop->now_ns);
        }
        /* One more than there are, so that the stage does not end while it is being begun. */
        part->is_in_stage = true;
        part->n_pending = 1;
        part->run->acts->prepare(part, part->stage);
        run_end_one(part);
}

static bool is_drained(const RunPart *part)
{
        for (const RunClient *client = part->clients; client; client = client->next)
                if (client->n_awaited > 0 && !client->is_exempt)
                        return false;
        return true;
}

static void look_for_the_end(RunPart *part)
{
        const RunActs *acts = part->run->acts;

        if (part->is_draining && is_drained(part) &&
            (!acts->is_drained || acts->is_drained(part))) {
                part->is_draining = false;
                arrive(part);
        }
}

static void look(Timer *timer, void *context)
{
        RunPart *part = CONTAINER_OF(timer, RunPart, watch);
        uint64_t now_ns = loop_now_ns(part->loop);

        if (now_ns - part->watched_ns >= RUN_LOOK_MS * CLOCK_NS_PER_MS)
                run_watch_part(timer, context);
        look_for_the_end(part);
        loop_arm(part->loop, &part->watch,
                 now_ns + (part->is_draining ? RUN_DRAIN_MS : RUN_LOOK_MS) * CLOCK_NS_PER_MS);
}

static void obey(LoopTask *task, Loop *loop)
{
        RunPart *part = CONTAINER_OF(task, RunPart, task);

        switch ((RunOrder)part->order) {
        case RUN_ORDER_PREPARE:
                prepare(part);
                return;
        case RUN_ORDER_START:
                part->run->acts->start(part);
                break;
        case RUN_ORDER_MEASURE:
                part->is_measuring = true;
                break;
        case RUN_ORDER_STOP:
                part->is_measuring = false;
                part->is_stopping = true;
                if (part->run->acts->stop)
                        part->run->acts->stop(part);
                part->is_draining = true;
                loop_arm(loop, &part->watch, loop->now_ns);
                return;
        }
        arrive(part);
}

static void finish(LoopTask *task, Loop *loop)
{
        RunPart *part = CONTAINER_OF(task, RunPart, finish_task);

        part->is_stopping = true;
        part->is_measuring = false;
        loop_disarm(loop, &part->watch);
        for (RunClient *client = part->clients; client; client = client->next)
                connection_stop(&client->connection);
        part->clients = NULL;
        if (part->run->acts->finish)
                part->run->acts->finish(part);
}

void run_part_init(RunPart *part, Run *run, CrewMember *member)
{
        part->run = run;
        part->loop = &member->loop;
        part->index = member->index;
        part->task.run = obey;
        part->finish_task.run = finish;
        part->watch.fire = look;
        part->data = alloc_zeroed(1, run->acts->part_size);
        if (!part->data)
                process_out_of_memory();
}

void run_part_order(RunPart *part, RunOrder order, unsigned stage)
{
        part->order = order;
        part->stage = stage;
        loop_post(part->loop, &part->task);
}

void run_part_finish(RunPart *part)
{
        loop_post(part->loop, &part->finish_task);
}
