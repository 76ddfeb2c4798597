/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_SERIALS_H
#define RINGBUS_BENCH_LOAD_TRACE_SERIALS_H

/*
 * Messages by who sent them and with which serial: how an answer finds its call. Owner: one thread.
 * hash_init() must have been called.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct SerialsEntry {
        uint32_t peer;
        uint32_t serial; /* 0: the entry is free */
        uint32_t value;
} SerialsEntry;

typedef struct Serials {
        SerialsEntry *entries; /* a power of two */
        uint32_t n_slots;
        uint32_t n_used;
} Serials;

/* Stores a value other than 0, over an older one. serial is not 0. False when out of memory. */
bool serials_put(Serials *serials, uint32_t peer, uint32_t serial, uint32_t value);

/* The value, or 0. */
uint32_t serials_find(const Serials *serials, uint32_t peer, uint32_t serial);

/* The same, and removes it. */
uint32_t serials_take(Serials *serials, uint32_t peer, uint32_t serial);

/* Frees everything. Idempotent; a zeroed Serials is empty. */
void serials_deinit(Serials *serials);

#endif
