/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_BROKER_DAEMON_H
#define RINGBUS_BENCH_LOAD_BROKER_BROKER_DAEMON_H

/* Starts what has dbus-daemon's command line and configuration: dbus-daemon and ringbus. */

#include "bench/load/broker/broker.h"

/* Fills in pid and address. 0, or -1 after saying on stderr why not. */
int broker_daemon_start(Broker *broker, const BrokerOptions *options);

#endif
