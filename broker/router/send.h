/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_SEND_H
#define RINGBUS_ROUTER_SEND_H

/*
 * Where a message ends: one destination, or everybody whose rules match. Home worker of the sender,
 * inside a read-side section. No lock on the unicast path.
 */

#include "broker/router/step.h"

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
 * After anything else: the message is shown to monitors, directly before the error, which is
 * pushed to the sender. Takes the error's reference; NULL: there is none. Not after SEND_NO_OWNER
 * and SEND_NO_MEMORY.
 */
void send_refuse(RouterThread *thread, Endpoint *sender, Incoming *incoming, Message *error);

/*
 * After SEND_NO_OWNER: under the registry lock, looks again. Still nobody: calls `refuse`, which
 * makes the error (NULL: there is none), and pushes that as send_refuse() does while the lock is
 * held, so that nobody sees a name come up and then a refusal. Otherwise it returns false: try
 * send_unicast() again.
 */
bool send_refuse_without_owner(RouterThread *thread, Endpoint *sender, Incoming *incoming,
                               Message *(*refuse)(RouterThread *thread, Endpoint *sender,
                                                  const Incoming *incoming));

/* A signal without destination: to all whose rules match. SEND_OK or SEND_NO_MEMORY. */
SendResult send_broadcast(RouterThread *thread, Endpoint *sender, Incoming *incoming);

/* One of the bus's own messages to an endpoint: shown to monitors, dropped if the endpoint is over
 * its limit. Takes the reference. Any worker; the registry lock may be held. */
void send_own(RouterThread *thread, Endpoint *to, Message *message);

/* Inside a step: shows a message to monitors. For Hello, which is shown once its sender has a name;
 * small. */
void send_show(Step *step, Endpoint *sender, Incoming *incoming);

/*
 * A message to the bus itself: shown to monitors before the bus acts on it (or closes its sender,
 * before Hello), and offered to eavesdroppers after that if it did (`overheard`). What
 * send_capture() returns is for send_end_capture(): NULL, or the message.
 */
Message *send_capture(RouterThread *thread, Endpoint *sender, Incoming *incoming);
void send_end_capture(RouterThread *thread, Endpoint *sender, Incoming *incoming, Message *message,
                      bool overheard);

#endif
