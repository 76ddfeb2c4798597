/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/answers.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "broker/base/hash.h"

enum { ANSWERS_N = 1024 }; /* 512 KiB */

struct AnswersEntry {
        AnswersKey key;
        bool known;
        bool allowed;
} __attribute__((aligned(512)));

_Static_assert(sizeof(AnswersEntry) == 512, "some cache lines");

#define ANSWERS_SIZE (ANSWERS_N * sizeof(AnswersEntry))

int answers_init(Answers *answers)
{
        void *area = mmap(NULL, ANSWERS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                          -1, 0);

        if (area == MAP_FAILED)
                return -ENOMEM;
        *answers = (Answers){.entries = area};
        return 0;
}

void answers_deinit(Answers *answers)
{
        if (answers->entries)
                munmap(answers->entries, ANSWERS_SIZE);
        answers->entries = NULL;
}

bool answers_key(uint64_t sender, uint64_t recipient, unsigned module,
                 const Text texts[static ANSWERS_TEXTS], AnswersKey *ret_key)
{
        size_t n = 0;

        *ret_key = (AnswersKey){.sender = sender, .recipient = recipient};
        ret_key->module = (uint8_t)module;
        for (unsigned i = 0; i < ANSWERS_TEXTS; i++) {
                /* One more than the size: 0 is absent. */
                const uint16_t size = text_present(texts[i]) ? (uint16_t)(texts[i].size + 1) : 0;

                if (texts[i].size > ANSWERS_BYTES_MAX - sizeof(size) ||
                    n + sizeof(size) + texts[i].size > ANSWERS_BYTES_MAX)
                        return false;
                memcpy(ret_key->bytes + n, &size, sizeof(size));
                n += sizeof(size);
                if (size > 1)
                        memcpy(ret_key->bytes + n, texts[i].data, texts[i].size);
                n += texts[i].size;
        }
        ret_key->n_bytes = (uint16_t)n;
        return true;
}

static size_t key_size(const AnswersKey *key)
{
        return offsetof(AnswersKey, bytes) + key->n_bytes;
}

static AnswersEntry *find_entry(const Answers *answers, const AnswersKey *key)
{
        return &answers->entries[hash_bytes(key, key_size(key)) % ANSWERS_N];
}

bool answers_find(Answers *answers, uint64_t generation, const AnswersKey *key, bool *ret_allowed)
{
        const AnswersEntry *entry;

        if (answers->generation != generation) {
                memset(answers->entries, 0, ANSWERS_SIZE);
                answers->generation = generation;
                return false;
        }
        entry = find_entry(answers, key);
        if (!entry->known || memcmp(&entry->key, key, key_size(key)) != 0)
                return false;
        *ret_allowed = entry->allowed;
        return true;
}

void answers_add(Answers *answers, const AnswersKey *key, bool allowed)
{
        AnswersEntry *entry = find_entry(answers, key);

        memcpy(&entry->key, key, key_size(key));
        entry->known = true;
        entry->allowed = allowed;
}
