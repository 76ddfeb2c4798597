/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_WIRE_BYTES_H
#define RINGBUS_TESTS_UNIT_WIRE_BYTES_H

/*
 * Messages byte by byte, in either byte order, for the tests of the wire format. Nothing here
 * checks anything or comes from proto/: tests write whatever they want to see accepted or refused.
 * Padding is zero and is put where bytes_align() is called.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Bytes {
        uint8_t data[4096];
        size_t size;
        bool big_endian;
} Bytes;

static inline void bytes_u8(Bytes *bytes, uint8_t value)
{
        assert(bytes->size < sizeof(bytes->data));
        bytes->data[bytes->size++] = value;
}

static inline void bytes_put(Bytes *bytes, const void *data, size_t size)
{
        assert(size <= sizeof(bytes->data) - bytes->size);
        memcpy(bytes->data + bytes->size, data, size);
        bytes->size += size;
}

static inline void bytes_align(Bytes *bytes, size_t alignment)
{
        while (bytes->size % alignment != 0)
                bytes_u8(bytes, 0);
}

static inline void bytes_number(Bytes *bytes, uint64_t value, size_t size)
{
        for (size_t i = 0; i < size; i++)
                bytes_u8(bytes, (uint8_t)(value >> 8 * (bytes->big_endian ? size - 1 - i : i)));
}

static inline void bytes_u32(Bytes *bytes, uint32_t value)
{
        bytes_number(bytes, value, 4);
}

static inline void bytes_set_u32(Bytes *bytes, size_t offset, uint32_t value)
{
        size_t size = bytes->size;

        bytes->size = offset;
        bytes_u32(bytes, value);
        bytes->size = size;
}

/* Size word, text, terminator: a string or an object path. */
static inline void bytes_text(Bytes *bytes, const char *text)
{
        bytes_u32(bytes, (uint32_t)strlen(text));
        bytes_put(bytes, text, strlen(text) + 1);
}

static inline void bytes_signature(Bytes *bytes, const char *text)
{
        bytes_u8(bytes, (uint8_t)strlen(text));
        bytes_put(bytes, text, strlen(text) + 1);
}

/* The fixed part, of version 1 and serial 7. bytes_end_fields() fills in the size. */
static inline void bytes_start(Bytes *bytes, bool big_endian, uint8_t type)
{
        bytes->size = 0;
        bytes->big_endian = big_endian;
        bytes_u8(bytes, big_endian ? 'B' : 'l');
        bytes_u8(bytes, type);
        bytes_u8(bytes, 0);
        bytes_u8(bytes, 1);
        bytes_u32(bytes, 0);
        bytes_u32(bytes, 7);
        bytes_u32(bytes, 0);
}

/* The beginning of a header field, up to its value. */
static inline void bytes_field(Bytes *bytes, uint8_t code, const char *signature)
{
        bytes_align(bytes, 8);
        bytes_u8(bytes, code);
        bytes_signature(bytes, signature);
}

/* A field of type 's', 'o' or 'g'. */
static inline void bytes_field_text(Bytes *bytes, uint8_t code, const char *type, const char *text)
{
        bytes_field(bytes, code, type);
        if (type[0] == 'g')
                bytes_signature(bytes, text);
        else
                bytes_text(bytes, text);
}

static inline void bytes_field_u32(Bytes *bytes, uint8_t code, uint32_t value)
{
        bytes_field(bytes, code, "u");
        bytes_u32(bytes, value);
}

/* Ends the field array; the body begins here. */
static inline void bytes_end_fields(Bytes *bytes)
{
        bytes_set_u32(bytes, 12, (uint32_t)(bytes->size - 16));
        bytes_align(bytes, 8);
}

#endif
