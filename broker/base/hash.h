/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_HASH_H
#define RINGBUS_BASE_HASH_H

/*
 * Hashing: XXH3 keyed with a secret that is drawn at start, so that clients, who choose names and
 * match keys, cannot aim at one bucket.
 */

#include <stddef.h>
#include <stdint.h>

#include "broker/base/text.h"

/* Draws the process's secret from getrandom(2); 0 or -errno. Once, before any other thread. */
int hash_init(void);

/* A keyed 64-bit hash of bytes. Any thread, after hash_init(). */
uint64_t hash_bytes(const void *data, size_t size);

static inline uint64_t hash_text(Text text)
{
        return hash_bytes(text.data, text.size);
}

/* Mixes a further value into a hash; not commutative. */
static inline uint64_t hash_mix(uint64_t hash, uint64_t value)
{
        hash ^= value + UINT64_C(0x9e3779b97f4a7c15) + (hash << 6) + (hash >> 2);
        hash *= UINT64_C(0xff51afd7ed558ccd);
        return hash ^ (hash >> 32);
}

/* Fills `data` from the kernel's random source; 0 or -errno. Any thread. */
int hash_random(void *data, size_t size);

#endif
