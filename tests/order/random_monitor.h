/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_MONITOR_H
#define RINGBUS_TESTS_ORDER_RANDOM_MONITOR_H

/*
 * The monitor of a round: a process of its own, which calls BecomeMonitor before anybody joins, and
 * writes down what it sees, until it has seen everything that was before its own last connection.
 */

#include "tests/order/random_process.h"

/* One message that the monitor saw; its log is a sequence of these. */
typedef struct RandomSeen {
        uint32_t peer; /* who sent it, or RANDOM_DRIVER */
        uint32_t serial;
        uint32_t reply_serial; /* 0: none */
        uint32_t to;           /* DESTINATION: N + 1 of ":1.N"; 0: something else */
        uint32_t type;
} RandomSeen;

/* Whether that round has one. */
static inline bool random_monitor_is_in(unsigned round)
{
        return round % 4 == 1 || round % 4 == 2; /* rounds take turns with other options, too */
}

/* The name of its log file in `directory`. */
void random_monitor_path(char *path, size_t size, const char *directory);

/* The process. 0, or -1 after saying why. */
int random_monitor_run(const RandomJob *job);

#endif
