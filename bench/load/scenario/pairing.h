/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_PAIRING_H
#define RINGBUS_BENCH_LOAD_SCENARIO_PAIRING_H

/*
 * Callers and the echoing services that they call: caller i calls service i modulo S, with a body
 * of the run's payload.
 *
 * Owner: each element is touched by the part that it belongs to, but for the services' names, which
 * are read once the first stage is over.
 */

#include "bench/load/scenario/caller.h"
#include "bench/load/scenario/echo.h"
#include "broker/base/assert.h"

typedef struct PairingCaller {
        Caller caller;
        Template call;
} PairingCaller;

typedef struct Pairing {
        Echo *services;
        PairingCaller *callers;
        unsigned n_services, n_callers;
} Pairing;

/* Ends the program when out of memory. */
void pairing_init(Pairing *pairing, uint64_t n_callers, uint64_t n_services);
void pairing_deinit(Pairing *pairing); /* once the run is over */

/* Stages 0 and 1 of RunActs.prepare; `first` is the number of the first service among the clients
 * that are dealt out to the parts, or of the first caller. */
void pairing_start_services(Pairing *pairing, RunPart *part, unsigned first);
void pairing_start_callers(Pairing *pairing, RunPart *part, unsigned first,
                           const ConnectionHandlers *handlers);

static inline PairingCaller *pairing_caller(Connection *connection)
{
        return CONTAINER_OF(run_client(connection), PairingCaller, caller.client);
}

/* Of all callers. */
uint32_t pairing_most_outstanding(const Pairing *pairing);

#endif
