/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan is made in passes: relations between messages; what is left out; the order (some
 * steps move: see replay_plan_order.c); what waits for what.
 */

#include "bench/load/trace/replay_plan.h"
#include "bench/load/trace/replay_plan_private.h"
#include "broker/base/alloc.h"
#include "proto/frame.h"
#include "proto/syntax.h"

#include <errno.h>

const TraceMessage *replay_plan_message(const ReplayPlan *plan, uint32_t number)
{
        return &plan->trace->events[plan->trace->messages[number]].message;
}

bool replay_plan_calls(const ReplayPlan *plan, const TraceMessage *message, const char *member)
{
        return message->type == FRAME_TYPE_METHOD_CALL && message->receiver == TRACE_BUS &&
               text_equal(trace_text(plan->trace, message->member), text_from(member));
}

bool replay_plan_has_arguments(const ReplayPlan *plan, const TraceMessage *message)
{
        Text signature = trace_text(plan->trace, message->signature);

        if (message->type != FRAME_TYPE_METHOD_CALL || message->receiver != TRACE_BUS ||
            message->n_args == 0 || message->n_args != signature.size)
                return false;
        for (unsigned i = 0; i < message->n_args; i++) {
                const TraceArg *arg = &message->args[i];
                char type = signature.data[i];

                if (arg->index != i ||
                    (arg->type == TRACE_ARG_STRING ? type != 's' && type != 'o'
                                                   : type != 'u' && type != 'i' && type != 'b') ||
                    (type == 'b' && arg->value > 1) ||
                    (type == 'o' && !syntax_is_object_path(trace_text(plan->trace, arg->value))))
                        return false;
        }
        return true;
}

static bool is_answer(const TraceMessage *message)
{
        return message->type == FRAME_TYPE_METHOD_RETURN || message->type == FRAME_TYPE_ERROR;
}

/* Answers find their calls, and calls their receivers: whoever answered got the call. */
static void relate(ReplayPlan *plan)
{
        const uint32_t n_messages = plan->trace->n_messages;

        for (uint32_t i = 1; i <= n_messages; i++)
                plan->fates[i].receiver = replay_plan_message(plan, i)->receiver;
        for (uint32_t i = 1; i <= n_messages; i++) {
                const TraceMessage *answer = replay_plan_message(plan, i), *call;
                ReplayFate *fate;

                if (!is_answer(answer) || answer->reply_to == 0)
                        continue;
                call = replay_plan_message(plan, answer->reply_to);
                fate = &plan->fates[answer->reply_to];
                if (fate->answer != 0 || call->sender != answer->receiver ||
                    (call->receiver == TRACE_BUS && answer->sender != TRACE_BUS))
                        continue;
                /* A bus drops an answer that nobody wants: a monitor sees it all the same. */
                if (answer->sender != TRACE_BUS && (call->flags & FRAME_FLAG_NO_REPLY_EXPECTED))
                        continue;
                fate->answer = i;
                if (answer->sender != TRACE_BUS)
                        fate->receiver = answer->sender;
        }
}

/* A peer that was inferred from a call to it, which the bus refused. */
static void find_ghosts(ReplayPlan *plan)
{
        const Trace *trace = plan->trace;

        for (uint32_t i = 1; i <= trace->n_peers; i++) {
                plan->peers[i].was_there = trace->peers[i].was_there;
                plan->peers[i].is_ghost = trace->peers[i].was_there;
        }
        for (size_t i = 0; i < trace->n_events; i++) {
                const TraceEvent *event = &trace->events[i];

                if (event->kind == TRACE_RULE)
                        plan->peers[event->rule.peer].is_ghost = false;
                else if (event->kind == TRACE_NAME)
                        plan->peers[event->name.new_owner].is_ghost = false;
                else if (event->kind == TRACE_GONE)
                        plan->peers[event->peer].is_ghost = false;
                else if (event->kind == TRACE_MESSAGE)
                        plan->peers[event->message.sender].is_ghost = false;
        }
        for (uint32_t i = 1; i <= trace->n_messages; i++) {
                const ReplayFate *fate = &plan->fates[i];
                const TraceMessage *message = replay_plan_message(plan, i);
                bool was_refused =
                        fate->answer != 0 &&
                        replay_plan_message(plan, fate->answer)->sender == TRACE_BUS &&
                        replay_plan_message(plan, fate->answer)->type == FRAME_TYPE_ERROR;

                if (fate->receiver != TRACE_NOBODY &&
                    !(message->type == FRAME_TYPE_METHOD_CALL && was_refused))
                        plan->peers[fate->receiver].is_ghost = false;
        }
}

