/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_MIXED_SERVICE_H
#define RINGBUS_BENCH_LOAD_SCENARIO_MIXED_SERVICE_H

/*
 * A service of the scenario `mixed`: has a well-known name, answers calls and questions about its
 * properties. Owner: the part's thread.
 */

#include "bench/load/scenario/mixed_profile.h"

typedef struct MixedService {
        RunClient client;
        char name[MIXED_NAME_MAX];
        Template replies[MIXED_ACTIONS]; /* readdressed to each caller */
} MixedService;

/* Connects it, as "service" `index` (zeroed memory but for its name). The stage waits for it. */
void mixed_service_start(MixedService *service, RunPart *part, unsigned index);
void mixed_service_deinit(MixedService *service); /* once the run is over; idempotent */

#endif
