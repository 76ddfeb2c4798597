/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_OWNERSHIP_PRIVATE_H
#define RINGBUS_ROUTER_OWNERSHIP_PRIVATE_H

/* What the files of ownership share. All of it under the registry lock. */

#include "broker/router/ownership.h"

/* Names that somebody may get between a look at the registry and the change that it prepares. */
enum { OWNERSHIP_SLACK = 16 };

/* Takes `mine` out of its queue inside a step; announces if it was the primary owner. The name is
 * left marked for names_publish(). Returns whether it was. */
bool ownership_give_up(Step *step, Name *name, NameOwner *mine, Endpoint **ret_next);

/* Who comes after me in the queue, if I am first. */
Endpoint *ownership_next(const Name *name, const Endpoint *me);

#endif
