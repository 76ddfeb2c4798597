/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_ECHO_H
#define RINGBUS_BENCH_LOAD_SCENARIO_ECHO_H

/*
 * A client that answers every method call with an "ay" of the run's payload, whose stamp is the
 * call's. Allocates nothing for a call: there is one template for each length of a caller's name.
 *
 * Owner: the part's thread.
 */

#include "bench/load/scenario/run.h"

enum { ECHO_NAME_MAX = 32 };

#define ECHO_PATH "/com/example/Load"
#define ECHO_INTERFACE "com.example.Load"
#define ECHO_MEMBER "Echo"

typedef struct Echo {
        RunClient client;
        Template replies[ECHO_NAME_MAX]; /* by the length of the destination */
} Echo;

/* Connects it, as "service" `index` (zeroed memory). The stage waits for it. */
void echo_start(Echo *echo, RunPart *part, unsigned index);

/* Frees; once the run is over. Idempotent. */
void echo_deinit(Echo *echo);

/* Its unique name, from the next stage on. */
static inline const char *echo_name(const Echo *echo)
{
        return echo->client.connection.unique_name;
}

#endif
