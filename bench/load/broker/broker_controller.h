/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_BROKER_CONTROLLER_H
#define RINGBUS_BENCH_LOAD_BROKER_BROKER_CONTROLLER_H

/*
 * Starts dbus-broker the way its launcher does: a socket pair for org.bus1.DBus.Broker, and one
 * listening socket with a policy that allows everything.
 */

#include "bench/load/broker/broker.h"

/* Fills in pid, address and controller. 0, or -1 after saying on stderr why not. */
int broker_controller_start(Broker *broker, const BrokerOptions *options);

/* A broker without its controller ends. Idempotent. */
void broker_controller_let_go(Broker *broker);

#endif
