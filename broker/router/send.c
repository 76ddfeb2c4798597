/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/send.h"

#include "broker/base/stage.h"
#include "broker/base/trace.h"
#include "broker/router/capture.h"
#include "broker/router/judge.h"
#include "broker/router/replies.h"
#include "broker/router/step.h"

/* A destination as found without a lock. */
typedef struct Route {
        Endpoint *to;
        uint32_t epoch; /* of its mailbox; the push must happen in it */
        bool by_name;   /* well-known */
        /* Of a call, while anybody watches: gets on the callee's list inside the turn in which the
         * call is shown, so that monitors see it before a NoReply. */
        Owed *unassigned;
        bool gone; /* the callee's list took no more: it has left */
} Route;

/* Rule R3: the owner, then its epoch, then the entry once more. */
static bool send_find_owner(Names *names, Text destination, Route *route) LOCK_UNCHECKED
{
        const Name *name = names_find(names, destination);
        bool marked;

        TRACE_HOP();
        while (name) {
                Endpoint *owner = names_load(name, &marked);

                if (marked) { /* a change is under way: wait for its end */
                        TRACE_WINDOW(TRACE_EXEMPT);
                        lock_acquire(&names->lock);
                        lock_release(&names->lock);
                        continue;
                }
                if (!owner)
                        return false;
                STAGE_STOP(NAME_LOADED, owner->id);
                route->epoch = mailbox_epoch(&owner->mailbox);
                if ((names_load(name, &marked) == owner && !marked) ||
                    STAGE_MUTANT(NO_EPOCH_RECHECK)) {
                        route->to = owner;
                        return true;
                }
        }
        return false;
}

static bool send_find_route(Router *router, Text destination, Route *route)
{
        route->unassigned = NULL;
        route->gone = false;
        route->by_name = destination.data[0] != ':';
        if (route->by_name)
                return send_find_owner(&router->names, destination, route);
        route->to = names_find_unique(&router->names, destination);
        if (!route->to)
                return false;
        STAGE_STOP(NAME_LOADED, route->to->id);
        route->epoch = mailbox_epoch(&route->to->mailbox);
        return true;
}

static bool send_expects_reply(const Header *header)
{
        return header->frame.type == FRAME_TYPE_METHOD_CALL &&
               !(header->frame.flags & FRAME_FLAG_NO_REPLY_EXPECTED);
}

static bool send_is_reply(const Header *header)
{
        return header->frame.type == FRAME_TYPE_METHOD_RETURN ||
               header->frame.type == FRAME_TYPE_ERROR;
}

static SendResult send_check(const RouterRoot *root, const Route *route, const Header *header)
{
        TRACE_HOP();
        if (header->frame.type > FRAME_TYPE_SIGNAL)
                return SEND_UNKNOWN_TYPE;
        if (header->n_unix_fds > 0 && !route->to->passes_fds)
                return SEND_NO_FDS;
        if (step_is_full(route->to, &root->limits))
                return SEND_FULL;
        return SEND_OK;
}

/* Whether it is the reply that `to` waits for; it does so no longer. One that is too late comes
 * behind the NoReply that the bus gave instead. */
static bool send_consume_reply(RouterThread *thread, Endpoint *sender, Endpoint *to,
                               const Header *header)
{
        if (replies_consume(thread, sender, to, header->reply_serial))
                return true;
        TRACE_WINDOW(TRACE_EXEMPT);
        replies_pass_time_out(thread);
        return false;
}

/*
 * What the policy says, of a type that it knows. A reply uses its record up first, refused or not:
 * *answered is whom it was for, and stays so for a further attempt. A verdict by the names of
 * somebody who has lost the one that was looked up is none: *ret_again.
 */
static SendResult send_judge(RouterThread *thread, Endpoint *sender, const Route *route,
                             const Header *header, uint64_t *answered, bool *ret_again)
{
        Endpoint *to = route->to;
        bool requested = false;
        Verdict verdict;

        if (header->frame.type > FRAME_TYPE_SIGNAL)
                return SEND_OK; /* send_check() refuses it */
        if (header->reply_serial != 0) {
                if (*answered != to->id && send_consume_reply(thread, sender, to, header))
                        *answered = to->id;
                requested = *answered == to->id;
        }
        verdict = judge_unicast(thread, sender, to, header, requested);
        if (!judge_is_refusal(verdict))
                return SEND_OK;
        *ret_again = route->by_name && mailbox_epoch(&to->mailbox) != route->epoch;
        if (!*ret_again)
                judge_refuse(thread, sender, to, header, requested, verdict);
        return SEND_DENIED;
}

