/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_PROCESS_H
#define RINGBUS_TESTS_ORDER_RANDOM_PROCESS_H

/* One process of a round, with the event loop of its share of the clients. */

#include "tests/order/random_shared.h"

typedef struct RandomJob {
        const RandomOptions *options;
        RandomShared *shared;
        const char *address;   /* of the bus */
        const char *directory; /* for the logs */
        unsigned round;
        unsigned process; /* number i has the clients i, i + n_processes, ... */
} RandomJob;

/* Runs until the phase is EXIT or ABORT. 0, or -1 after saying why. */
int random_process_run(const RandomJob *job);

#endif
