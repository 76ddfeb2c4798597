/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_ACTIVATION_H
#define RINGBUS_ROUTER_ACTIVATION_H

/*
 * Messages that wait for a name to get an owner: one queue per name, under the registry lock, in
 * order of arrival across senders. Whoever starts services decides what waits and what fails.
 */

#include "broker/router/replies.h"
#include "broker/router/step.h"

/*
 * Sender's home worker, registry lock held, the name has no owner: queues the message. A call that
 * expects a reply gets its record now (in the caller's table) and its callee when it is delivered.
 * Takes the message's reference on REPLIES_OK.
 */
RepliesResult activation_wait(RouterThread *thread, Endpoint *sender, Name *name, Message *message,
                              const Header *header) LOCK_REQUIRES(thread->router->names.lock);

/* Inside the step in which `owner` acquires the name: delivers what waits, in order, skipping
 * senders that have left. */
void activation_deliver(Step *step, Name *name, Endpoint *owner);

/* After activation_deliver() and activation_fail(), outside all locks: frees what was queued. */
void activation_discard(RouterThread *thread);

/* Registry lock held: it will not start; the callers get this error. */
void activation_fail(RouterThread *thread, Name *name, const char *error_name, Text text)
        LOCK_REQUIRES(thread->router->names.lock);

#endif
