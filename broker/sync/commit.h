/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_COMMIT_H
#define RINGBUS_SYNC_COMMIT_H

/*
 * Commit: the commit word of DESIGN's rule R1. A message that enters more than one mailbox, and all
 * messages of one driver step, may be sent only when this says so: after the last push and after
 * the change they announce is published. So nobody can receive one of them, react, and overtake it
 * at another receiver.
 *
 * Invariant: goes from 0 to 1 once, by the thread that pushed, inside the turn.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Commit {
        _Atomic(uint32_t) done;
} Commit;

static inline void commit_init(Commit *commit)
{
        /* Pairs with: nothing; not shared yet. */
        atomic_store_explicit(&commit->done, 0, memory_order_relaxed);
}

static inline void commit_set(Commit *commit)
{
        /* Pairs with: commit_is_set(): whoever may send sees every push of the step. */
        atomic_store_explicit(&commit->done, 1, memory_order_release);
}

static inline bool commit_is_set(const Commit *commit)
{
        /* Pairs with: commit_set(). */
        return atomic_load_explicit(&commit->done, memory_order_acquire) != 0;
}

#endif
