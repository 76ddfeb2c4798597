/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_BUS_RELOAD_H
#define RINGBUS_BROKER_BUS_RELOAD_H

/*
 * Reloading the configuration, for SIGHUP and ReloadConfig: the clerk reads the files, control
 * publishes a new root and waits until nobody judges by the old one, and then it is announced and
 * the calls are answered. A configuration with an error changes nothing.
 *
 * Owner: the main thread, but for what the functions say.
 */

#include "broker/clerk.h"
#include "broker/config.h"
#include "broker/driver/driver_reload.h"

typedef struct Bus Bus;

typedef struct BusReload {
        ClerkJob job;
        Clerk *clerk;
        Stack calls;           /* DriverReload: from any worker */
        Switch wanted;         /* somebody wants a reload that has not begun */
        Switch loaded;         /* the clerk is done with the one that has */
        bool running;          /* control; as the following, the clerk's while it is at work */
        DriverReload *waiting; /* the calls that the running one is for, oldest first */
        Config *config;        /* what was read, or NULL: */
        ConfigError error;     /* why not: the first of its errors */
        Config *in_force;      /* of the last reload; NULL: still the one from the start */
} BusReload;

int bus_reload_init(Bus *bus); /* 0 or -errno; starts the clerk */

/* Workers are gone. False: the clerk hangs; the bus is not to be freed. */
bool bus_reload_deinit(Bus *bus);

/* Workers have been joined: what still waits for an answer is dropped. */
void bus_reload_drop_calls(Bus *bus);

/* Control: SIGHUP came. */
void bus_reload_want(Bus *bus);

/* Any worker: DriverHooks.post_reload. */
void bus_reload_post(void *context, DriverReload *reload);

/* Control, between wake_prepare() and sleeping: whether bus_reload_continue() has something to
 * do. */
bool bus_reload_is_due(Bus *bus);

/* Control, whenever it has been woken: begins and ends reloads. */
void bus_reload_continue(Bus *bus);

#endif
