/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of peers, and of the observer. What messages mean is in replay_receive.c. */

#include "bench/load/engine/process.h"
#include "bench/load/trace/replay.h"
#include "bench/load/trace/replay_private.h"
#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "proto/body.h"

#include <stdlib.h>

enum { OWNERS_FIRST_CAPACITY = 64 };

uint32_t replay_actor_find(const Replay *replay, Text unique_name)
{
        uint32_t number = text_present(unique_name) ? intern_find(&replay->names, unique_name) : 0;

        return number < replay->n_name_owners ? replay->name_owners[number] : 0;
}

/* Unique names are never used again, so that old ones may stay. */
static void note_name(Replay *replay, Text unique_name, uint32_t peer)
{
        bool is_new;
        uint32_t number = intern_text(&replay->names, unique_name, &is_new);

        if (number >= replay->n_name_owners) {
                uint32_t n =
                        replay->n_name_owners ? replay->n_name_owners * 2 : OWNERS_FIRST_CAPACITY;
                uint32_t *owners = alloc_resize(replay->name_owners, n * sizeof(*owners));

                if (!owners)
                        process_out_of_memory();
                memset(owners + replay->n_name_owners, 0,
                       (n - replay->n_name_owners) * sizeof(*owners));
                replay->name_owners = owners;
                replay->n_name_owners = n;
        }
        if (number == 0)
                abort();
        replay->name_owners[number] = peer;
}

/* What the trace says about the Hello that CONNECT stands for. */
static void note_hello(Replay *replay, const ReplayStep *step)
{
        const ReplayFate *answer;

        if (step->message == 0)
                return;
        replay->n_replayed[1]++;
        answer = &replay->plan.fates[replay->plan.fates[step->message].answer];
        if (replay->plan.fates[step->message].answer == 0)
                return;
        replay->n_replayed[2]++;
        if (answer->inbound != 0)
                replay_schedule_come(replay, step->peer, answer->inbound);
        if (answer->bus_answer != 0)
                replay_schedule_answered(replay, answer->bus_answer);
}

/* CONNECT or DISCONNECT has come to its end. */
static void end_step(Replay *replay, uint32_t number)
{
        run_count(&replay->part->counters.n_operations, 1);
        replay_schedule_answered(replay, replay->plan.steps[number].answer);
        replay_schedule_done(replay, number);
}

static void on_ready(Connection *connection)
{
        ReplayActor *actor = CONTAINER_OF(run_client(connection), ReplayActor, client);
        Replay *replay = actor->replay;

        actor->is_connected = true;
        note_name(replay, text_from(connection->unique_name), actor->peer);
        if (actor->coming == 0) {
                run_end_one(replay->part);
                return;
        }
        run_count(&replay->part->counters.n_messages, 1);
        note_hello(replay, &replay->plan.steps[actor->coming - 1]);
        end_step(replay, actor->coming - 1);
        actor->coming = 0;
        replay_schedule_pump(replay);
}

static void on_turn(Connection *connection)
{
        ReplayActor *actor = CONTAINER_OF(run_client(connection), ReplayActor, client);

        replay_schedule_pump(actor->replay);
}

static const ConnectionHandlers actor_handlers = {
        .ready = on_ready,
        .frame = replay_receive,
        .turn = on_turn,
        .failed = run_client_failed,
};

static void start(ReplayActor *actor)
{
        run_client_start(&actor->client, actor->replay->part, "peer", actor->peer, &actor_handlers);
}

void replay_actor_prepare(ReplayActor *actor)
{
        run_begin_one(actor->replay->part);
        start(actor);
}

void replay_actor_connect(ReplayActor *actor)
{
        const ReplayPlan *plan = &actor->replay->plan;

        actor->coming = plan->peers[actor->peer].first_step;
        start(actor);
}

void replay_actor_disconnect(ReplayActor *actor, uint32_t step)
{
        Replay *replay = actor->replay;

        if (!actor->is_connected) {
                end_step(replay, step);
                return;
        }
        actor->is_connected = false;
        actor->leaving = step + 1;
        run_client_await(&replay->observer, 1);
        run_client_remove(&actor->client);
}

static void take_change(Replay *replay, Text name, Text new_owner)
{
        uint32_t peer = replay_actor_find(replay, name);

        replay->n_names_changed++;
        if (peer == 0 || new_owner.size > 0 || replay->actors[peer].leaving == 0)
                return;
        run_client_got(&replay->observer, 1);
        end_step(replay, replay->actors[peer].leaving - 1);
        replay->actors[peer].leaving = 0;
}

static void observe(Connection *connection, const ConnectionFrame *frame)
{
        RunClient *client = run_client(connection);
        Replay *replay = client->part->run->shared;
        BodyArg args[3];
        Header header;

        if (run_client_take(client, frame))
                return;
        if (connection_frame_header(frame, &header) < 0 ||
            !text_equal(header.member, TEXT("NameOwnerChanged")) ||
            !text_equal(header.signature, TEXT("sss")) || !replay->has_started ||
            body_validate(frame->body, frame->body_size, header.signature, frame->big_endian) !=
                    BODY_OK)
                return;
        body_read_args(frame->body, frame->body_size, header.signature, frame->big_endian, 3, args);
        take_change(replay, args[0].text, args[2].text);
}

static void on_observer_ready(Connection *connection)
{
        run_end_one(run_client(connection)->part);
}

static void on_observer_turn(Connection *connection)
{
        replay_schedule_pump(run_client(connection)->part->run->shared);
}

static const ConnectionHandlers observer_handlers = {
        .ready = on_observer_ready,
        .frame = observe,
        .turn = on_observer_turn,
        .failed = run_client_failed,
};

void replay_actor_observe(Replay *replay)
{
        run_begin_one(replay->part);
        run_client_start(&replay->observer, replay->part, "observer", 0, &observer_handlers);
}
