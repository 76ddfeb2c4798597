/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/step.h"

#include "broker/base/stage.h"
#include "broker/base/trace.h"
#include "broker/router/capture.h"
#include "broker/router/judge.h"

/* `own_bytes` of its queue do not count. */
static bool step_exceeds(const Endpoint *endpoint, const RouterLimits *limits, uint64_t own_bytes)
{
        return endpoint_queued_bytes(endpoint) > limits->max_outgoing_bytes + own_bytes ||
               counter_read(&endpoint->queued_fds) > limits->max_outgoing_unix_fds;
}

bool step_is_full(const Endpoint *endpoint, const RouterLimits *limits)
{
        return step_exceeds(endpoint, limits, 0);
}

/* What the step itself has brought does not count, or the signals of a change of owner would cost
 * whoever asked for it the reply. */
static bool step_was_full(const Step *step, const Endpoint *to)
{
        return step_exceeds(to, &step->thread->root->limits, step->own_bytes);
}

MailboxPush step_deliver(RouterThread *thread, Endpoint *to, Message *message,
                         const uint32_t *epoch, StepPush how)
{
        const uint64_t charge = message_charge(message);
        Delivery *delivery;
        MailboxPush push;

        TRACE_HOP();
        if (STAGE_SENDS_DIRECTLY(to, message))
                return MAILBOX_PUSHED;
        delivery = message_add_delivery(&thread->pool, message);
        if (!delivery) {
                if (how == STEP_RAISE_EPOCH)
                        mailbox_raise_epoch(&to->mailbox);
                return MAILBOX_NO_MEMORY;
        }
        delivery->captured = how == STEP_CAPTURED;
        endpoint_enqueue(to, charge, message->n_fds);
        if (epoch && !STAGE_MUTANT(NO_EPOCH))
                push = mailbox_push_in_epoch(&to->mailbox, &delivery->node, *epoch);
        else if (how == STEP_RAISE_EPOCH)
                push = mailbox_push_raising_epoch(&to->mailbox, &delivery->node);
        else
                push = mailbox_push(&to->mailbox, &delivery->node);
        switch (push) {
        case MAILBOX_PUSHED_DUTY:
                /* The home drops its own reference only after a grace period, so the endpoint is
                 * still there to take one. */
                endpoint_ref(to);
                routerthread_place_duty(thread, to);
                break;
        case MAILBOX_PUSHED:
                break;
        case MAILBOX_REFUSED:
        case MAILBOX_EPOCH_PASSED:
        case MAILBOX_NO_MEMORY:
                endpoint_dequeue(to, charge, message->n_fds);
                message_undo_delivery(message, delivery);
                return push;
        }
        tally_add(&thread->n_deliveries, 1);
        return push;
}

void step_begin(Step *step, RouterThread *thread) LOCK_UNCHECKED
{
        step->thread = thread;
        step->first = NULL;
        step->bumped = false;
        step->own_bytes = 0;
        thread->n_step_duties = 0;
        if (!STAGE_MUTANT(NO_TURN))
                turn_take(&thread->router->turn);
}

void step_adopt(Step *step, Message *message)
{
        if (message->step)
                return;
        if (!step->first) {
                step->first = message;
                refcount_add(&message->references, 1);
        }
        message_join_step(message, step->first);
}

void step_push(Step *step, Endpoint *to, Message *message, StepPush how)
{
        step_adopt(step, message);
        message_ref(message, 1);
        if (!step_is_pushed(step_deliver(step->thread, to, message, NULL, how)))
                message_give_back_refs(message, 1);
}

void step_parse_own(const Message *message, Header *ret_header, const uint8_t **ret_body)
{
        Frame frame;
        FrameResult cut = frame_cut(message->bytes, message->bytes_size, FRAME_SIZE_MAX, &frame);
        HeaderResult parsed = cut == FRAME_OK ? header_parse(message->bytes, &frame, ret_header)
                                              : HEADER_BAD_STRUCTURE;

        ASSERT(parsed == HEADER_OK); /* we wrote it */
        *ret_body = message->bytes + frame.header_size;
}

