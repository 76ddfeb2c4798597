/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_FUZZ_GENERATE_PRIVATE_H
#define RINGBUS_TESTS_FUZZ_GENERATE_PRIVATE_H

/* What the generator's two halves, texts and messages, share. */

#include "tests/fuzz/generate.h"

typedef enum GenerateName {
        GENERATE_PATH,
        GENERATE_INTERFACE, /* and error names */
        GENERATE_MEMBER,
        GENERATE_BUS_NAME,
        GENERATE_STRING,
        N_GENERATE_NAMES,
} GenerateName;

/* A NUL-terminated text for its place: nearly always valid there. Lives until the next call. */
const char *generate_name(Random *random, GenerateName name, char *scratch, size_t scratch_size);

/* True once in `odds`. */
bool generate_chance(Random *random, uint32_t odds);

#endif
