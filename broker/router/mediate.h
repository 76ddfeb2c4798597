/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_MEDIATE_H
#define RINGBUS_ROUTER_MEDIATE_H

/*
 * The security modules of the root in force, asked about what is being routed: through the thread's
 * cache of their answers, so each of them is asked once about such a message between these two. The
 * bus's own messages are nobody's business.
 *
 * The thread that routes, inside a read-side section, under any lock.
 */

#include "broker/router/router.h"

static inline bool mediate_is_needed(const RouterThread *thread)
{
        return UNLIKELY(thread->root->mediators.n > 0);
}

/*
 * Whether the sender may send this to `to`, NULL: the bus itself. `requested`: it is the reply that
 * `to` waits for. NULL, or the module that says no.
 */
const Mediator *mediate_send(RouterThread *thread, const Endpoint *sender, const Endpoint *to,
                             const Header *header, bool requested);

/* Whether it may own a well-known name, as above. */
const Mediator *mediate_name(RouterThread *thread, const Endpoint *endpoint, Text name);

/* Whether it may see what others say to each other, as above. */
const Mediator *mediate_eavesdropping(RouterThread *thread, const Endpoint *endpoint);

#endif
