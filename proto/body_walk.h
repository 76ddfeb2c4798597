/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_BODY_WALK_H
#define RINGBUS_PROTO_BODY_WALK_H

/*
 * The walk that body validation and argument reading share. Internal to proto/.
 *
 * Owner: the function on whose stack it lies. Always holds: position <= end; every level's type
 * points into a signature that was validated; depth <= BODY_DEPTH_MAX.
 */

#include "proto/body.h"
#include "proto/wire.h"

enum {
        BODY_DEPTH_MAX = 64,     /* containers around a value */
        BODY_DEPTH_IN_FIELD = 3, /* those around a header field's value: array, struct, variant */
};

typedef enum BodyLevelKind {
        BODY_LEVEL_ARRAY,
        BODY_LEVEL_STRUCT, /* and dict entry */
        BODY_LEVEL_VARIANT,
} BodyLevelKind;

typedef struct BodyLevel {
        const char *type; /* of an array its element type, of a variant where to go on behind it */
        size_t end;       /* of an array: what bounds the bytes behind it */
        BodyLevelKind kind;
} BodyLevel;

typedef struct BodyWalk {
        const uint8_t *data; /* at an 8-byte boundary of the message */
        size_t position, end;
        const char *type; /* what comes next */
        unsigned depth;
        unsigned depth_outside; /* containers around the whole walk */
        bool big_endian;
        bool has_memo;
        BodyLevel levels[BODY_DEPTH_MAX];
        /*
         * Sizes of complete types, by the low byte of their address, which tells all places of one
         * signature apart. Without it a client could have 250 bytes of signature scanned for
         * each four bytes of empty array.
         */
        const char *memo_type[256];
        uint8_t memo_size[256];
} BodyWalk;

void body_walk_init(BodyWalk *walk, const uint8_t *data, size_t size, bool big_endian);

/* Validates one complete value of the type at walk->type, and moves behind both. */
BodyResult body_walk_next(BodyWalk *walk);

/* The size of the complete type at `type`, a place in a validated signature. */
size_t body_walk_type_size(BodyWalk *walk, const char *type);

#endif