/* The record of a call, in the caller's table and on the callee's list, before any push. */
static SendResult send_expect_reply(RouterThread *thread, Endpoint *sender, Route *route,
                                    const Header *header, Owed **ret_owed)
{
        switch (replies_expect(thread, sender, route->to->id, header->frame.serial, ret_owed)) {
        case REPLIES_OK:
                break;
        case REPLIES_DUPLICATE:
                return SEND_DUPLICATE_SERIAL;
        case REPLIES_TOO_MANY:
                return SEND_TOO_MANY_REPLIES;
        case REPLIES_NO_MEMORY:
        case REPLIES_CALLEE_GONE:
                return SEND_NO_MEMORY;
        }
        if (UNLIKELY(counter_read(&thread->router->n_capturing) > 0) &&
            !STAGE_MUTANT(RECORD_BEFORE_SHOW) && !STAGE_MUTANT(RECORD_AFTER_PUSH)) {
                route->unassigned = *ret_owed;
                return SEND_OK;
        }
        if (replies_assign(thread, *ret_owed, route->to))
                return SEND_OK;
        replies_settle(*ret_owed);
        replies_unref(&thread->pool, *ret_owed); /* the callee's reference, which it refused */
        return SEND_CALLEE_GONE;
}

/* Takes a record back, if there is one. False: the callee has left and answered the call. */
static bool send_withdraw(RouterThread *thread, Route *route, Owed *owed)
{
        const bool withdrawn = !owed || replies_settle(owed);

        if (route->unassigned)
                replies_unref(&thread->pool, owed); /* the callee never got its reference */
        route->unassigned = NULL;
        return withdrawn;
}

/*
 * While anybody watches, all pushes of a message happen inside the turn: to monitors, to the
 * recipient, to eavesdroppers. Epochs are raised inside the turn only: one that has not passed at
 * the beginning does not pass later.
 */
static MailboxPush send_push_captured(RouterThread *thread, Endpoint *sender, Route *route,
                                      Message *message, const Incoming *incoming)
{
        const Matches *matches = &thread->router->matches;
        MatchQuery query;
        MailboxPush push;
        Step step;

        TRACE_WINDOW(TRACE_EXEMPT);
        step_begin(&step, thread);
        if ((route->to->monitor && !STAGE_MUTANT(REACH_MONITOR)) ||
            mailbox_epoch(&route->to->mailbox) != route->epoch) {
                step_end(&step);
                return MAILBOX_EPOCH_PASSED;
        }
        route->gone = route->unassigned && !replies_assign(thread, route->unassigned, route->to);
        if (route->gone) {
                step_end(&step);
                return MAILBOX_REFUSED;
        }
        route->unassigned = NULL;
        matches_query(&query, &incoming->header, incoming_body(incoming), sender, route->to);
        matches_begin(thread);
        matches_exclude(thread, route->to);
        matches_find_eavesdroppers(matches, &query, thread);
        judge_targets(thread, sender, &incoming->header, JUDGE_LOCKED);
        capture_show(&step, message, &query, 1, thread->n_targets > 0);
        capture_denied(&step, &query);
        STAGE_STOP(SEND_CAPTURED, sender->id);
        /* Others get it behind the recipient, who may have sent and forgotten it by then. */
        step_adopt(&step, message);
        message_ref(message, 1);
        push = step_deliver(thread, route->to, message, NULL, STEP_PLAIN);
        STAGE_STOP(SEND_DELIVERED, sender->id);
        step_push_targets(&step, message, &query, STEP_CAPTURED);
        if (message->captured && !step_is_pushed(push))
                message_drop_receivers(message, 1);
        step_end(&step);
        message_unref(&thread->pool, message, 1);
        return push;
}

static MailboxPush send_push(RouterThread *thread, Endpoint *sender, Route *route, Message *message,
                             const Incoming *incoming)
{
        TRACE_HOP();
        if (UNLIKELY(route->unassigned || counter_read(&thread->router->n_capturing) > 0))
                return send_push_captured(thread, sender, route, message, incoming);
        STAGE_STOP(SEND_UNCAPTURED, sender->id);
        thread->n_step_duties = 0;
        /* The epoch is older than the look at n_capturing: who begins to eavesdrop raises all. */
        return step_deliver(thread, route->to, message, &route->epoch, STEP_PLAIN);
}

/* A message that is queued behind much else, or on a worker short of buffers, must not pin one. */
static bool send_must_own(const RouterThread *thread, const Endpoint *to, const Incoming *incoming)
{
        enum { QUEUE_PINS_MAX = 64 * 1024 };

        return incoming->buffer && (thread->short_of_buffers || switch_is_on(&to->stalled) ||
                                    endpoint_queued_bytes(to) > QUEUE_PINS_MAX ||
                                    counter_read(&thread->router->n_capturing) > 0);
}

/* One attempt. *message is made once and kept until it is pushed, *answered is send_judge()'s;
 * *ret_again: the owner changed between look-up and push, and nobody has answered the call
 * meanwhile. */
