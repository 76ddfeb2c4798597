/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_MICRO_BODY_KINDS_H
#define RINGBUS_BENCH_MICRO_BODY_KINDS_H

/* Bodies to validate: arrays of one type each, as long as one wants them. */

#include "tests/support/marshal.h"

typedef struct BodyKind {
        const char *name;
        const char *signature;
        size_t alignment; /* of an element */
        void (*write)(Marshal *bytes, unsigned i);
        bool spoils; /* a last byte of 0xff makes the body invalid */
} BodyKind;

/* All, ending with one without name. */
const BodyKind *body_kinds_all(void);

/* Fills `bytes`, which is empty, with a body of at least `size` bytes; returns how many elements
 * it has. */
unsigned body_kinds_write(const BodyKind *kind, size_t size, Marshal *bytes);

#endif
