/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing, at most half full; nothing is ever removed. */

#include "bench/load/trace/intern.h"
#include "broker/base/alloc.h"
#include "broker/base/hash.h"

enum { SLOTS_MIN = 64 };

/* The slot that holds the text, or the free one where it would go. */
static uint32_t find_slot(const Intern *intern, Text text)
{
        uint32_t mask = intern->n_slots - 1;
        uint32_t i = (uint32_t)hash_text(text) & mask;

        while (intern->slots[i] != 0 && !text_equal(intern->texts[intern->slots[i]], text))
                i = (i + 1) & mask;
        return i;
}

static bool grow_slots(Intern *intern)
{
        uint32_t n_slots = intern->n_slots ? intern->n_slots * 2 : SLOTS_MIN;
        uint32_t *slots = alloc_zeroed(n_slots, sizeof(*slots));

        if (!slots)
                return false;
        alloc_free(intern->slots);
        intern->slots = slots;
        intern->n_slots = n_slots;
        for (uint32_t i = 1; i <= intern->n_texts; i++)
                slots[find_slot(intern, intern->texts[i])] = i;
        return true;
}

static bool grow(Intern *intern)
{
        if ((intern->n_texts + 1) * 2 > intern->n_slots && !grow_slots(intern))
                return false;
        if (intern->n_texts + 1 >= intern->capacity) {
                uint32_t capacity = intern->capacity ? intern->capacity * 2 : SLOTS_MIN;
                Text *texts = alloc_resize(intern->texts, capacity * sizeof(*texts));

                if (!texts)
                        return false;
                texts[0] = TEXT_NONE;
                intern->texts = texts;
                intern->capacity = capacity;
        }
        return true;
}

uint32_t intern_find(const Intern *intern, Text text)
{
        return intern->n_slots == 0 ? 0 : intern->slots[find_slot(intern, text)];
}

uint32_t intern_text(Intern *intern, Text text, bool *ret_is_new)
{
        uint32_t number = intern_find(intern, text);
        char *copy;

        if (number != 0) {
                *ret_is_new = false;
                return number;
        }
        if (!grow(intern))
                return 0;
        copy = alloc_string(text.data, text.size);
        if (!copy)
                return 0;
        number = ++intern->n_texts;
        intern->texts[number] = (Text){.data = copy, .size = text.size};
        intern->slots[find_slot(intern, text)] = number;
        *ret_is_new = true;
        return number;
}

void intern_deinit(Intern *intern)
{
        for (uint32_t i = 1; i <= intern->n_texts; i++) {
                char *copy = (char *)(uintptr_t)intern->texts[i].data;

                alloc_free(copy);
        }
        alloc_free(intern->texts);
        alloc_free(intern->slots);
        *intern = (Intern){.n_texts = 0};
}
