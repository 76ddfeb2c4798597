/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_CONTROLLER_H
#define RINGBUS_BENCH_LOAD_BROKER_CONTROLLER_H

/*
 * Starts dbus-broker the way its launcher does: a socket pair for org.bus1.DBus.Broker, and one
 * listening socket with a policy that allows everything.
 */

#include <stdint.h>

#include "bench/load/broker.h"

/* Fills in bus and controller of `broker`. 0, or -1 after saying on stderr why not. */
int broker_controller_start(Broker *broker, const char *daemon, uint64_t queue_max);

/* Ends it by letting go of the controller. 0 if it ended well. */
int broker_controller_stop(Broker *broker);

#endif
