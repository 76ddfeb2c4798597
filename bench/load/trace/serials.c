/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing, at most half full; a removed entry's followers move up, so
 * that no marks of removed ones pile up during a long recording.
 */

#include "bench/load/trace/serials.h"
#include "broker/base/alloc.h"
#include "broker/base/hash.h"

enum { SLOTS_MIN = 64 };

static uint32_t home_slot(const Serials *serials, uint32_t peer, uint32_t serial)
{
        uint32_t key[2] = {peer, serial};

        return (uint32_t)hash_bytes(key, sizeof(key)) & (serials->n_slots - 1);
}

/* The entry with that key, or the free one where it would go. */
static SerialsEntry *find_entry(const Serials *serials, uint32_t peer, uint32_t serial)
{
        uint32_t i = home_slot(serials, peer, serial);

        for (;;) {
                SerialsEntry *entry = &serials->entries[i];

                if (entry->serial == 0 || (entry->peer == peer && entry->serial == serial))
                        return entry;
                i = (i + 1) & (serials->n_slots - 1);
        }
}

static bool grow(Serials *serials)
{
        Serials grown = {.n_slots = serials->n_slots ? serials->n_slots * 2 : SLOTS_MIN,
                         .n_used = serials->n_used};

        grown.entries = alloc_zeroed(grown.n_slots, sizeof(*grown.entries));
        if (!grown.entries)
                return false;
        for (uint32_t i = 0; i < serials->n_slots; i++) {
                const SerialsEntry *entry = &serials->entries[i];

                if (entry->serial != 0)
                        *find_entry(&grown, entry->peer, entry->serial) = *entry;
        }
        alloc_free(serials->entries);
        *serials = grown;
        return true;
}

bool serials_put(Serials *serials, uint32_t peer, uint32_t serial, uint32_t value)
{
        SerialsEntry *entry;

        if ((serials->n_used + 1) * 2 > serials->n_slots && !grow(serials))
                return false;
        entry = find_entry(serials, peer, serial);
        if (entry->serial == 0)
                serials->n_used++;
        *entry = (SerialsEntry){.peer = peer, .serial = serial, .value = value};
        return true;
}

uint32_t serials_find(const Serials *serials, uint32_t peer, uint32_t serial)
{
        const SerialsEntry *entry;

        if (serials->n_slots == 0 || serial == 0)
                return 0;
        entry = find_entry(serials, peer, serial);
        return entry->serial == 0 ? 0 : entry->value;
}

/* Whether an entry at `at` whose home is `home` may move back to `hole` (positions on a ring). */
static bool may_move(uint32_t home, uint32_t hole, uint32_t at)
{
        return hole <= at ? home <= hole || home > at : home <= hole && home > at;
}

static void close_hole(Serials *serials, uint32_t hole)
{
        uint32_t mask = serials->n_slots - 1;

        for (uint32_t i = (hole + 1) & mask; serials->entries[i].serial != 0; i = (i + 1) & mask) {
                const SerialsEntry *entry = &serials->entries[i];

                if (may_move(home_slot(serials, entry->peer, entry->serial), hole, i)) {
                        serials->entries[hole] = *entry;
                        hole = i;
                }
        }
        serials->entries[hole] = (SerialsEntry){.serial = 0};
}

uint32_t serials_take(Serials *serials, uint32_t peer, uint32_t serial)
{
        uint32_t value = serials_find(serials, peer, serial);

        if (value == 0)
                return 0;
        close_hole(serials, (uint32_t)(find_entry(serials, peer, serial) - serials->entries));
        serials->n_used--;
        return value;
}

void serials_deinit(Serials *serials)
{
        alloc_free(serials->entries);
        *serials = (Serials){.n_used = 0};
}
