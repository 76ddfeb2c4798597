/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/race/weak.h"

#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/lock.h"
#include "tests/race/weak_atomics.h"
#include "tests/race/weak_memory.h"
#include "tests/race/weak_search.h"

WeakSite weak_sites[WEAK_SITES_MAX];
unsigned weak_n_sites;
WeakSite weak_weakened;

static unsigned properties_of(memory_order order)
{
        switch (order) {
        case memory_order_relaxed:
                return 0;
        case memory_order_consume:
        case memory_order_acquire:
                return WEAK_ACQUIRE;
        case memory_order_release:
                return WEAK_RELEASE;
        case memory_order_acq_rel:
                return WEAK_ACQUIRE | WEAK_RELEASE;
        case memory_order_seq_cst:
                return WEAK_ACQUIRE | WEAK_RELEASE | WEAK_SC;
        }
        ASSERT_NOT_REACHED();
}

static void note_site(const char *function, const char *operation, unsigned properties)
{
        for (unsigned i = 0; i < weak_n_sites; i++)
                if (weak_sites[i].function == function && weak_sites[i].operation == operation) {
                        weak_sites[i].properties |= properties;
                        return;
                }
        ASSERT(weak_n_sites < WEAK_SITES_MAX);
        weak_sites[weak_n_sites++] = (WeakSite){function, operation, properties};
}

/* What the operation has, less what it is to lack. `can` is what such an operation can have. */
static unsigned ordered(const char *function, const char *operation, memory_order order,
                        unsigned can)
{
        unsigned properties = properties_of(order) & can;

        note_site(function, operation, properties);
        if (!weak_weakened.function || strcmp(function, weak_weakened.function) != 0 ||
            strcmp(operation, weak_weakened.operation) != 0)
                return properties;
        properties &= ~weak_weakened.properties;
        if (weak_weakened.properties & (WEAK_ACQUIRE | WEAK_RELEASE))
                properties &= ~(unsigned)WEAK_SC;
        return properties;
}

enum {
        LOADS = WEAK_ACQUIRE | WEAK_SC,
        STORES = WEAK_RELEASE | WEAK_SC,
        UPDATES = LOADS | STORES,
};

uint64_t weak_load(WeakPlace place, memory_order order)
{
        unsigned properties, location, oldest, index;

        if (!search_is_on())
                return search_peek(place.address, place.size);
        properties = ordered(place.function, "load", order, LOADS);
        location = search_step(place.address, place.size, properties & WEAK_SC);
        oldest = search_oldest(location, properties);
        index = weak_memory_count(location) - 1;
        index -= search_choose(index - oldest + 1);
        search_note(place.function, "load", location, index);
        return weak_memory_read(weak_thread(), location, index, properties);
}

void weak_store(WeakPlace place, uint64_t value, memory_order order)
{
        unsigned properties, location;

        if (!search_is_on()) {
                memcpy(place.address, &value, place.size);
                return;
        }
        properties = ordered(place.function, "store", order, STORES);
        location = search_step(place.address, place.size, properties & WEAK_SC);
        if (!weak_memory_write(weak_thread(), location, value, properties))
                search_fail("a store by a thread that need not know the newest value");
        search_note(place.function, "store", location, weak_memory_count(location) - 1);
}

/* A read-modify-write: to `value`, or by adding it. */
static uint64_t update(WeakPlace place, const char *operation, uint64_t value, bool adds,
                       memory_order order)
{
        unsigned properties, location;
        uint64_t old;

        if (!search_is_on()) {
                old = search_peek(place.address, place.size);
                value += adds ? old : 0;
                memcpy(place.address, &value, place.size);
                return old;
        }
        properties = ordered(place.function, operation, order, UPDATES);
        location = search_step(place.address, place.size, properties & WEAK_SC);
        old = weak_memory_newest(location);
        weak_memory_update(weak_thread(), location, adds ? old + value : value, properties);
        search_note(place.function, operation, location, weak_memory_count(location) - 1);
        return old;
}

uint64_t weak_exchange(WeakPlace place, uint64_t value, memory_order order)
{
        return update(place, "exchange", value, false, order);
}

uint64_t weak_add(WeakPlace place, uint64_t value, memory_order order)
{
        return update(place, "add", value, true, order);
}

