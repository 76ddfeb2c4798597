/* SPDX-License-Identifier: Apache-2.0 */
/* What reaches a peer, and which message of the trace it is. */

#include "bench/load/trace/replay_plan_private.h"
#include "bench/load/trace/replay_private.h"
#include "broker/base/assert.h"

static bool is_bus(Text name)
{
        return text_equal(name, TEXT("org.freedesktop.DBus"));
}

static void stop_waiting(ReplayMessage *message)
{
        /* It may have left meanwhile. */
        if (message->awaited_by && message->awaited_by->part && message->awaited_by->n_awaited > 0)
                run_client_got(message->awaited_by, 1);
        message->awaited_by = NULL;
}

/* The step that sent it is done; `error` is the D-Bus error that was not recorded, or absent. */
static void end_message(Replay *replay, uint32_t number, Text error)
{
        const ReplayFate *fate = &replay->plan.fates[number];

        stop_waiting(&replay->messages[number]);
        if (text_present(error))
                run_error(replay->part, error);
        else
                run_count(&replay->part->counters.n_operations, 1);
        replay_schedule_done(replay, fate->step - 1);
        if (fate->inbound != 0)
                replay_schedule_come(replay, fate->receiver, fate->inbound);
}

static bool is_ended(const Replay *replay, uint32_t number)
{
        return replay->is_done[replay->plan.fates[number].step - 1];
}

/* A call, or a signal to this peer alone. */
static void arrive(ReplayActor *actor, const ConnectionFrame *frame)
{
        Replay *replay = actor->replay;
        uint32_t sender =
                replay_actor_find(replay, connection_frame_field(frame, HEADER_FIELD_SENDER));
        uint32_t number = serials_find(&replay->serials, sender, frame->serial);
        const ReplayFate *fate = &replay->plan.fates[number];
        ReplayMessage *message = &replay->messages[number];

        if (sender == 0 || number == 0) {
                replay->n_strays++;
                return;
        }
        if (fate->answer == 0)
                serials_take(&replay->serials, sender, frame->serial);
        if (message->arrived_ns != 0)
                return;
        message->arrived_ns = loop_refresh(replay->part->loop);
        message->at = actor->peer;
        if (!is_ended(replay, number))
                end_message(replay, number, TEXT_NONE);
}

/* From the call to its answer, without what the callee itself took. */
static void measure(Replay *replay, uint32_t call_number, uint32_t answer_number)
{
        const ReplayMessage *call = &replay->messages[call_number];
        const ReplayMessage *answer = &replay->messages[answer_number];
        uint64_t took_ns = loop_refresh(replay->part->loop) - call->sent_ns, held_ns = 0;

        if (call->arrived_ns != 0 && answer->sent_ns > call->arrived_ns)
                held_ns = answer->sent_ns - call->arrived_ns;
        if (replay->part->is_measuring)
                histogram_add(&replay->part->latency, took_ns > held_ns ? took_ns - held_ns : 0);
}

/* The name of an error that the trace has not; absent if all is as it was. */
static Text find_difference(const Replay *replay, const ConnectionFrame *frame, uint32_t answer)
{
        const TraceMessage *recorded = replay_plan_message(&replay->plan, answer);

        if (answer != 0 && recorded->sender == TRACE_BUS && recorded->type == frame->type)
                return TEXT_NONE;
        if (frame->type == FRAME_TYPE_ERROR)
                return connection_frame_field(frame, HEADER_FIELD_ERROR_NAME);
        return TEXT("(a return where none was recorded)");
}

static void take_bus_answer(ReplayActor *actor, const ConnectionFrame *frame, uint32_t number)
{
        Replay *replay = actor->replay;
        uint32_t answer = replay->plan.fates[number].answer;
        const ReplayFate *fate = &replay->plan.fates[answer];
        Text difference = find_difference(replay, frame, answer);

        replay->n_replayed[frame->type]++;
        if (text_present(difference))
                replay->n_unlike++;
        if (!is_ended(replay, number)) {
                measure(replay, number, answer);
                end_message(replay, number, difference);
        }
        if (answer == 0 || !fate->is_expected)
                return;
        if (fate->inbound != 0)
                replay_schedule_come(replay, actor->peer, fate->inbound);
        else
                replay->n_late_errors++;
        if (fate->bus_answer != 0)
                replay_schedule_answered(replay, fate->bus_answer);
}

static void take_answer(ReplayActor *actor, const ConnectionFrame *frame)
{
        Replay *replay = actor->replay;
        uint32_t serial = connection_frame_reply_serial(frame);
        uint32_t number = serials_take(&replay->serials, actor->peer, serial), answer;

        if (number == 0) {
                replay->n_strays++;
                return;
        }
        if (is_bus(connection_frame_field(frame, HEADER_FIELD_SENDER))) {
                take_bus_answer(actor, frame, number);
                return;
        }
        answer = replay->plan.fates[number].answer;
        if (answer == 0 || replay->plan.fates[answer].step == 0) {
                replay->n_strays++;
                return;
        }
        measure(replay, number, answer);
        replay->messages[answer].arrived_ns = loop_now_ns(replay->part->loop);
        if (!is_ended(replay, answer))
                end_message(replay, answer, TEXT_NONE);
}

static void take_signal(ReplayActor *actor, const ConnectionFrame *frame)
{
        Replay *replay = actor->replay;
        Text member = connection_frame_field(frame, HEADER_FIELD_MEMBER);

        if (is_bus(connection_frame_field(frame, HEADER_FIELD_SENDER))) {
                if (text_equal(member, TEXT("NameAcquired")))
                        replay->n_names_acquired++;
                else if (text_equal(member, TEXT("NameLost")))
                        replay->n_names_lost++;
                else
                        replay->n_broadcasts_received++;
                return;
        }
        if (text_present(connection_frame_field(frame, HEADER_FIELD_DESTINATION)))
                arrive(actor, frame);
        else
                replay->n_broadcasts_received++;
}

void replay_receive(Connection *connection, const ConnectionFrame *frame)
{
        RunClient *client = run_client(connection);
        ReplayActor *actor = CONTAINER_OF(client, ReplayActor, client);

        if (!actor->replay->has_started) {
                run_client_take(client, frame);
                return;
        }
        run_count(&client->part->counters.n_deliveries, 1);
        switch (frame->type) {
        case FRAME_TYPE_METHOD_CALL:
                arrive(actor, frame);
                break;
        case FRAME_TYPE_METHOD_RETURN:
        case FRAME_TYPE_ERROR:
                take_answer(actor, frame);
                break;
        case FRAME_TYPE_SIGNAL:
                take_signal(actor, frame);
                break;
        default:
                actor->replay->n_strays++;
        }
}
