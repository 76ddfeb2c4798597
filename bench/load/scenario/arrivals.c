/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/process.h"
#include "bench/load/scenario/arrivals.h"

#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"

static void publish(LoopFlush *flush)
{
        Arrivals *arrivals = CONTAINER_OF(flush, Arrivals, flush);

        while (arrivals->first_dirty > 0) {
                ArrivalsSender *sender = &arrivals->senders[arrivals->first_dirty - 1];

                arrivals->first_dirty = sender->next_dirty;
                sender->is_dirty = false;
                credit_publish(sender->credit, arrivals->part->index, sender->n_arrived,
                               arrivals->part->loop);
        }
}

void arrivals_init(Arrivals *arrivals, RunPart *part, unsigned n_senders, uint64_t n_under_way)
{
        *arrivals = (Arrivals){.part = part, .n_senders = n_senders, .n_under_way = n_under_way};
        arrivals->flush.flush = publish;
        arrivals->senders = alloc_zeroed(n_senders, sizeof(ArrivalsSender));
        if (!arrivals->senders)
                process_out_of_memory();
        for (unsigned i = 0; i < n_senders; i++) {
                arrivals->senders[i].ring = alloc_zeroed(n_under_way, sizeof(uint32_t));
                if (!arrivals->senders[i].ring)
                        process_out_of_memory();
        }
}

void arrivals_deinit(Arrivals *arrivals)
{
        for (unsigned i = 0; arrivals->senders && i < arrivals->n_senders; i++)
                alloc_free(arrivals->senders[i].ring);
        arrivals->senders = alloc_free(arrivals->senders);
}

void arrivals_expect(Arrivals *arrivals, unsigned sender, Credit *credit)
{
        arrivals->senders[sender].credit = credit;
        arrivals->senders[sender].n_receivers++;
}

void arrivals_count(Arrivals *arrivals, unsigned index, uint64_t number)
{
        ArrivalsSender *sender = &arrivals->senders[index];
        uint32_t *place = &sender->ring[number % arrivals->n_under_way];

        if (++*place < sender->n_receivers)
                return;
        *place = 0;
        sender->n_arrived = number + 1;
        if (sender->is_dirty)
                return;
        sender->is_dirty = true;
        sender->next_dirty = arrivals->first_dirty;
        arrivals->first_dirty = index + 1;
        loop_flush_later(arrivals->part->loop, &arrivals->flush);
}

uint64_t arrivals_everywhere(const Arrivals *of_parts, unsigned n_parts, unsigned sender,
                             uint64_t otherwise)
{
        uint64_t least = UINT64_MAX;

        for (unsigned i = 0; i < n_parts; i++) {
                const ArrivalsSender *here = &of_parts[i].senders[sender];
                uint64_t n;

                if (here->n_receivers == 0)
                        continue;
                n = credit_get(here->credit, i);
                if (n < least)
                        least = n;
        }
        return least == UINT64_MAX ? otherwise : least;
}
