/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_FUZZ_COMPARE_H
#define RINGBUS_TESTS_FUZZ_COMPARE_H

/*
 * Comparison with libdbus, the reference implementation's library. Every difference that is not
 * listed in DISAGREEMENTS.md prints what was seen and aborts.
 */

#include <stddef.h>
#include <stdint.h>

typedef enum CompareOutcome {
        COMPARE_VALID,
        COMPARE_INVALID,
        COMPARE_INCOMPLETE,
        COMPARE_EARLY,    /* disagreement 1: refused before it is complete */
        COMPARE_UNIX_FDS, /* disagreement 2: libdbus cannot demarshal messages with fds */
        N_COMPARE_OUTCOMES,
} CompareOutcome;

/*
 * The verdict on the first message in `data`; of valid ones also all header fields, the text
 * arguments, and the same message stamped.
 */
CompareOutcome compare_message(const uint8_t *data, size_t size);

/* A NUL-terminated text as UTF-8, signature and all kinds of names. */
void compare_text(const char *text);

#endif
