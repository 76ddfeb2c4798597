/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_TURN_H
#define RINGBUS_SYNC_TURN_H

/*
 * The turn (rule R2): the one short lock under which every match-routed message is pushed, so that
 * all common receivers see such messages in one order; and the version of the match index, which
 * only changes inside it. A sender looks up without the turn, takes it, and looks up again only if
 * the version moved.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "broker/sync/lock.h"

typedef struct Turn {
        Lock lock;
        _Atomic(uint64_t) version;
} Turn;

static inline void turn_init(Turn *turn)
{
        lock_init(&turn->lock);
        /* Pairs with: nothing; not shared yet. */
        atomic_store_explicit(&turn->version, 1, memory_order_relaxed);
}

static inline void turn_deinit(Turn *turn)
{
        lock_deinit(&turn->lock);
}

static inline void turn_take(Turn *turn) LOCK_ACQUIRES(turn->lock)
{
        lock_acquire(&turn->lock);
}

static inline void turn_release(Turn *turn) LOCK_RELEASES(turn->lock)
{
        lock_release(&turn->lock);
}

/* Before a look-up without the turn. */
static inline uint64_t turn_version(const Turn *turn)
{
        /* Pairs with: turn_bump(): an index read behind this is at least as new as the version. */
        return atomic_load_explicit(&turn->version, memory_order_acquire);
}

/* Inside the turn, after the index or an ownership changed. */
static inline void turn_bump(Turn *turn) LOCK_REQUIRES(turn->lock)
{
        /* Pairs with: nothing; only the holder of the turn writes. */
        uint64_t version = atomic_load_explicit(&turn->version, memory_order_relaxed);

        /* Pairs with: turn_version(). */
        atomic_store_explicit(&turn->version, version + 1, memory_order_release);
}

/* For a flusher that met an uncommitted message and would otherwise sleep: whoever pushed it holds
 * the turn until it is committed, so this waits for just that. */
static inline void turn_pass(Turn *turn) LOCK_UNCHECKED
{
        lock_acquire(&turn->lock);
        lock_release(&turn->lock);
}

#endif
