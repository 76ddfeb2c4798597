/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_BROKER_LISTENER_H
#define RINGBUS_BENCH_LOAD_BROKER_BROKER_LISTENER_H

/* A listening socket for brokers that make none themselves, and the start of the floor on it. */

#include "bench/load/broker/broker.h"

/*
 * The socket, bound in the broker's directory; fills in the address. -1 after saying why not. It
 * does not listen yet: whoever calls listen() is whom clients see as the broker's process, by
 * SO_PEERCRED, and that must be the broker's.
 */
int broker_listener_open(Broker *broker);

/* In the broker's process. */
void broker_listener_begin(int listen_fd);

/* Fills in pid and address. 0, or -1 after saying why not. */
int broker_listener_start_floor(Broker *broker);

#endif
