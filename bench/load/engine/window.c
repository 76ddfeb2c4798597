/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serial is 1, then 11 bits of the slot's number of uses, then 20 bits of the slot's index.
 */

#include "bench/load/engine/process.h"
#include "bench/load/engine/window.h"

#include <stdlib.h>

#include "broker/base/alloc.h"

#define TOP_BIT UINT32_C(0x80000000)

enum { INDEX_BITS = 20, INDEX_MASK = WINDOW_MAX - 1, USE_MASK = 0x7ff };

void window_init(Window *window)
{
        *window = (Window){0};
}

void window_deinit(Window *window)
{
        alloc_free(window->slots);
        *window = (Window){0};
}

/* Index + 1 of a slot that was never used, or 0. */
static uint32_t add_slot(Window *window)
{
        if (window->n_slots == WINDOW_MAX)
                return 0;
        if (window->n_slots == window->capacity) {
                uint32_t capacity = window->capacity ? 2 * window->capacity : 16;
                WindowSlot *slots = alloc_resize(window->slots, capacity * sizeof(*slots));

                if (!slots)
                        process_out_of_memory();
                window->slots = slots;
                window->capacity = capacity;
        }
        window->slots[window->n_slots] = (WindowSlot){0};
        return ++window->n_slots;
}

uint32_t window_take(Window *window, uint64_t started_ns, uint32_t tag)
{
        uint32_t place = window->free ? window->free : add_slot(window);
        WindowSlot *slot;

        if (place == 0)
                return 0;
        slot = &window->slots[place - 1];
        window->free = slot->next;
        slot->next = 0;
        slot->use++;
        slot->serial = TOP_BIT | (slot->use & USE_MASK) << INDEX_BITS | (place - 1);
        slot->started_ns = started_ns;
        slot->tag = tag;
        if (++window->n_taken > window->most_taken)
                window->most_taken = window->n_taken;
        return slot->serial;
}

static void free_slot(Window *window, uint32_t index)
{
        WindowSlot *slot = &window->slots[index];

        slot->serial = 0;
        slot->next = window->free;
        window->free = index + 1;
        window->n_taken--;
}

bool window_return(Window *window, uint32_t serial, uint64_t *ret_started_ns, uint32_t *ret_tag)
{
        uint32_t index = serial & INDEX_MASK;
        WindowSlot *slot;

        if (!(serial & TOP_BIT) || index >= window->n_slots)
                return false;
        slot = &window->slots[index];
        if (slot->serial != serial)
                return false;
        *ret_started_ns = slot->started_ns;
        if (ret_tag)
                *ret_tag = slot->tag;
        free_slot(window, index);
        return true;
}

uint32_t window_expire(Window *window, uint64_t before_ns)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < window->n_slots; i++) {
                if (!window->slots[i].serial || window->slots[i].started_ns >= before_ns)
                        continue;
                free_slot(window, i);
                n++;
        }
        return n;
}

uint64_t window_oldest_ns(const Window *window)
{
        uint64_t oldest = UINT64_MAX;

        for (uint32_t i = 0; i < window->n_slots; i++)
                if (window->slots[i].serial && window->slots[i].started_ns < oldest)
                        oldest = window->slots[i].started_ns;
        return oldest;
}
