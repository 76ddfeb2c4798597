/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_SEND_H
#define RINGBUS_ROUTER_SEND_H

/*
 * Where a message ends: one destination, or everybody whose rules match. Home worker of the sender,
 * inside a read-side section. No lock on the unicast path.
 */

#include "broker/router/router.h"

typedef enum SendResult {
        SEND_OK,
        SEND_NO_OWNER,         /* send_refuse_without_owner() decides under the registry lock */
        SEND_FULL,             /* the receiver's queue is over its limit: LimitsExceeded */
        SEND_NO_FDS,           /* the receiver cannot take fds: NotSupported */
        SEND_DENIED,           /* policy: AccessDenied */
        SEND_UNKNOWN_TYPE,     /* type 5-255: AccessDenied */
        SEND_DUPLICATE_SERIAL, /* AccessDenied */
        SEND_TOO_MANY_REPLIES, /* LimitsExceeded */
        SEND_CALLEE_GONE,      /* NoReply */
        SEND_NO_MEMORY,
} SendResult;

/* Sends to incoming->header.destination, which is not the bus itself. Anything but SEND_OK leaves
 * no trace; the caller answers with an error. */
SendResult send_unicast(RouterThread *thread, Endpoint *sender, Incoming *incoming);

/*
 * After SEND_NO_OWNER: under the registry lock, looks again. Still nobody: calls `refuse`, which
 * pushes the error while the lock is held, so that nobody sees a name come up and then a refusal.
 * Otherwise it returns false: try send_unicast() again.
 */
bool send_refuse_without_owner(RouterThread *thread, Endpoint *sender, const Incoming *incoming,
                               void (*refuse)(RouterThread *thread, Endpoint *sender,
                                              const Incoming *incoming));

/* A signal without destination: to all whose rules match. SEND_OK or SEND_NO_MEMORY. */
SendResult send_broadcast(RouterThread *thread, Endpoint *sender, Incoming *incoming);

/* A message to the bus itself is shown to eavesdroppers before the bus acts on it. */
void send_capture(RouterThread *thread, Endpoint *sender, Incoming *incoming);

#endif
