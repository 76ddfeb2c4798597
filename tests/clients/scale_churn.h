/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_CLIENTS_SCALE_CHURN_H
#define RINGBUS_TESTS_CLIENTS_SCALE_CHURN_H

/*
 * Clients that come and go, at a steady rate, while others talk. They take turns in how they
 * leave: after the reply to Hello, after having acquired a name, or without reading anything.
 */

#include <stdint.h>

#include "tests/clients/scale_source.h"

typedef struct ScaleChurn {
        const char *address; // borrowed
        int epoll_fd;
        int64_t interval_us; /* between two arrivals, 0 for none */
        int64_t next_us;     /* when the next one is due */
        uint32_t n_started;
        uint32_t n_left; /* of those that wait for something, how many got it and left */
        uint32_t n_open; /* how many still wait */
} ScaleChurn;

void scale_churn_init(ScaleChurn *churn, const char *address, int epoll_fd, unsigned per_second);

/* Starts the clients that are due at `now_us`. 0, or -1 after saying on stderr what was wrong. */
int scale_churn_tick(ScaleChurn *churn, int64_t now_us);

#endif
