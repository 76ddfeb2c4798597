/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent back to its sender, or goes to the bus itself, and what monitors see of that. */
#include "broker/base/stage.h"
#include "broker/base/trace.h"
#include "broker/router/busmessage.h"
#include "broker/router/capture.h"
#include "broker/router/judge.h"
#include "broker/router/send.h"

void send_own(RouterThread *thread, Endpoint *to, Message *message)
{
        const Counter *n_capturing = &thread->router->n_capturing;
        MailboxPush push = MAILBOX_REFUSED;
        uint32_t epoch;
        Step step;

        do { /* again: somebody began to watch, or it lost a name */
                epoch = mailbox_epoch(&to->mailbox);
                if (UNLIKELY(counter_read(n_capturing) > 0)) {
                        step_begin(&step, thread);
                        step_push_own(&step, to, message, STEP_PLAIN);
                        step_end(&step);
                        return;
                }
                if (!judge_from_bus(thread, to, message))
                        break;
                if (step_is_full(to, &thread->root->limits)) {
                        tally_add(&thread->n_dropped, 1);
                        break;
                }
                push = step_deliver(thread, to, message, &epoch, STEP_PLAIN);
        } while (push == MAILBOX_EPOCH_PASSED);
        if (!step_is_pushed(push))
                message_unref(&thread->pool, message, 1);
}

/* For monitors, of a message that no receiver gets; NULL: nobody watches. Outside all locks. */
static Message *send_copy(RouterThread *thread, const Endpoint *sender, Incoming *incoming)
{
        if (LIKELY(counter_read(&thread->router->n_capturing) == 0))
                return NULL;
        if (incoming->header.n_unix_fds > 0 && !incoming->fds)
                return NULL; /* monitors have them */
        TRACE_WINDOW(TRACE_EXEMPT);
        return message_new_relay(&thread->pool, incoming, busmessage_sender(sender),
                                 router_places(thread->router), true);
}

/* Inside the turn: who the message is addressed to, if anybody. */
static const Endpoint *send_recipient(const Names *names, Text destination)
{
        const Name *name;
        bool marked;

        if (!text_present(destination))
                return NULL;
        if (destination.data[0] == ':')
                return names_find_unique(names, destination);
        name = names_find(names, destination);
        return name ? names_load(name, &marked) : NULL;
}

static void send_show_copy(Step *step, const Endpoint *sender, const Incoming *incoming,
                           Message *copy)
{
        MatchQuery query;

        matches_query(&query, &incoming->header, incoming_body(incoming), sender,
                      send_recipient(&step->thread->router->names, incoming->header.destination));
        capture_show(step, copy, &query, 0, false);
}

void send_show(Step *step, Endpoint *sender, Incoming *incoming)
{
        Message *copy = send_copy(step->thread, sender, incoming);

        if (!copy)
                return;
        send_show_copy(step, sender, incoming, copy);
        message_unref(&step->thread->pool, copy, 1);
}

/* The copy, if there is one, and directly behind it the error. The registry lock may be held. */
static void send_push_refusal(RouterThread *thread, Endpoint *sender, const Incoming *incoming,
                              Message *copy, Message *error)
{
        Step step;

        if (!copy) {
                if (error)
                        send_own(thread, sender, error);
                return;
        }
        step_begin(&step, thread);
        send_show_copy(&step, sender, incoming, copy);
        if (STAGE_MUTANT(REFUSAL_APART))
                step_end(&step);
        STAGE_STOP(SEND_CAPTURED, sender->id);
        if (STAGE_MUTANT(REFUSAL_APART))
                step_begin(&step, thread);
        step_push_own(&step, sender, error, STEP_PLAIN);
        step_end(&step);
}

void send_refuse(RouterThread *thread, Endpoint *sender, Incoming *incoming, Message *error)
{
        Message *copy = send_copy(thread, sender, incoming);

        send_push_refusal(thread, sender, incoming, copy, error);
        if (copy)
                message_unref(&thread->pool, copy, 1);
}

bool send_refuse_without_owner(RouterThread *thread, Endpoint *sender, Incoming *incoming,
                               Message *(*refuse)(RouterThread *thread, Endpoint *sender,
                                                  const Incoming *incoming)) LOCK_UNCHECKED
{
        Names *names = &thread->router->names;
        /* Before the lock. Who begins to watch in between sees the error alone: the message came
         * before. */
        Message *copy = send_copy(thread, sender, incoming);
        bool nobody;

        TRACE_WINDOW(TRACE_EXEMPT);
        STAGE_STOP(SEND_NOBODY, sender->id);
        lock_acquire(&names->lock);
        nobody = !names_get_owner(names, incoming->header.destination);
        if (nobody)
                send_push_refusal(thread, sender, incoming, copy, refuse(thread, sender, incoming));
        lock_release(&names->lock);
        if (copy && !nobody)
                message_give_back_fds(copy, incoming);
        if (copy)
                message_unref(&thread->pool, copy, 1);
        return nobody;
}

Message *send_capture(RouterThread *thread, Endpoint *sender, Incoming *incoming)
{
        Message *message = send_copy(thread, sender, incoming);
        Step step;

        if (!message)
                return NULL;
        step_begin(&step, thread);
        send_show_copy(&step, sender, incoming, message);
        step_end(&step);
        return message;
}

/* If monitors have it, it is committed already, and one eavesdropper may get it before it is pushed
 * to another. */
static void send_push_overheard(RouterThread *thread, Endpoint *sender, const Incoming *incoming,
                                Message *message)
{
        MatchQuery query;
        Step step;

        matches_query(&query, &incoming->header, incoming_body(incoming), sender, NULL);
        step_begin(&step, thread);
        matches_begin(thread);
        matches_find_eavesdroppers(&thread->router->matches, &query, thread);
        judge_targets(thread, sender, &incoming->header, JUDGE_LOCKED);
        capture_denied(&step, &query);
        if (thread->n_targets > 0 && !message->captured)
                message_begin_capture(message, 0);
        step_push_targets(&step, message, &query, STEP_CAPTURED);
        step_end(&step);
}

void send_end_capture(RouterThread *thread, Endpoint *sender, Incoming *incoming, Message *message,
                      bool overheard)
{
        if (!message && overheard && !sender->monitor)
                message = send_copy(thread, sender, incoming); /* the call has begun it */
        if (!message)
                return;
        if (overheard)
                send_push_overheard(thread, sender, incoming, message);
        message_unref(&thread->pool, message, 1);
}