static SendResult send_attempt(RouterThread *thread, Endpoint *sender, Incoming *incoming,
                               Message **message, uint64_t *answered, bool *ret_again)
{
        const Header *header = &incoming->header;
        SendResult result;
        MailboxPush push;
        Owed *owed = NULL;
        Route route;

        *ret_again = false;
        if (!send_find_route(thread->router, header->destination, &route))
                return SEND_NO_OWNER;
        STAGE_STOP(SEND_FOUND, sender->id);
        if (judge_is_needed(thread)) {
                result = send_judge(thread, sender, &route, header, answered, ret_again);
                if (result != SEND_OK)
                        return result;
        }
        /* At a second attempt a reply's record is used up: it is not refused any more. */
        if (!*message || !send_is_reply(header)) {
                result = send_check(thread->root, &route, header);
                if (result != SEND_OK)
                        return result;
        }
        if (send_expects_reply(header) && !STAGE_MUTANT(RECORD_AFTER_PUSH)) {
                result = send_expect_reply(thread, sender, &route, header, &owed);
                if (result != SEND_OK)
                        return result;
        }
        if (!*message)
                *message = message_new_relay(&thread->pool, incoming, endpoint_name(sender),
                                             router_places(thread->router),
                                             send_must_own(thread, route.to, incoming));
        if (!*message) /* unless the callee has left meanwhile and answered */
                return send_withdraw(thread, &route, owed) ? SEND_NO_MEMORY : SEND_OK;
        if (send_is_reply(header) && !judge_is_needed(thread))
                send_consume_reply(thread, sender, route.to, header);
        /* MAILBOX_REFUSED: it is leaving, and answers what is on its list. After a change of owner
         * the record is taken back; if that fails the old owner has left and answered. */
        STAGE_STOP(SEND_RECORDED, sender->id);
        push = send_push(thread, sender, &route, *message, incoming);
        STAGE_STOP(SEND_PUSHED, sender->id);
        if (step_is_pushed(push))
                *message = NULL; /* its reference is the receiver's */
        if (STAGE_MUTANT(RECORD_AFTER_PUSH) && send_expects_reply(header))
                return send_expect_reply(thread, sender, &route, header, &owed);
        if (push == MAILBOX_EPOCH_PASSED)
                *ret_again = send_withdraw(thread, &route, owed);
        if (push == MAILBOX_NO_MEMORY && send_withdraw(thread, &route, owed))
                return SEND_NO_MEMORY;
        if (route.gone) {
                send_withdraw(thread, &route, owed);
                return SEND_CALLEE_GONE;
        }
        return SEND_OK;
}

SendResult send_unicast(RouterThread *thread, Endpoint *sender, Incoming *incoming)
{
        Message *message = NULL;
        uint64_t answered = ENDPOINT_NO_ID;
        SendResult result;
        bool again;

        TRACE_HOP();
        do
                result = send_attempt(thread, sender, incoming, &message, &answered, &again);
        while (again);
        if (message && result != SEND_OK && !message->captured) /* else monitors have them */
                message_give_back_fds(message, incoming);
        if (message)
                message_unref(&thread->pool, message, 1);
        return result;
}

SendResult send_broadcast(RouterThread *thread, Endpoint *sender, Incoming *incoming)
{
        Router *router = thread->router;
        uint64_t version = turn_version(&router->turn);
        MatchQuery query;
        Message *message;
        Step step;

        matches_query(&query, &incoming->header, incoming_body(incoming), sender, NULL);
        matches_find(&router->matches, &query, thread);
        judge_targets(thread, sender, &incoming->header, JUDGE_NO_LOCK);
        /* Nobody: only if nothing changed during the look-up. Otherwise somebody who replaces one
         * rule by another that overlaps it could be missed between the two. */
        if (thread->n_targets == 0 && turn_version(&router->turn) == version &&
            counter_read(&router->n_capturing) == 0)
                return SEND_OK;
        message = message_new_relay(&thread->pool, incoming, endpoint_name(sender),
                                    thread->n_targets + router_places(router), true);
        if (!message)
                return SEND_NO_MEMORY;
        STAGE_STOP(BROADCAST_FOUND, sender->id);
        step_begin(&step, thread);
        if (turn_version(&router->turn) != version && !STAGE_MUTANT(NO_SECOND_LOOKUP)) {
                matches_find(&router->matches, &query, thread);
                judge_targets(thread, sender, &incoming->header, JUDGE_LOCKED);
        }
        capture_show(&step, message, &query, thread->n_targets, false);
        capture_denied(&step, &query);
        step_push_targets(&step, message, &query, STEP_PLAIN);
        step_end(&step);
        message_unref(&thread->pool, message, 1);
        return SEND_OK;
}
