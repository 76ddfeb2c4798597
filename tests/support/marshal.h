/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_MARSHAL_H
#define RINGBUS_TESTS_SUPPORT_MARSHAL_H

/*
 * Writes D-Bus values, by hand and in either byte order, and reads them back. Written from the
 * specification ("Marshaling (Wire Format)") and sharing nothing with proto/, because it is what
 * proto/ is tested against. Nothing is validated: tests write malformed values with it on purpose.
 *
 * Owner: whoever holds the struct. Running out of memory ends the test program.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Marshal {
        uint8_t *data;
        size_t size; /* bytes written; alignment counts from 0 */
        size_t capacity;
        bool big_endian;
} Marshal;

/* An array that is being written. */
typedef struct MarshalArray {
        size_t length_at; /* where its length goes */
        size_t start;     /* its first element */
} MarshalArray;

/* A cursor over marshalled bytes; `bad` is set, and stays, once a read goes beyond the end. */
typedef struct MarshalReader {
        const uint8_t *data; // borrowed
        size_t size;
        size_t at;
        bool big_endian;
        bool bad;
} MarshalReader;

void marshal_init(Marshal *marshal, bool big_endian);
void marshal_deinit(Marshal *marshal);

void marshal_align(Marshal *marshal, size_t alignment); /* with zeros */
void marshal_bytes(Marshal *marshal, const void *data, size_t size);
void marshal_u8(Marshal *marshal, uint8_t value);
void marshal_u16(Marshal *marshal, uint16_t value);
void marshal_u32(Marshal *marshal, uint32_t value);
void marshal_u64(Marshal *marshal, uint64_t value);
void marshal_string(Marshal *marshal, const char *string); /* or an object path */
void marshal_signature(Marshal *marshal, const char *signature);
MarshalArray marshal_open_array(Marshal *marshal, size_t element_alignment);
void marshal_close_array(Marshal *marshal, MarshalArray array);

/* Overwrites four bytes at `offset`, in the byte order of `marshal`. */
void marshal_patch_u32(Marshal *marshal, size_t offset, uint32_t value);

/*
 * One value for each basic type in `types`: y, n, q, b, i, u, h take an int or unsigned of that
 * range, x and t a uint64_t, d a double, s, o and g a string.
 */
void marshal_values(Marshal *marshal, const char *types, va_list values);

void marshal_reader_init(MarshalReader *reader, const uint8_t *data, size_t size, bool big_endian);
void marshal_reader_align(MarshalReader *reader, size_t alignment);
uint8_t marshal_reader_u8(MarshalReader *reader);
uint16_t marshal_reader_u16(MarshalReader *reader);
uint32_t marshal_reader_u32(MarshalReader *reader);
uint64_t marshal_reader_u64(MarshalReader *reader);
const char *marshal_reader_string(MarshalReader *reader);    /* "" when bad */
const char *marshal_reader_signature(MarshalReader *reader); /* "" when bad */

#endif
