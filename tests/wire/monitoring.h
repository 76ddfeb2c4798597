/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_WIRE_MONITORING_H
#define RINGBUS_TESTS_WIRE_MONITORING_H

/* Clients that become monitors, and what they see. Part of the scene of a test. */

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

/* Calls BecomeMonitor at `path` with `n` rules; the serial. */
uint32_t monitoring_call(RawClient *client, const char *path, const char *const *rules, size_t n,
                         uint32_t flags, uint8_t header_flags);

/* Becomes a monitor with one rule (NULL: none at all), and passes the reply and NameLost. */
void monitoring_begin(RawClient *client, const char *rule);

/* A client that has done so. */
RawClient *monitoring_join(Scene *scene, const char *rule);

/*
 * The next message that the monitor sees: who sent it (NULL: the bus) to whom (NULL: nobody), and
 * "call M", "signal M", "return" or "error N" (without the common prefix). Borrowed until the next
 * one.
 */
#define monitoring_expect(monitor, from, to, what)                                                 \
        monitoring_expect_at(monitor, from, to, what, EXPECT_HERE)
RawMessage *monitoring_expect_at(RawClient *monitor, const char *from, const char *to,
                                 const char *what, const char *at);

/* The monitor sees nothing else: a call of `other`, who is to have nothing to receive, and its
 * reply come next. */
#define monitoring_expect_nothing(monitor, other)                                                  \
        monitoring_expect_nothing_at(monitor, other, EXPECT_HERE)
void monitoring_expect_nothing_at(RawClient *monitor, RawClient *other, const char *at);

#endif
