/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "bench/load/broker/floor_private.h"

static size_t bucket(const Floor *floor, Text name)
{
        uint32_t hash = 2166136261U; /* FNV-1a: nobody here has bad intentions */

        for (size_t i = 0; i < name.size; i++)
                hash = (hash ^ (uint8_t)name.data[i]) * 16777619U;
        return hash % (sizeof(floor->names) / sizeof(floor->names[0]));
}

FloorConnection *floor_names_find(const Floor *floor, Text name)
{
        const FloorName *entry = floor->names[bucket(floor, name)];

        while (entry && !text_equal((Text){entry->text, entry->size}, name))
                entry = entry->next;
        return entry ? entry->owner : NULL;
}

void floor_names_set(Floor *floor, Text name, FloorConnection *owner)
{
        FloorName **link = &floor->names[bucket(floor, name)];
        FloorName *entry;

        while (*link && !text_equal((Text){(*link)->text, (*link)->size}, name))
                link = &(*link)->next;
        if ((entry = *link)) {
                entry->owner->n_names--;
                *link = entry->next;
                free(entry);
        }
        if (!owner)
                return;
        entry = floor_memory_resize(NULL, sizeof(*entry) + name.size);
        *entry = (FloorName){.next = *link, .owner = owner, .size = name.size};
        memcpy(entry->text, name.data, name.size);
        *link = entry;
        owner->n_names++;
}

void floor_names_leave(Floor *floor, FloorConnection *owner)
{
        for (size_t i = 0; i < sizeof(floor->names) / sizeof(floor->names[0]); i++) {
                FloorName **link = &floor->names[i];
                FloorName *entry;

                while ((entry = *link)) {
                        if (entry->owner != owner) {
                                link = &entry->next;
                                continue;
                        }
                        *link = entry->next;
                        free(entry);
                }
        }
        owner->n_names = 0;
}
