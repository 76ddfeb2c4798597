/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_BUSMESSAGE_H
#define RINGBUS_ROUTER_BUSMESSAGE_H

/*
 * The bus's own messages that routing itself gives rise to: signals of name changes and error
 * replies. Each returns a message with one reference, or NULL when out of memory.
 * Specification: "Message Bus Messages"; flags and sender as the reference sets them.
 */

#include "broker/router/router.h"
#include "proto/writer.h"

#define BUSMESSAGE_BUS_NAME TEXT("org.freedesktop.DBus")
#define BUSMESSAGE_BUS_PATH TEXT("/org/freedesktop/DBus")

/* What stands in SENDER of its messages: its unique name, or before Hello a name that nobody has.
 */
Text busmessage_sender(const Endpoint *endpoint);

/* NameOwnerChanged(name, old, new); broadcast, so without destination. "" stands for none. */
Message *busmessage_owner_changed(RouterThread *thread, Text name, Text old_owner, Text new_owner);

/* NameAcquired or NameLost, to `to`. */
Message *busmessage_name_acquired(RouterThread *thread, const Endpoint *to, Text name);
Message *busmessage_name_lost(RouterThread *thread, const Endpoint *to, Text name);

/* An error reply to `to` for its call `serial`; `error_name` without "org.freedesktop.DBus.Error."
 */
Message *busmessage_error(RouterThread *thread, const Endpoint *to, uint32_t serial,
                          const char *error_name, Text text);

/* The same, to whomever. */
Message *busmessage_error_to(RouterThread *thread, Text to, uint32_t serial, const char *error_name,
                             Text text);

/* Completes a writer's message: begins with `header` (its serial is filled in and NO_REPLY_EXPECTED
 * set), calls `write` for the body, and again with more room if it did not fit. */
Message *busmessage_build(RouterThread *thread, WriterHeader *header,
                          void (*write)(Writer *writer, const void *context), const void *context);

#endif
