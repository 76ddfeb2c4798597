/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing over a keyed hash: clients choose what is looked up, and cannot know what
 * collides.
 *
 * The class of a name is twice the number of the longest text that it is or begins with, plus one
 * if it only begins with it. All shorter ones are found along the parents, so nothing else about
 * the name can matter to a rule.
 */
#include "auth/policytexts.h"

#include <errno.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/hash.h"

enum { BUCKETS_MIN = 8 };

int policytexts_init(PolicyTexts *texts, uint32_t n_max, size_t size_max)
{
        uint32_t n_buckets = BUCKETS_MIN;

        while (n_buckets < 2 * (uint64_t)n_max)
                n_buckets *= 2;
        *texts = (PolicyTexts){.n = POLICYTEXTS_FIRST,
                               .capacity = n_max + POLICYTEXTS_FIRST,
                               .mask = n_buckets - 1};
        texts->items = alloc_zeroed(texts->capacity, sizeof(*texts->items));
        texts->buckets = alloc_zeroed(n_buckets, sizeof(*texts->buckets));
        texts->bytes = alloc_bytes(size_max > 0 ? size_max : 1);
        if (texts->items && texts->buckets && texts->bytes)
                return 0;
        policytexts_deinit(texts);
        return -ENOMEM;
}

void policytexts_deinit(PolicyTexts *texts)
{
        texts->items = alloc_free(texts->items);
        texts->buckets = alloc_free(texts->buckets);
        texts->bytes = alloc_free(texts->bytes);
}

static Text text_of(const PolicyText *item)
{
        return (Text){.data = item->data, .size = item->size};
}

/* The bucket of a text, or the free one where it would be. */
static uint32_t find_bucket(const PolicyTexts *texts, Text text, uint64_t hash)
{
        uint32_t at = (uint32_t)hash & texts->mask;

        for (;; at = (at + 1) & texts->mask) {
                const PolicyText *item = &texts->items[texts->buckets[at]];

                if (texts->buckets[at] == 0)
                        return at;
                if (item->hash == hash && text_equal(text_of(item), text))
                        return at;
        }
}

uint32_t policytexts_add(PolicyTexts *texts, Text text)
{
        const uint64_t hash = hash_text(text);
        const uint32_t at = find_bucket(texts, text, hash);
        char *copy = texts->bytes + texts->n_bytes;

        if (texts->buckets[at] != 0)
                return texts->buckets[at];
        ASSERT(texts->n < texts->capacity);
        memcpy(copy, text.data, text.size);
        texts->n_bytes += text.size;
        texts->items[texts->n] =
                (PolicyText){.hash = hash, .data = copy, .size = (uint32_t)text.size};
        texts->buckets[at] = texts->n;
        return texts->n++;
}

uint32_t policytexts_find(const PolicyTexts *texts, Text text)
{
        const uint32_t number = texts->buckets[find_bucket(texts, text, hash_text(text))];

        return number != 0 ? number : POLICYTEXTS_OTHER;
}

/* The longest text that `name` begins with, up to a dot before its end; 0: none. */
static uint32_t find_parent(const PolicyTexts *texts, Text name)
{
        for (size_t size = name.size; size > 0; size--) {
                const Text prefix = {.data = name.data, .size = size - 1};
                uint32_t number;

                if (name.data[size - 1] != '.')
                        continue;
                number = policytexts_find(texts, prefix);
                if (number != POLICYTEXTS_OTHER)
                        return number;
        }
        return 0;
}

void policytexts_link(PolicyTexts *texts)
{
        for (uint32_t i = POLICYTEXTS_FIRST; i < texts->n; i++)
                texts->items[i].parent = find_parent(texts, text_of(&texts->items[i]));
}

uint32_t policytexts_classify(const PolicyTexts *texts, Text name)
{
        uint32_t number;

        if (!text_present(name))
                return 0;
        number = policytexts_find(texts, name);
        if (number != POLICYTEXTS_OTHER)
                return 2 * number;
        return 2 * find_parent(texts, name) + 1;
}

bool policytexts_class_is(uint32_t class, uint32_t text)
{
        return class == 2 * text;
}

bool policytexts_class_begins(const PolicyTexts *texts, uint32_t class, uint32_t text)
{
        for (uint32_t number = class / 2; number != 0; number = texts->items[number].parent)
                if (number == text)
                        return true;
        return false;
}
