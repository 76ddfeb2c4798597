/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_SWITCH_H
#define RINGBUS_SYNC_SWITCH_H

/*
 * Switch: an on/off word whose changes are sequentially consistent, for pause and resume: who turns
 * it on and then looks at a counter, and who changes the counter and then looks at the switch,
 * cannot both miss the other.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Switch {
        _Atomic(uint32_t) on;
} Switch;

/* Turns it on; everything the caller did before is ordered before, its next look behind. */
static inline void switch_set(Switch *sw)
{
        /* Pairs with: switch_clear() and counter_subtract(): store buffering is excluded. */
        atomic_exchange_explicit(&sw->on, 1, memory_order_seq_cst);
}

/* Turns it on; true for the one caller that found it off. */
static inline bool switch_claim(Switch *sw)
{
        /* Pairs with: nothing; that there is one winner is all. */
        return atomic_exchange_explicit(&sw->on, 1, memory_order_relaxed) == 0;
}

/* Turns it off; true for the one caller that found it on. */
static inline bool switch_clear(Switch *sw)
{
        /* Pairs with: switch_set(). A look first: the exchange is only for those that may win. */
        if (!atomic_load_explicit(&sw->on, memory_order_seq_cst))
                return false;
        /* Pairs with: switch_set(). */
        return atomic_exchange_explicit(&sw->on, 0, memory_order_seq_cst) == 1;
}

static inline bool switch_is_on(const Switch *sw)
{
        /* Pairs with: switch_set(). Sequentially consistent: who has just changed what the setter
         * looks at next must not miss the switch. */
        return atomic_load_explicit(&sw->on, memory_order_seq_cst) != 0;
}

#endif
