/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_SIGNATURE_H
#define RINGBUS_PROTO_SIGNATURE_H

/* Type signatures. Specification: "Type System". Pure; any thread; no recursion. */

#include "broker/base/text.h"

enum {
        SIGNATURE_SIZE_MAX = 255,
        SIGNATURE_ARRAY_DEPTH_MAX = 32,
        SIGNATURE_STRUCT_DEPTH_MAX = 32,
};

/*
 * Zero or more complete types, at most 255 bytes, nesting within the limits as the reference counts
 * them: 32 consecutive 'a', 32 open '(', and 32 open '{'. Absent text is not valid.
 */
bool signature_is_valid(Text signature);

/* Exactly one complete type. */
bool signature_is_single(Text signature);

/* The size of the complete type that a VALID, non-empty signature begins with. */
size_t signature_first_size(const char *signature, size_t size);

/* The alignment of a type by its first character: 1, 2, 4 or 8. 0: not a type. */
unsigned signature_alignment(char type);

/* The size of a fixed-size basic type, or 0 for all other types. */
unsigned signature_fixed_size(char type);

bool signature_is_basic(char type);

#endif
