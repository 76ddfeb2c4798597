/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_DRIVER_DRIVER_RELOAD_H
#define RINGBUS_DRIVER_DRIVER_RELOAD_H

/*
 * ReloadConfig: the one call of the driver that is not answered where it is made. Its caller's
 * input is paused, control has the configuration read by the clerk, puts it in force, and the
 * answer comes back to the caller's worker.
 */

#include "broker/driver/driver.h"

/* A call that waits; or, if caller is NULL, somebody else's wish for a reload. Owner: passes from
 * the caller's worker to control and back. */
struct DriverReload {
        StackNode node;
        Endpoint *caller; /* with a reference */
        uint32_t serial;
        bool failed;
        char *error; /* why; NULL: out of memory */
        /* It announces the reload, and then sends these (linked by node.next) back to their
         * callers' workers: whoever hears both gets the signal first. */
        bool announces;
        DriverReload *others;
};

/* NULL: out of memory. Takes a reference on the caller. */
DriverReload *driver_reload_new(Endpoint *caller, uint32_t serial);

/* Drops its reference, and `others`. `mine` may be NULL: no pool of this thread. Returns NULL. */
DriverReload *driver_reload_free(DriverReload *reload, Pool *mine);

/* The worker that it was posted to: the answer, or the announcement. Frees it. */
void driver_reload_finish(Driver *driver, Shard *shard, DriverReload *reload);

#endif
