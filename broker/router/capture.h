/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_CAPTURE_H
#define RINGBUS_ROUTER_CAPTURE_H

/*
 * What monitors see: every message once, in the order in which it is processed. All of it inside
 * the turn, so that there is one such order, and in front of the message's other receivers.
 *
 * A monitor that is over its limit gets nothing more: a stream with a hole would be a lie. Its home
 * closes it.
 */

#include "broker/router/step.h"

/*
 * Shows a message to the monitors that ask for such. `n_receivers`: how many others it will be
 * pushed to, after this; `overheard`: some of thread->targets will get it as STEP_CAPTURED. Before
 * any other push of the message.
 */
void capture_show(Step *step, Message *message, MatchQuery *query, uint32_t n_receivers,
                  bool overheard);

/* Shows one of the bus's own messages; `to` NULL: it is a broadcast. */
void capture_own(Step *step, Message *message, const Endpoint *to);

/* One of the bus's own messages, already shown, does not go to its receiver: AccessDenied or
 * LimitsExceeded. */
void capture_own_refused(Step *step, const Message *message, Endpoint *to, const char *name);

/* Behind a message that was shown: the errors of those to whom judge_targets() has not let it. */
void capture_denied(Step *step, const MatchQuery *query);

/*
 * The error that would be the answer if there were one: why a message is not delivered to somebody
 * who is not its addressed recipient. Shown directly after the message, `query`, and sent to
 * nobody. `name` without the common prefix.
 */
void capture_error(Step *step, const MatchQuery *query, const char *name, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

#endif