/* Whether a message goes to one that it is not addressed to; monitors see why not. */
static bool step_may_push(Step *step, const Endpoint *to, const Message *message,
                          const MatchQuery *query)
{
        if (message->n_fds > 0 && !to->passes_fds) {
                capture_error(step, query, "NotSupported",
                              "broadcast cannot be delivered to %s because it does not support "
                              "receiving Unix fds",
                              to->unique_name);
                return false;
        }
        if (step_was_full(step, to)) {
                tally_add(&step->thread->n_dropped, 1);
                capture_error(step, query, "LimitsExceeded",
                              "Rejected: destination has a full message queue; destination=\"%s\"",
                              to->unique_name);
                return false;
        }
        return true;
}

unsigned step_push_targets(Step *step, Message *message, const MatchQuery *query, StepPush how)
{
        RouterThread *thread = step->thread;
        unsigned n = 0, n_not;

        if (thread->n_targets == 0)
                return 0;
        /* Each one's own worker flushes, from the first on: those that this one began with would
         * stay with it as long as they are busy, and come to be more with every step. */
        if (thread->n_targets > ROUTER_DUTIES_MAX) {
                thread->n_step_duties = ROUTER_DUTIES_MAX;
                routerthread_sort_targets(thread);
        }
        step_adopt(step, message);
        message_ref(message, thread->n_targets);
        for (unsigned i = 0; i < thread->n_targets; i++) {
                Endpoint *to = thread->targets[i];

                if (!step_may_push(step, to, message, query))
                        continue;
                if (step_is_pushed(step_deliver(thread, to, message, NULL, how)))
                        n++;
                STAGE_STOP(STEP_PUSHED, to->id);
        }
        n_not = thread->n_targets - n;
        if (n_not > 0) {
                if (message->captured && how != STEP_CAPTURED)
                        message_drop_receivers(message, n_not);
                message_give_back_refs(message, n_not);
        }
        return n;
}

void step_push_own(Step *step, Endpoint *to, Message *message, StepPush how)
{
        RouterThread *thread = step->thread;

        if (!message) {
                if (how == STEP_RAISE_EPOCH)
                        mailbox_raise_epoch(&to->mailbox);
                return;
        }
        if (!to->monitor) {
                capture_own(step, message, to);
                /* An epoch must be raised even if the loser does not get to read the NameLost. */
                if (!judge_from_bus(thread, to, message)) {
                        capture_own_refused(step, message, to, "AccessDenied");
                        if (how == STEP_RAISE_EPOCH)
                                mailbox_raise_epoch(&to->mailbox);
                } else if (how == STEP_RAISE_EPOCH || !step_was_full(step, to)) {
                        step_push(step, to, message, how);
                        step->own_bytes += message_charge(message);
                } else {
                        tally_add(&thread->n_dropped, 1);
                        capture_own_refused(step, message, to, "LimitsExceeded");
                }
        }
        message_unref(&thread->pool, message, 1);
}

void step_broadcast_own(Step *step, Message *message, const Endpoint *except)
{
        RouterThread *thread = step->thread;
        MatchQuery query;
        Header header;
        const uint8_t *body;

        if (!message)
                return;
        capture_own(step, message, NULL);
        step_parse_own(message, &header, &body);
        matches_query(&query, &header, body, NULL, NULL);
        matches_find(&thread->router->matches, &query, thread);
        for (unsigned i = 0; except && i < thread->n_targets; i++)
                if (thread->targets[i] == except)
                        thread->targets[i] = thread->targets[--thread->n_targets];
        judge_targets(thread, NULL, &header, JUDGE_LOCKED);
        capture_denied(step, &query);
        step_push_targets(step, message, &query, STEP_PLAIN);
        step->own_bytes += message_charge(message);
        message_unref(&thread->pool, message, 1);
}

void step_bump(Step *step)
{
        step->bumped = true;
}

void step_end(Step *step) LOCK_UNCHECKED
{
        if (step->bumped)
                turn_bump(&step->thread->router->turn);
        if (step->first)
                commit_set(&step->first->commit);
        if (!STAGE_MUTANT(NO_TURN))
                turn_release(&step->thread->router->turn);
        if (step->first)
                message_unref(&step->thread->pool, step->first, 1);
}
