/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/activation.h"

#include "broker/router/busmessage.h"

typedef struct ActivationWaiting {
        ListNode node; /* in Name.waiting */
        Message *message;
        Owed *owed; /* one reference; NULL: no reply is expected */
        uint64_t sender_id;
} ActivationWaiting;

RepliesResult activation_wait(RouterThread *thread, Endpoint *sender, Name *name, Message *message,
                              const Header *header)
{
        ActivationWaiting *waiting = pool_alloc(&thread->pool, sizeof(*waiting));
        RepliesResult result;

        if (!waiting)
                return REPLIES_NO_MEMORY;
        *waiting = (ActivationWaiting){.message = message, .sender_id = sender->id};
        if (header->frame.type == FRAME_TYPE_METHOD_CALL &&
            !(header->frame.flags & FRAME_FLAG_NO_REPLY_EXPECTED)) {
                result = replies_expect(thread, sender, ENDPOINT_NO_ID, header->frame.serial,
                                        &waiting->owed);
                if (result != REPLIES_OK) {
                        pool_free(&thread->pool, waiting, sizeof(*waiting));
                        return result;
                }
        }
        list_push_back(&name->waiting, &waiting->node);
        return REPLIES_OK;
}

/* Outside all locks: the last reference may close fds. */
static void activation_free(RouterThread *thread, ActivationWaiting *waiting)
{
        message_unref(&thread->pool, waiting->message, 1);
        pool_free(&thread->pool, waiting, sizeof(*waiting));
}

static bool activation_sender_left(const Router *router, const ActivationWaiting *waiting)
{
        TABLE_FOREACH_MATCH(&router->names.unique, names_hash_id(waiting->sender_id), cursor)
        {
                if (CONTAINER_OF(cursor.node, Endpoint, unique_node)->id == waiting->sender_id)
                        return false;
        }
        return true;
}

/* Why the new owner cannot have the message; NULL: it can. */
static const char *activation_refusal(const RouterThread *thread, const ActivationWaiting *waiting,
                                      const Endpoint *owner)
{
        if (waiting->message->n_fds > 0 && !owner->passes_fds)
                return "NotSupported";
        if (step_is_full(owner, &thread->root->limits))
                return "LimitsExceeded";
        return NULL;
}

/* Settles the record of a message that is not delivered; the caller hears why, if it is still
 * there. */
static void activation_refuse(Step *step, ActivationWaiting *waiting, const char *why)
{
        Owed *owed = waiting->owed;

        if (!owed)
                return;
        if (replies_settle(owed) && why)
                step_push_own(step, owed->caller,
                              busmessage_error(step->thread, owed->caller, owed->serial, why,
                                               TEXT("The service that was started for this message "
                                                    "cannot take it")),
                              STEP_PLAIN);
        replies_unref(&step->thread->pool, owed);
}

void activation_deliver(Step *step, Name *name, Endpoint *owner)
{
        RouterThread *thread = step->thread;

        LIST_FOREACH(&name->waiting, node)
        {
                ActivationWaiting *waiting = CONTAINER_OF(node, ActivationWaiting, node);
                const char *why = activation_refusal(thread, waiting, owner);

                if (activation_sender_left(thread->router, waiting))
                        activation_refuse(step, waiting, NULL);
                else if (why || (waiting->owed && !replies_assign(thread, waiting->owed, owner)))
                        /* The new owner is this step's caller: it cannot have left. */
                        activation_refuse(step, waiting, why);
                else
                        step_push(step, owner, waiting->message, STEP_PLAIN);
                list_remove(&waiting->node);
                list_push_back(&thread->delivered, &waiting->node);
        }
}

void activation_discard(RouterThread *thread)
{
        ListNode *node;

        while ((node = list_take_first(&thread->delivered)))
                activation_free(thread, CONTAINER_OF(node, ActivationWaiting, node));
}

void activation_fail(RouterThread *thread, Name *name, const char *error_name,
                     Text text) LOCK_UNCHECKED
{
        Step step;

        LIST_FOREACH(&name->waiting, node)
        {
                ActivationWaiting *waiting = CONTAINER_OF(node, ActivationWaiting, node);
                Owed *owed = waiting->owed;

                if (owed && replies_settle(owed)) {
                        step_begin(&step, thread);
                        step_push_own(&step, owed->caller,
                                      busmessage_error(thread, owed->caller, owed->serial,
                                                       error_name, text),
                                      STEP_PLAIN);
                        step_end(&step);
                }
                if (owed)
                        replies_unref(&thread->pool, owed);
                list_remove(&waiting->node);
                list_push_back(&thread->delivered, &waiting->node);
        }
}
