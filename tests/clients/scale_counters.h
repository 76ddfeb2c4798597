/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_CLIENTS_SCALE_COUNTERS_H
#define RINGBUS_TESTS_CLIENTS_SCALE_COUNTERS_H

#include <stdbool.h>

#include "tests/support/bus.h"

/*
 * Asks ringbus for its workers' counters (SIGUSR1 logs them) and prints them; nothing with another
 * daemon. With `balanced` each worker's share of the messages routed, and of the flushes done, must
 * lie within 20 % of an even share, and all of them together must have made at most one flush (a
 * sendmsg) for two messages delivered: the load must be a pipelined one. 0; SCALE_UNBALANCED after
 * saying why, which a machine that has no time for one of the workers may bring about; or -1.
 */
enum { SCALE_UNBALANCED = 1 };

int scale_counters_check(const Bus *bus, bool balanced);

#endif
