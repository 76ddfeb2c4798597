/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/message/releases.h"

/* Blocks of one size lie at equal distances: their addresses are mixed. */
static unsigned releases_slot_of(const Message *message)
{
        const uint64_t mixed = (uint64_t)(uintptr_t)message * UINT64_C(0x9e3779b97f4a7c15);

        return (unsigned)(mixed >> 56);
}

void releases_add(Releases *releases, Pool *mine, Message *message)
{
        unsigned index;
        struct ReleasesSlot *slot;

        _Static_assert(RELEASES_SLOTS == 1 << 8, "releases_slot_of() makes 8 bits");
        if (!message->step) {
                message_unref(mine, message, 1);
                return;
        }
        index = releases_slot_of(message);
        slot = &releases->slots[index];
        if (slot->message == message) {
                slot->n++;
                return;
        }
        if (slot->message)
                message_unref(mine, slot->message, slot->n);
        else
                releases->used[releases->n_used++] = (uint16_t)index;
        slot->message = message;
        slot->n = 1;
}

void releases_drop(Releases *releases, Pool *mine)
{
        while (releases->n_used > 0) {
                struct ReleasesSlot *slot = &releases->slots[releases->used[--releases->n_used]];

                message_unref(mine, slot->message, slot->n);
                slot->message = NULL;
        }
}
