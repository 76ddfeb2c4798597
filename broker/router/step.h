/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_STEP_H
#define RINGBUS_ROUTER_STEP_H

/*
 * Pushing. deliver_* puts one message into one mailbox. A Step is a group of pushes that happen as
 * one: inside the turn, with one commit word (rules R1, R2).
 */

#include "broker/router/router.h"

typedef struct Step {
        RouterThread *thread;
        Message *first;     /* its commit word is the step's; one reference */
        bool bumped;        /* the index or an ownership changed */
        uint64_t own_bytes; /* of the bus's own messages in it: no queue holds more of them */
} Step;

typedef enum StepPush {
        STEP_PLAIN,
        STEP_RAISE_EPOCH,
        STEP_CAPTURED, /* to a monitor, or to an eavesdropper that was not meant */
} StepPush;

/* Takes the turn. The registry lock, if needed, was taken before. */
void step_begin(Step *step, RouterThread *thread);

/*
 * Pushes a message into one mailbox; the first of a step lends it the commit word. Closed mailboxes
 * and a lack of memory drop it: nobody is owed a message of a step (a reply that cannot be stored
 * is what the reference drops as well). The caller keeps its reference.
 */
void step_push(Step *step, Endpoint *to, Message *message, StepPush how);

/* The bus's own message to one endpoint: shown to monitors, dropped if the endpoint was over its
 * limit before the step. Nothing if it has become a monitor meanwhile: nobody sends to it any more.
 * Takes the caller's reference; NULL is ignored. */
void step_push_own(Step *step, Endpoint *to, Message *message, StepPush how);

/* The bus's own broadcast, to monitors and to whoever matches except `except` (may be NULL). Takes
 * the reference. */
void step_broadcast_own(Step *step, Message *message, const Endpoint *except);

/* Pushes to all of thread->targets that can and may take it, STEP_PLAIN or STEP_CAPTURED; returns
 * how many did. Monitors are told why it did not go to the others. `query` is the message's. */
unsigned step_push_targets(Step *step, Message *message, const MatchQuery *query, StepPush how);

/* Makes the message wait for the step's commit word. step_push() does it. */
void step_adopt(Step *step, Message *message);

/* The index or an ownership changes in this step: the version is raised at its end, after
 * everything is published, or a look-up half way would look current. */
void step_bump(Step *step);

/* Raises the version if need be, commits, releases the turn and drops the step's reference. */
void step_end(Step *step);

/* Whether its queue is already over max_outgoing_bytes or max_outgoing_unix_fds. */
bool step_is_full(const Endpoint *endpoint, const RouterLimits *limits);

/*
 * One message into one mailbox, with all the accounts, and with one of the caller's references;
 * MAILBOX_REFUSED, MAILBOX_EPOCH_PASSED and MAILBOX_NO_MEMORY leave no trace. `epoch` NULL:
 * whatever the epoch is.
 */
MailboxPush step_deliver(RouterThread *thread, Endpoint *to, Message *message,
                         const uint32_t *epoch, StepPush how);

static inline bool step_is_pushed(MailboxPush push)
{
        return push == MAILBOX_PUSHED || push == MAILBOX_PUSHED_DUTY;
}

/* Parses one of the bus's own messages again, for matching. */
void step_parse_own(const Message *message, Header *ret_header, const uint8_t **ret_body);

#endif
