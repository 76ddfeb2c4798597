/* SPDX-License-Identifier: Apache-2.0 */
/* SlotTable; see slot.h. */
#include "broker/io/slot.h"

#include <errno.h>

#include "broker/base/alloc.h"

void slot_table_init(SlotTable *table)
{
        *table = (SlotTable){.n_chunks = 0};
        list_init(&table->free);
}

void slot_table_deinit(SlotTable *table)
{
        for (unsigned i = 0; i < table->n_chunks; i++)
                alloc_free(table->chunks[i]);
        table->chunks = alloc_free(table->chunks);
        table->n_chunks = 0;
}

unsigned slot_table_size(const SlotTable *table)
{
        return table->n_chunks * SLOT_CHUNK;
}

int slot_table_reserve(SlotTable *table)
{
        uint32_t first = slot_table_size(table);
        Slot **chunks;
        Slot *chunk;

        if (!list_is_empty(&table->free))
                return 0;
        if (first >= SLOT_MAX)
                return -ENOSPC;
        chunks = alloc_resize(table->chunks, (table->n_chunks + 1) * sizeof(Slot *));
        if (!chunks)
                return -ENOMEM;
        table->chunks = chunks;
        chunk = alloc_zeroed(SLOT_CHUNK, sizeof(Slot));
        if (!chunk)
                return -ENOMEM;
        chunks[table->n_chunks++] = chunk;
        for (uint32_t i = 0; i < SLOT_CHUNK; i++) {
                chunk[i].index = first + i;
                list_push_back(&table->free, &chunk[i].node);
        }
        return 0;
}

Slot *slot_take(SlotTable *table, IoSocket *socket)
{
        ListNode *node = list_take_first(&table->free);
        Slot *slot;

        ASSERT(node);
        slot = CONTAINER_OF(node, Slot, node);
        slot->socket = socket;
        table->n_used++;
        return slot;
}

void slot_release(SlotTable *table, Slot *slot)
{
        ASSERT(!slot->into);
        list_remove(&slot->node);
        slot->socket = NULL;
        slot->state = SLOT_IDLE;
        slot->cancel = false;
        slot->watched = false;
        slot->hung_up = false;
        slot->crowding = false;
        slot->careful = false;
        slot->dry = false;
        slot->n_queued = 0;
        slot->generation++;
        table->n_used--;
        /* To the end: a number is reused as late as possible. */
        list_push_back(&table->free, &slot->node);
}

Slot *slot_find(const SlotTable *table, uint32_t index, uint32_t generation)
{
        Slot *slot;

        if (index >= slot_table_size(table))
                return NULL;
        slot = &table->chunks[index / SLOT_CHUNK][index % SLOT_CHUNK];
        return slot->generation == generation ? slot : NULL;
}

Slot *slot_get(const SlotTable *table, const IoSocket *socket)
{
        Slot *slot;

        ASSERT(socket->added);
        slot = slot_find(table, socket->slot, socket->generation);
        ASSERT(slot && slot->socket == socket);
        return slot;
}
