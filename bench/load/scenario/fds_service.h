/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_FDS_SERVICE_H
#define RINGBUS_BENCH_LOAD_SCENARIO_FDS_SERVICE_H

/*
 * A client that answers calls that carry fds: it closes them, or sends them back with the reply.
 *
 * Owner: the part's thread.
 */

#include "bench/load/scenario/run.h"

enum { FDS_SERVICE_MAX = 16 /* fds in a message: what buses allow by default */ };

typedef struct FdsService {
        RunClient client;
        unsigned n_fds; /* in each call */
        bool sends_back;
        Template reply;
        int *kept; /* to be closed once they were sent */
        size_t n_kept, kept_capacity;
} FdsService;

/*
 * A message as `header` says, with an "ay" of `payload` bytes (none if 0) and an "ah" of `n_fds`
 * fds (none if 0).
 */
void fds_service_template(Template *template, const WriterHeader *header, size_t payload,
                          unsigned n_fds);

/* Connects it, as "service" `index` (zeroed memory). The stage waits for it. */
void fds_service_start(FdsService *service, RunPart *part, unsigned index, unsigned n_fds,
                       bool sends_back);
void fds_service_deinit(FdsService *service); /* once the run is over; idempotent */

/* Its unique name, from the next stage on. */
static inline const char *fds_service_name(const FdsService *service)
{
        return service->client.connection.unique_name;
}

#endif
