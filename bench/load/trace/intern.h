/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_INTERN_H
#define RINGBUS_BENCH_LOAD_TRACE_INTERN_H

/*
 * Texts by number and numbers by text: each different text gets the next number, from 1.
 * hash_init() must have been called. Owner: one thread.
 */

#include "broker/base/text.h"

typedef struct Intern {
        Text *texts; /* [0] unused; the bytes are the table's own, NUL-terminated */
        uint32_t n_texts;
        uint32_t capacity;
        uint32_t *slots; /* a power of two; 0: free */
        uint32_t n_slots;
} Intern;

/* The number of a text, a new one if need be (*ret_is_new); 0 when out of memory. */
uint32_t intern_text(Intern *intern, Text text, bool *ret_is_new);

/* The number of a text, or 0. */
uint32_t intern_find(const Intern *intern, Text text);

/* Frees everything. Idempotent; a zeroed Intern is an empty one. */
void intern_deinit(Intern *intern);

#endif
