/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_BODY_H
#define RINGBUS_PROTO_BODY_H

/*
 * Body validation against a signature, and access to leading arguments for match rules.
 * Specification: "Marshaling (Wire Format)". No recursion: an explicit stack bounded by the
 * specification's nesting limits. Pure: no allocation, no I/O, any thread.
 */

#include "broker/base/text.h"

enum { BODY_ARGS_MAX = 64 };

typedef enum BodyResult {
        BODY_OK,
        BODY_TOO_SHORT,
        BODY_TOO_LONG, /* bytes left over */
        BODY_BAD_PADDING,
        BODY_BAD_BOOLEAN,
        BODY_BAD_STRING, /* no terminator, NUL inside, bad UTF-8 */
        BODY_BAD_OBJECT_PATH,
        BODY_BAD_SIGNATURE, /* a signature value, or a variant's signature */
        BODY_BAD_ARRAY_SIZE,
        BODY_TOO_DEEP,
} BodyResult;

/*
 * Validates `size` bytes of body against a signature that header_parse() has validated.
 * `body` begins at an 8-byte boundary of the message (its alignment in memory is free).
 * UNIX_FD values are not compared with the number of fds: receivers do that, as with the
 * reference (see tests/unit/test_body.c).
 */
BodyResult body_validate(const uint8_t *body, size_t size, Text signature, bool big_endian);

const char *body_result_text(BodyResult result);

/*
 * The same for one value inside a header field's variant or similar: `offset` is the position of
 * the value relative to an 8-byte boundary at `data`; on BODY_OK *ret_end is the offset behind it.
 */
BodyResult body_validate_value(const uint8_t *data, size_t size, size_t offset, Text signature,
                               bool big_endian, size_t *ret_end);

typedef struct BodyArg {
        char type; /* 's', 'o', or another type's first character; 'g' has no text here */
        Text text; /* for 's' and 'o', else absent */
} BodyArg;

/*
 * The first top-level arguments of a VALID body, at most `n_max` (<= BODY_ARGS_MAX). Returns how
 * many were stored. Costs nothing beyond the last argument asked for.
 */
unsigned body_read_args(const uint8_t *body, size_t size, Text signature, bool big_endian,
                        unsigned n_max, BodyArg *ret_args);

#endif
