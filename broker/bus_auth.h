/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_BUS_AUTH_H
#define RINGBUS_BROKER_BUS_AUTH_H

/*
 * What the gate needs of other threads: the clerk answers the questions of DBUS_COOKIE_SHA1 and
 * reads /proc for the log; control sees to it that the keyring always has a fresh cookie.
 *
 * Owner: the main thread, but for `cookies`, which is the clerk's.
 */

#include "auth/cookies.h"
#include "broker/clerk.h"
#include "broker/gate/gate.h"
#include "broker/listen.h"
#include "broker/sync/switch.h"

typedef struct Bus Bus;

typedef struct BusAuth {
        Cookies cookies;
        ClerkJob rotate;
        Switch rotated;   /* the clerk has run `rotate`; next_s is control's again */
        unsigned next_s;  /* until it is to be run again */
        Switch wanted;    /* DBUS_COOKIE_SHA1 is named by <auth>, or a client has asked for it:
                             until then the keyring is left alone */
        bool rotating;    /* the clerk has it */
        uint64_t next_ns; /* CLOCK_MONOTONIC */
} BusAuth;

/* What the gate has to know of a listener. */
void bus_auth_describe(const Listener *listener, GateListener *ret_listener);

/* Before the gate exists: what it is to ask whom. Logs if the bus is open to everybody. */
void bus_auth_init(Bus *bus, GateOptions *options);

/* The clerk is gone. */
void bus_auth_deinit(Bus *bus);

/* Control, between wake_prepare() and sleeping: how long it may sleep; UINT64_MAX: for ever. */
uint64_t bus_auth_timeout(Bus *bus);

/* Control, whenever it has been woken, and once at the start. */
void bus_auth_continue(Bus *bus);

#endif
