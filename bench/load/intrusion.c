/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/intrusion.h"

#include <stdio.h>

enum {
        READY_MS = 30000,
        LOOK_MS = 300,      /* so long without one more: these are all, if all have tried */
        GATHER_MS = 120000, /* a slow machine */
};

static int wait_until_ready(const Intrusion *intrusion)
{
        for (unsigned waited = 0; waited < READY_MS; waited += 2) {
                if (atomic_load(&intrusion->shared->ready))
                        return 0;
                if (!process_is_alive(&intrusion->process))
                        break;
                process_sleep_ms(2);
        }
        fprintf(stderr, "the attack '%s' did not begin\n", intrusion_name(intrusion->shared->kind));
        return -1;
}

/* Until those who stay are all there: as many as may be, or as the bus leaves open. */
static void gather(const Intrusion *intrusion)
{
        IntrusionShared *shared = intrusion->shared;
        unsigned before = 0;

        for (unsigned waited = 0; waited < GATHER_MS; waited += LOOK_MS) {
                bool had_its_chance = !process_is_alive(&intrusion->process) ||
                                      atomic_load(&shared->n_tried) >= shared->plan.n_held;
                unsigned n;

                process_sleep_ms(LOOK_MS);
                n = atomic_load(&shared->n_open);
                if (n >= shared->plan.n_held || (n <= before && had_its_chance))
                        return;
                before = n;
        }
}

int intrusion_start(Intrusion *intrusion, IntrusionKind kind, const char *address,
                    const IntrusionPlan *plan)
{
        IntrusionShared *shared = process_share(sizeof(*shared));

        *intrusion = (Intrusion){.shared = shared};
        shared->kind = kind;
        shared->plan = *plan;
        snprintf(shared->address, sizeof(shared->address), "%s", address);
        if (process_start(&intrusion->process, intrusion_run, shared) < 0 ||
            wait_until_ready(intrusion) < 0)
                return -1;
        gather(intrusion);
        return 0;
}

void intrusion_read_counts(const Intrusion *intrusion, IntrusionCounts *ret_counts)
{
        IntrusionShared *shared = intrusion->shared;

        *ret_counts = (IntrusionCounts){.n_tried = atomic_load(&shared->n_tried),
                                        .n_full = atomic_load(&shared->n_full),
                                        .n_let_in = atomic_load(&shared->n_let_in),
                                        .n_closed = atomic_load(&shared->n_closed),
                                        .n_left = atomic_load(&shared->n_left),
                                        .n_late = atomic_load(&shared->n_late),
                                        .n_open = atomic_load(&shared->n_open),
                                        .n_open_most = atomic_load(&shared->n_open_most)};
}

void intrusion_stop(Intrusion *intrusion)
{
        process_kill(&intrusion->process);
        if (intrusion->shared)
                process_unshare(intrusion->shared, sizeof(*intrusion->shared));
        intrusion->shared = NULL;
}
