/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_OWNERSHIP_H
#define RINGBUS_ROUTER_OWNERSHIP_H

/*
 * Name changes as steps: registry, signals, replies and waiting messages together, in the
 * reference's wire order (rule R3). Each runs synchronously on the calling worker, which is the
 * home of `endpoint`.
 */

#include "broker/router/step.h"

/* Builds the reply with a result code; called inside the step. NULL: no reply. */
typedef struct OwnershipReply {
        Message *(*build)(RouterThread *thread, const void *context, uint32_t code);
        void (*show)(Step *step, const void *context); /* Hello: the call, to monitors; or NULL */
        const void *context;
} OwnershipReply;

typedef enum OwnershipResult {
        OWNERSHIP_OK,
        OWNERSHIP_LIMIT,      /* max_names_per_connection or max_completed_connections */
        OWNERSHIP_USER_LIMIT, /* max_connections_per_user */
        OWNERSHIP_NO_MEMORY,
} OwnershipResult;

/* Codes of the specification, as passed to the reply. */
enum {
        OWNERSHIP_PRIMARY = 1,
        OWNERSHIP_IN_QUEUE = 2,
        OWNERSHIP_EXISTS = 3,
        OWNERSHIP_ALREADY = 4,
        OWNERSHIP_RELEASED = 1,
        OWNERSHIP_NON_EXISTENT = 2,
        OWNERSHIP_NOT_OWNER = 3,
};

/* Assigns the unique name: reply, then NameOwnerChanged, then NameAcquired. */
OwnershipResult ownership_hello(RouterThread *thread, Endpoint *endpoint,
                                const OwnershipReply *reply);

/* RequestName with NAMES_* flags. */
OwnershipResult ownership_request(RouterThread *thread, Endpoint *endpoint, Text name,
                                  uint32_t flags, const OwnershipReply *reply);

/* ReleaseName. */
OwnershipResult ownership_release(RouterThread *thread, Endpoint *endpoint, Text name,
                                  const OwnershipReply *reply);

/*
 * The connection becomes a monitor: the reply (NULL: none is wanted; its reference is taken), then
 * its names go, the unique one first and then in order of acquisition, and with them its rules, but
 * for those of rules_add_monitoring(), all in one step; then NoReply to those whose calls it owed
 * an answer. From the end of the step on it sees what its new rules ask for, and nobody reaches it.
 */
void ownership_become_monitor(RouterThread *thread, Endpoint *endpoint, Message *reply);

/*
 * The connection is gone: its rules, then its names in reverse order of acquisition, its unique
 * name last, in one step; then NoReply to those whose calls it owed an answer. Its mailbox is
 * closed, so nothing more can be queued.
 */
void ownership_leave(RouterThread *thread, Endpoint *endpoint);

#endif
