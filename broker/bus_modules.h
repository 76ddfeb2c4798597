/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_BUS_MODULES_H
#define RINGBUS_BROKER_BUS_MODULES_H

/*
 * The security modules' policies, watched by control: a change has the configuration loaded anew,
 * so that nothing is in force that a module said before.
 *
 * Owner: the main thread.
 */

#include "broker/lsm.h"

typedef struct Bus Bus;

typedef struct BusModules {
        int fds[LSM_WATCHES_MAX]; /* lsm's; their places are the cookies in Bus.ready */
        unsigned n_fds;
} BusModules;

/* Once, after bus->ready was set up. 0 or -errno. */
int bus_modules_init(Bus *bus);
void bus_modules_deinit(Bus *bus);

/* Whether an event with this cookie was one of theirs; it has been handled then. */
bool bus_modules_handle(Bus *bus, const void *cookie);

#endif
