/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are never answered: what the bus says in the callee's place, and when reply_timeout is
 * over. Records lie in the caller's table in the order of their calls, and so, with one timeout for
 * all, in that of their deadlines; only those that waited for a service to start have theirs from
 * when they were delivered.
 */
#include "broker/base/clock.h"
#include "broker/base/stage.h"
#include "broker/router/busmessage.h"
#include "broker/router/replies.h"
#include "broker/router/step.h"

enum { EXPIRE_BATCH = 256 }; /* answers, before others have their turn */

uint64_t replies_deadline(const RouterThread *thread)
{
        const uint64_t timeout_ms = thread->root->limits.reply_timeout_ms;

        if (LIKELY(timeout_ms == 0))
                return REPLIES_NEVER;
        return (thread->now_ns > 0 ? thread->now_ns : clock_now_ns()) +
               timeout_ms * CLOCK_NS_PER_MS;
}

uint64_t replies_first_deadline(const RouterThread *thread, const Endpoint *caller)
{
        ListNode *node = list_first(&caller->owed_calls);
        uint64_t deadline_ns;

        if (!node)
                return REPLIES_NEVER;
        deadline_ns = tally_read(&CONTAINER_OF(node, Owed, caller_node)->deadline_ns);
        return deadline_ns == REPLIES_NEVER ? replies_deadline(thread) : deadline_ns;
}

/* The bus answers in the place of a callee that says nothing. That, and the record, are settled
 * inside the turn: whose reply comes too late finds that, and passes the turn before it is pushed
 * (replies_pass_time_out()), so that it comes behind the NoReply. */
void replies_time_out(RouterThread *thread, Owed *owed)
{
        Endpoint *caller = owed->caller;
        Message *error =
                busmessage_error(thread, caller, owed->serial, "NoReply",
                                 TEXT("Message did not receive a reply (timeout by message bus)"));
        bool won;
        Step step;

        step_begin(&step, thread);
        won = replies_settle(owed);
        STAGE_STOP(REPLY_TIMED_OUT, caller->id);
        if (won && error)
                step_push_own(&step, caller, error, STEP_PLAIN);
        step_end(&step);
        if (!won && error)
                message_unref(&thread->pool, error, 1);
        if (won && !error && caller->fail)
                caller->fail(caller);
}

void replies_pass_time_out(RouterThread *thread)
{
        if (thread->root->limits.reply_timeout_ms > 0 && !STAGE_MUTANT(NO_TIMEOUT_TURN))
                turn_pass(&thread->router->turn);
}

uint64_t replies_expire(RouterThread *thread, Endpoint *caller,
                        void (*time_out)(RouterThread *thread, Owed *owed))
{
        uint64_t next_ns = REPLIES_NEVER;
        unsigned n = 0;

        LIST_FOREACH(&caller->owed_calls, node)
        {
                Owed *owed = CONTAINER_OF(node, Owed, caller_node);
                uint64_t deadline_ns = tally_read(&owed->deadline_ns);

                if (owed_state_is_consumed(&owed->state)) {
                        replies_forget_call(thread, caller, owed);
                        continue;
                }
                if (deadline_ns <= thread->now_ns) {
                        if (n++ == EXPIRE_BATCH)
                                return thread->now_ns + 1;
                        time_out(thread, owed);
                        replies_forget_call(thread, caller, owed);
                        continue;
                }
                if (deadline_ns == REPLIES_NEVER) /* not delivered yet: it is looked at again */
                        deadline_ns = replies_deadline(thread);
                if (deadline_ns < next_ns)
                        next_ns = deadline_ns;
                if (owed->callee_id != ENDPOINT_NO_ID)
                        break;
        }
        return next_ns;
}

void replies_answer(RouterThread *thread, Endpoint *caller, uint32_t serial, Text text)
{
        Message *error = busmessage_error(thread, caller, serial, "NoReply", text);
        Step step;

        if (!error) {
                if (caller->fail)
                        caller->fail(caller);
                return;
        }
        step_begin(&step, thread);
        step_push_own(&step, caller, error, STEP_PLAIN);
        step_end(&step);
}
