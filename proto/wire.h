/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_WIRE_H
#define RINGBUS_PROTO_WIRE_H

/*
 * What the files of this folder share about the wire format: unaligned loads that inline, and the
 * table of type codes. Internal to proto/: others use frame.h and signature.h.
 * Specification: "Type System", "Marshaling (Wire Format)". Pure; any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum WireKind {
        WIRE_NONE = 0, /* not a type code */
        WIRE_FIXED,    /* fixed size, every value is valid */
        WIRE_BOOLEAN,
        WIRE_STRING,
        WIRE_OBJECT_PATH,
        WIRE_SIGNATURE,
        WIRE_VARIANT,
        WIRE_ARRAY,
        WIRE_STRUCT_OPEN,
        WIRE_STRUCT_CLOSE,
        WIRE_DICT_OPEN,
        WIRE_DICT_CLOSE,
} WireKind;

typedef struct WireType {
        uint8_t kind;       /* WireKind */
        uint8_t alignment;  /* 1, 2, 4, 8; 0 for closing brackets and WIRE_NONE */
        uint8_t fixed_size; /* 0: not of a fixed size */
} WireType;

/* By type code, an unsigned byte. */
extern const WireType wire_types[256];

static inline const WireType *wire_type(char code)
{
        return &wire_types[(uint8_t)code];
}

static inline bool wire_type_is_basic(const WireType *type)
{
        return type->kind >= WIRE_FIXED && type->kind <= WIRE_SIGNATURE;
}

static inline size_t wire_align(size_t position, size_t alignment)
{
        return (position + alignment - 1) & ~(alignment - 1);
}

static inline bool wire_is_zero(const uint8_t *data, size_t size)
{
        uint8_t bits = 0;

        for (size_t i = 0; i < size; i++)
                bits |= data[i];
        return bits == 0;
}

static inline bool wire_must_swap(bool big_endian)
{
        return big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

static inline uint16_t wire_load_u16(const uint8_t *data, bool big_endian)
{
        uint16_t value;

        memcpy(&value, data, sizeof(value));
        return wire_must_swap(big_endian) ? __builtin_bswap16(value) : value;
}

static inline uint32_t wire_load_u32(const uint8_t *data, bool big_endian)
{
        uint32_t value;

        memcpy(&value, data, sizeof(value));
        return wire_must_swap(big_endian) ? __builtin_bswap32(value) : value;
}

static inline uint64_t wire_load_u64(const uint8_t *data, bool big_endian)
{
        uint64_t value;

        memcpy(&value, data, sizeof(value));
        return wire_must_swap(big_endian) ? __builtin_bswap64(value) : value;
}

static inline void wire_store_u32(uint8_t *data, uint32_t value, bool big_endian)
{
        if (wire_must_swap(big_endian))
                value = __builtin_bswap32(value);
        memcpy(data, &value, sizeof(value));
}

#endif
