/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_SCENARIO_ARRIVALS_H
#define RINGBUS_BENCH_LOAD_SCENARIO_ARRIVALS_H

/*
 * What one part's receivers have got of messages that each go to several receivers, in order. A
 * sender's message has arrived here once all of the part's receivers have it: there is a ring with
 * a count for each message under way. The sender is told at the end of the turn, by its Credit.
 *
 * Owner: the part's thread; what is set before the run starts may be read by all, so it is freed
 * when all parts have ended.
 */

#include "bench/load/scenario/credit.h"
#include "bench/load/scenario/run.h"

typedef struct ArrivalsSender {
        Credit *credit;       // borrowed
        unsigned n_receivers; /* of this part; 0: the sender does not wait for it */
        uint32_t *ring;       /* of each message under way: receivers that have it */
        uint64_t n_arrived;   /* messages that all receivers have */
        unsigned next_dirty;  /* index + 1 */
        bool is_dirty;
} ArrivalsSender;

typedef struct Arrivals {
        RunPart *part;
        ArrivalsSender *senders;
        unsigned n_senders;
        uint64_t n_under_way;
        unsigned first_dirty; /* index + 1 */
        LoopFlush flush;
} Arrivals;

/* Zeroed memory. `n_under_way` is how many messages of a sender some receiver may lack, at most.
 * Out of memory ends the program. */
void arrivals_init(Arrivals *arrivals, RunPart *part, unsigned n_senders, uint64_t n_under_way);
void arrivals_deinit(Arrivals *arrivals); /* idempotent, also on zeroed memory */

/* One more of this part's receivers will get what `sender` sends. Before the run starts. */
void arrivals_expect(Arrivals *arrivals, unsigned sender, Credit *credit);

/* One of them got the sender's message of that number; each gets them in order, from 0 on. */
void arrivals_count(Arrivals *arrivals, unsigned sender, uint64_t number);

/* On the sender's thread: how many of its messages have arrived at all receivers of all parts;
 * `otherwise` if there are none. */
uint64_t arrivals_everywhere(const Arrivals *of_parts, unsigned n_parts, unsigned sender,
                             uint64_t otherwise);

#endif
