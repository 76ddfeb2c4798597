/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_BROKER_LISTENER_H
#define RINGBUS_BENCH_LOAD_BROKER_BROKER_LISTENER_H

/* A listening socket for brokers that make none themselves, and the start of the floor on it. */

#include "bench/load/broker/broker.h"

/* The socket, in the broker's directory; fills in the address. -1 after saying why not. */
int broker_listener_open(Broker *broker);

/* Fills in pid and address. 0, or -1 after saying why not. */
int broker_listener_start_floor(Broker *broker);

#endif
