/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: small numbers for connections, unique among the living; see names.h. */
#include "broker/router/router.h"

uint32_t names_take_slot(Names *names)
{
        uint32_t slot = UINT32_MAX;

        lock_acquire(&names->lock);
        for (uint32_t i = 0; i < NAMES_SLOT_WORDS; i++) {
                uint32_t at = (names->slots_hint + i) % NAMES_SLOT_WORDS;

                if (~names->slots[at] == 0)
                        continue;
                slot = at * 64 + (uint32_t)__builtin_ctzll(~names->slots[at]);
                names->slots[at] |= UINT64_C(1) << slot % 64;
                names->slots_hint = at;
                break;
        }
        lock_release(&names->lock);
        return slot;
}

void names_return_slot(Names *names, uint32_t slot)
{
        lock_acquire(&names->lock);
        names->slots[slot / 64] &= ~(UINT64_C(1) << slot % 64);
        if (slot / 64 < names->slots_hint)
                names->slots_hint = slot / 64;
        lock_release(&names->lock);
}
