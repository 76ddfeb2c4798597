/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_FUZZ_GENERATE_H
#define RINGBUS_TESTS_FUZZ_GENERATE_H

/*
 * Random messages for the fuzzers, by a marshaller of their own: the project's writer takes no
 * part, so that it cannot share a mistake with what is tested. Most messages are valid or nearly
 * so; mutation does the rest. The same seed gives the same messages on every machine.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        GENERATE_SIZE_MAX = 16384,    /* bytes of a message, before mutation and after */
        GENERATE_SIGNATURE_MAX = 320, /* bytes, NUL included: longer ones than are valid occur */
};

typedef struct Random {
        uint64_t state;
} Random;

uint64_t generate_random(Random *random);

/* 0 to limit - 1. */
uint32_t generate_below(Random *random, uint32_t limit);

/* A message into `out`, GENERATE_SIZE_MAX bytes; returns its size. */
size_t generate_message(Random *random, uint8_t *out);

/* Changes a message, of any size up to `capacity`, in one place; returns its new size. */
size_t generate_mutate(Random *random, uint8_t *data, size_t size, size_t capacity);

/* A NUL-terminated signature, valid more often than not. */
void generate_signature(Random *random, char *out);

/* NUL-terminated text of at most `size_max` - 1 bytes: UTF-8, names, and things like them. */
void generate_text(Random *random, char *out, size_t size_max);

#endif