/* Eavesdroppers take no part: what they would get is meant for others. */
static bool changes_eavesdropping(const ReplayPlan *plan, const TraceMessage *message)
{
        Text rule;

        if ((!replay_plan_calls(plan, message, "AddMatch") &&
             !replay_plan_calls(plan, message, "RemoveMatch")) ||
            message->n_args != 1 || message->args[0].type != TRACE_ARG_STRING)
                return false;
        rule = trace_text(plan->trace, message->args[0].value);
        return memmem(rule.data, rule.size, "eavesdrop", strlen("eavesdrop")) != NULL;
}

/*
 * Calls that act on programs or configuration: nothing that a load test should do. What
 * StartServiceByName answers depends on the bus's service files, even for a name that is owned.
 */
static bool has_effect(const ReplayPlan *plan, const TraceMessage *message)
{
        static const char *const members[] = {"BecomeMonitor", "ReloadConfig", "StartServiceByName",
                                              "UpdateActivationEnvironment"};

        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
                if (replay_plan_calls(plan, message, members[i]))
                        return true;
        return changes_eavesdropping(plan, message);
}

/* What is not sent, and is no answer of the bus to what is; REPLAY_N_LEFT_OUT: it is sent. */
static ReplayLeftOut judge(const ReplayPlan *plan, uint32_t number)
{
        const TraceMessage *message = replay_plan_message(plan, number);

        if (message->type < FRAME_TYPE_METHOD_CALL || message->type > FRAME_TYPE_SIGNAL)
                return REPLAY_LEFT_TYPE;
        if (message->sender == TRACE_BUS && message->type == FRAME_TYPE_SIGNAL)
                return REPLAY_LEFT_BUS;
        if (is_answer(message)) {
                if (message->reply_to == 0 || plan->fates[message->reply_to].answer != number)
                        return message->sender == TRACE_BUS ? REPLAY_LEFT_BUS : REPLAY_LEFT_ORPHAN;
                if (plan->fates[message->reply_to].left_out != REPLAY_N_LEFT_OUT)
                        return REPLAY_LEFT_ANSWER;
                return REPLAY_N_LEFT_OUT;
        }
        if (message->sender == TRACE_BUS)
                return REPLAY_LEFT_BUS;
        if (has_effect(plan, message))
                return REPLAY_LEFT_EFFECT;
        if (message->type == FRAME_TYPE_METHOD_CALL && message->receiver == TRACE_BUS &&
            message->body_size > 0 && !message->body && !replay_plan_has_arguments(plan, message))
                return REPLAY_LEFT_ARGUMENTS;
        return REPLAY_N_LEFT_OUT;
}

static void judge_all(ReplayPlan *plan)
{
        for (uint32_t i = 1; i <= plan->trace->n_messages; i++) {
                const TraceMessage *message = replay_plan_message(plan, i);
                ReplayLeftOut reason = judge(plan, i);

                plan->fates[i].left_out = (uint8_t)reason;
                if (reason != REPLAY_N_LEFT_OUT) {
                        plan->n_left_out[reason]++;
                        continue;
                }
                plan->fates[i].is_expected = message->sender == TRACE_BUS;
                plan->n_recorded[summary_kind(message)]++;
        }
}

static void find_replaced(ReplayPlan *plan)
{
        for (size_t i = 0; i < plan->trace->n_events; i++) {
                const TraceEvent *event = &plan->trace->events[i];

                if (event->kind == TRACE_NAME && !event->was_there && event->name.new_owner != 0)
                        plan->peers[event->name.old_owner].may_be_replaced = true;
        }
}

int replay_plan_make(const Trace *trace, ReplayPlan *ret_plan)
{
        ReplayPlan plan = {.trace = trace};
        int r = -ENOMEM;

        plan.fates = alloc_zeroed((size_t)trace->n_messages + 1, sizeof(*plan.fates));
        plan.peers = alloc_zeroed((size_t)trace->n_peers + 1, sizeof(*plan.peers));
        if (plan.fates && plan.peers) {
                relate(&plan);
                find_ghosts(&plan);
                judge_all(&plan);
                find_replaced(&plan);
                r = replay_plan_order(&plan);
        }
        if (r < 0) {
                replay_plan_deinit(&plan);
                return r;
        }
        *ret_plan = plan;
        return 0;
}

void replay_plan_deinit(ReplayPlan *plan)
{
        plan->steps = alloc_free(plan->steps);
        plan->fates = alloc_free(plan->fates);
        plan->peers = alloc_free(plan->peers);
        plan->n_steps = 0;
}
