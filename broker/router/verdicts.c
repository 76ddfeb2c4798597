/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two-way associative: a key's hash chooses a pair of entries, the newer one first. An entry is one
 * cache line, so a hit costs one or two of them.
 */
#include "broker/router/verdicts.h"

#include <errno.h>
#include <sys/mman.h>

#include "broker/base/assert.h"
#include "broker/base/hash.h"
#include "broker/base/stage.h"

enum { VERDICTS_PAIRS = 2048 }; /* 256 KiB */

struct VerdictEntry {
        VerdictKey key;
        uint8_t verdict; /* Verdict; VERDICT_UNKNOWN: free */
} __attribute__((aligned(64)));

_Static_assert(sizeof(VerdictEntry) == 64, "one cache line");
_Static_assert(sizeof(VerdictKey) == 4 * sizeof(uint64_t) + sizeof(PolicyShape), "no padding");
_Static_assert(sizeof(PolicyShape) == 24, "no padding");

#define VERDICTS_SIZE (2 * VERDICTS_PAIRS * sizeof(VerdictEntry))

int verdicts_init(Verdicts *verdicts)
{
        /* Pages appear as entries are used: a bus that allows everything has none. */
        void *area = mmap(NULL, VERDICTS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                          -1, 0);

        if (area == MAP_FAILED)
                return -ENOMEM;
        *verdicts = (Verdicts){.entries = area};
        return 0;
}

void verdicts_deinit(Verdicts *verdicts)
{
        if (verdicts->entries)
                munmap(verdicts->entries, VERDICTS_SIZE);
        verdicts->entries = NULL;
}

/* The ids come from the bus and the numbers from its configuration, so what collides is nobody's
 * choice, and a collision only costs a decision. */
static uint64_t hash_key(const VerdictKey *key)
{
        const PolicyShape *shape = &key->shape;
        uint64_t hash = hash_mix(key->sender, key->recipient);

        hash = hash_mix(hash, key->sender_names ^ key->recipient_names << 32);
        hash = hash_mix(hash, (uint64_t)shape->fields[POLICY_FIELD_INTERFACE] << 32 |
                                      shape->fields[POLICY_FIELD_MEMBER]);
        hash = hash_mix(hash, (uint64_t)shape->fields[POLICY_FIELD_PATH] << 32 |
                                      shape->fields[POLICY_FIELD_ERROR]);
        return hash_mix(hash, (uint64_t)shape->name << 32 | (uint64_t)shape->n_fds << 16 |
                                      (uint64_t)shape->type << 8 | shape->flags);
}

static VerdictEntry *find_pair(const Verdicts *verdicts, const VerdictKey *key)
{
        return &verdicts->entries[2 * (hash_key(key) % VERDICTS_PAIRS)];
}

Verdict verdicts_find(Verdicts *verdicts, uint64_t generation, const VerdictKey *key)
{
        const VerdictEntry *pair;

        if (UNLIKELY(verdicts->generation != generation) && !STAGE_MUTANT(OLD_VERDICTS)) {
                memset(verdicts->entries, 0, VERDICTS_SIZE);
                verdicts->generation = generation;
                return VERDICT_UNKNOWN;
        }
        pair = find_pair(verdicts, key);
        for (unsigned i = 0; i < 2; i++)
                if (pair[i].verdict != VERDICT_UNKNOWN &&
                    memcmp(&pair[i].key, key, sizeof(*key)) == 0)
                        return (Verdict)pair[i].verdict;
        return VERDICT_UNKNOWN;
}

void verdicts_add(Verdicts *verdicts, const VerdictKey *key, Verdict verdict)
{
        VerdictEntry *pair = find_pair(verdicts, key);

        pair[1] = pair[0];
        pair[0].key = *key;
        pair[0].verdict = (uint8_t)verdict;
}
