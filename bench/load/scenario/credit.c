/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No wake-up is lost: the sender sets is_waiting and then reads the counts, a receiver stores its
 * count and then takes is_waiting, all sequentially consistent, so one of the two sees the other.
 * The task is posted once for each arming, so it is never in a list twice.
 */

#include "bench/load/engine/process.h"
#include "bench/load/scenario/credit.h"

#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"

static void run_task(LoopTask *task, Loop *loop)
{
        Credit *credit = CONTAINER_OF(task, Credit, task);

        (void)loop;
        credit->is_armed = false;
        credit->wake(credit);
}

void credit_init(Credit *credit, unsigned n_parts, Loop *loop, void (*wake)(Credit *))
{
        *credit = (Credit){.loop = loop, .wake = wake, .task = {.run = run_task}};
        credit->counts = alloc_zeroed(n_parts, sizeof(credit->counts[0]));
        if (!credit->counts)
                process_out_of_memory();
}

void credit_deinit(Credit *credit)
{
        credit->counts = alloc_free(credit->counts);
}

void credit_publish(Credit *credit, unsigned part, uint64_t n, Loop *loop)
{
        atomic_store_explicit(&credit->counts[part], n, memory_order_seq_cst);
        if (!atomic_exchange_explicit(&credit->is_waiting, false, memory_order_seq_cst))
                return;
        if (loop == credit->loop)
                run_task(&credit->task, loop);
        else
                loop_post(credit->loop, &credit->task);
}

void credit_arm(Credit *credit)
{
        if (credit->is_armed)
                return;
        credit->is_armed = true;
        atomic_store_explicit(&credit->is_waiting, true, memory_order_seq_cst);
}

uint64_t credit_get(const Credit *credit, unsigned part)
{
        return atomic_load_explicit(&credit->counts[part], memory_order_seq_cst);
}