uint64_t weak_subtract(WeakPlace place, uint64_t value, memory_order order)
{
        return update(place, "subtract", (uint64_t)0 - value, true, order);
}

/* Which value a failing swap read; or -1: it succeeds. */
static int choose_outcome(unsigned location, uint64_t expected, bool may_fail, unsigned oldest)
{
        const unsigned newest = weak_memory_count(location) - 1;
        const bool can_succeed = weak_memory_newest(location) == expected;
        int outcomes[256];
        unsigned n = 0, chosen;

        if (can_succeed)
                outcomes[n++] = -1;
        for (unsigned i = newest + 1; i-- > oldest;)
                if (weak_memory_value(location, i) != expected || (may_fail && search_may_fail()))
                        outcomes[n++] = (int)i;
        ASSERT(n > 0 && n <= ARRAY_SIZE(outcomes));
        chosen = search_choose(n);
        if (outcomes[chosen] >= 0 &&
            weak_memory_value(location, (unsigned)outcomes[chosen]) == expected)
                search_count_failure();
        return outcomes[chosen];
}

static bool swap_unobserved(WeakPlace place, WeakSwap swap)
{
        if (search_peek(place.address, place.size) != search_peek(swap.expected, place.size)) {
                memcpy(swap.expected, place.address, place.size);
                return false;
        }
        memcpy(place.address, &swap.wanted, place.size);
        return true;
}

bool weak_cas(WeakPlace place, WeakSwap swap)
{
        unsigned properties, properties_no, location;
        uint64_t found;
        int outcome;

        if (!search_is_on())
                return swap_unobserved(place, swap);
        properties = ordered(place.function, "cas", swap.yes, UPDATES);
        properties_no = ordered(place.function, "cas-failure", swap.no, LOADS);
        location = search_step(place.address, place.size, properties & WEAK_SC);
        outcome = choose_outcome(location, search_peek(swap.expected, place.size), swap.may_fail,
                                 search_oldest(location, properties_no));
        if (outcome < 0) {
                weak_memory_update(weak_thread(), location, swap.wanted, properties);
                search_note(place.function, "cas", location, weak_memory_count(location) - 1);
                return true;
        }
        search_note(place.function, "cas-failure", location, (unsigned)outcome);
        found = weak_memory_read(weak_thread(), location, (unsigned)outcome, properties_no);
        memcpy(swap.expected, &found, place.size);
        return false;
}

/* The locks of broker/sync/lock.h: a word that is 1 while one is held. */

void lock_init(Lock *lock)
{
        memset(lock, 0, sizeof(*lock));
}

void lock_deinit(Lock *lock)
{
        (void)lock;
}

void lock_acquire(Lock *lock) LOCK_UNCHECKED
{
        unsigned location;

        if (!search_is_on())
                return;
        location = search_block(lock, sizeof(uint32_t), false);
        weak_memory_update(weak_thread(), location, 1, WEAK_ACQUIRE);
        search_note("lock", "acquire", location, weak_memory_count(location) - 1);
}

/* No step of its own: to release later than at once is to let others wait longer. */
void lock_release(Lock *lock) LOCK_UNCHECKED
{
        if (search_is_on())
                weak_memory_update(weak_thread(), weak_memory_find(lock, sizeof(uint32_t)), 0,
                                   WEAK_RELEASE);
}

void weak_signal_raise(WeakSignal *signal)
{
        unsigned location = search_step(&signal->word, sizeof(signal->word), false);

        weak_memory_update(weak_thread(), location, 1, 0);
        search_note("signal", "raise", location, weak_memory_count(location) - 1);
}

void weak_signal_wait(WeakSignal *signal)
{
        unsigned location = search_block(&signal->word, sizeof(signal->word), true);

        weak_memory_update(weak_thread(), location, 0, 0);
        search_note("signal", "wait", location, weak_memory_count(location) - 1);
}

void weak_signal_clear(WeakSignal *signal)
{
        unsigned location = search_step(&signal->word, sizeof(signal->word), false);

        weak_memory_update(weak_thread(), location, 0, 0);
        search_note("signal", "clear", location, weak_memory_count(location) - 1);
}
