/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_NEIGHBOUR_BACKLOG_H
#define RINGBUS_BENCH_LOAD_SCENARIO_NEIGHBOUR_BACKLOG_H

/*
 * A receiver that does not read, and a sender that sends to it nevertheless, up to so many bytes.
 * In the end the receiver reads what the bus has kept for it; what does not come was dropped.
 *
 * Owner: one part's thread, both connections.
 */

#include "bench/load/scenario/run.h"

typedef struct NeighbourBacklog {
        RunClient sender, reader;
        RunPart *part;
        Template message, last;
        uint64_t n_messages; /* to be sent */
        uint64_t n_sent, n_arrived;
        uint32_t last_serial;
        bool was_disconnected; /* the reader, by the bus */
        bool is_settled;       /* it is known what arrived and what did not */
        Timer more;
} NeighbourBacklog;

/* Zeroed memory. Connects the reader, in a stage; and the sender, in a later one. */
void neighbour_backlog_start_reader(NeighbourBacklog *backlog, RunPart *part);
void neighbour_backlog_start_sender(NeighbourBacklog *backlog, uint64_t n_messages, size_t payload);

/* The reader stops reading, the sender begins to send. */
void neighbour_backlog_begin(NeighbourBacklog *backlog);

/* Nothing more is sent, the reader reads again. */
void neighbour_backlog_end(NeighbourBacklog *backlog);

void neighbour_backlog_finish(NeighbourBacklog *backlog); /* RunActs.finish of its part */
void neighbour_backlog_deinit(NeighbourBacklog *backlog); /* once the run is over */

#endif
