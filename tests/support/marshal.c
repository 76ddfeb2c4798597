/* SPDX-License-Identifier: Apache-2.0 */

/* See marshal.h. Values are built and taken apart byte by byte, whatever the machine's order. */

#include "tests/support/marshal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void marshal_init(Marshal *marshal, bool big_endian)
{
        *marshal = (Marshal){.big_endian = big_endian};
}

void marshal_deinit(Marshal *marshal)
{
        free(marshal->data);
        *marshal = (Marshal){.big_endian = marshal->big_endian};
}

static uint8_t *marshal_extend(Marshal *marshal, size_t size)
{
        size_t needed = marshal->size + size;
        uint8_t *end;

        if (needed > marshal->capacity) {
                size_t capacity = marshal->capacity ? marshal->capacity : 256;

                while (capacity < needed)
                        capacity *= 2;
                marshal->data = realloc(marshal->data, capacity);
                if (!marshal->data) {
                        fputs("marshal: out of memory\n", stderr);
                        abort();
                }
                marshal->capacity = capacity;
        }
        end = marshal->data + marshal->size;
        marshal->size = needed;
        return end;
}

void marshal_align(Marshal *marshal, size_t alignment)
{
        size_t rest = marshal->size % alignment;

        if (rest)
                memset(marshal_extend(marshal, alignment - rest), 0, alignment - rest);
}

void marshal_bytes(Marshal *marshal, const void *data, size_t size)
{
        if (size)
                memcpy(marshal_extend(marshal, size), data, size);
}

static void marshal_store(uint8_t *to, uint64_t value, size_t size, bool big_endian)
{
        for (size_t i = 0; i < size; i++) {
                size_t shift = 8 * (big_endian ? size - 1 - i : i);

                to[i] = (uint8_t)(value >> shift);
        }
}

static void marshal_integer(Marshal *marshal, uint64_t value, size_t size)
{
        marshal_align(marshal, size);
        marshal_store(marshal_extend(marshal, size), value, size, marshal->big_endian);
}

void marshal_u8(Marshal *marshal, uint8_t value)
{
        marshal_integer(marshal, value, 1);
}

void marshal_u16(Marshal *marshal, uint16_t value)
{
        marshal_integer(marshal, value, 2);
}

void marshal_u32(Marshal *marshal, uint32_t value)
{
        marshal_integer(marshal, value, 4);
}

void marshal_u64(Marshal *marshal, uint64_t value)
{
        marshal_integer(marshal, value, 8);
}

void marshal_string(Marshal *marshal, const char *string)
{
        size_t length = strlen(string);

        marshal_u32(marshal, (uint32_t)length);
        marshal_bytes(marshal, string, length + 1);
}

void marshal_signature(Marshal *marshal, const char *signature)
{
        size_t length = strlen(signature);

        marshal_u8(marshal, (uint8_t)length);
        marshal_bytes(marshal, signature, length + 1);
}

MarshalArray marshal_open_array(Marshal *marshal, size_t element_alignment)
{
        MarshalArray array;

        marshal_align(marshal, 4);
        array.length_at = marshal->size;
        marshal_u32(marshal, 0);
        marshal_align(marshal, element_alignment);
        array.start = marshal->size;
        return array;
}

void marshal_close_array(Marshal *marshal, MarshalArray array)
{
        marshal_patch_u32(marshal, array.length_at, (uint32_t)(marshal->size - array.start));
}

void marshal_patch_u32(Marshal *marshal, size_t offset, uint32_t value)
{
        marshal_store(marshal->data + offset, value, 4, marshal->big_endian);
}

static void marshal_double(Marshal *marshal, double value)
{
        uint64_t bits;

        memcpy(&bits, &value, sizeof(bits));
        marshal_u64(marshal, bits);
}

void marshal_values(Marshal *marshal, const char *types, va_list values)
{
        for (; *types; types++) {
                switch (*types) {
                case 'y':
                        marshal_u8(marshal, (uint8_t)va_arg(values, unsigned));
                        break;
                case 'n':
                case 'q':
                        marshal_u16(marshal, (uint16_t)va_arg(values, unsigned));
                        break;
                case 'b':
                case 'i':
                case 'u':
                case 'h':
                        marshal_u32(marshal, va_arg(values, unsigned));
                        break;
                case 'x':
                case 't':
                        marshal_u64(marshal, va_arg(values, uint64_t));
                        break;
                case 'd':
                        marshal_double(marshal, va_arg(values, double));
                        break;
                case 's':
                case 'o':
                        marshal_string(marshal, va_arg(values, const char *));
                        break;
                case 'g':
                        marshal_signature(marshal, va_arg(values, const char *));
                        break;
                default:
                        fprintf(stderr, "marshal: no such basic type: %c\n", *types);
                        abort();
                }
        }
}

void marshal_reader_init(MarshalReader *reader, const uint8_t *data, size_t size, bool big_endian)
{
        *reader = (MarshalReader){.data = data, .size = size, .big_endian = big_endian};
}

static const uint8_t *marshal_reader_take(MarshalReader *reader, size_t size)
{
        const uint8_t *from;

        if (reader->bad || size > reader->size - reader->at) {
                reader->bad = true;
                return NULL;
        }
        from = reader->data + reader->at;
        reader->at += size;
        return from;
}

void marshal_reader_align(MarshalReader *reader, size_t alignment)
{
        size_t rest = reader->at % alignment;

        if (rest)
                (void)marshal_reader_take(reader, alignment - rest);
}

static uint64_t marshal_reader_integer(MarshalReader *reader, size_t size)
{
        const uint8_t *from;
        uint64_t value = 0;

        marshal_reader_align(reader, size);
        from = marshal_reader_take(reader, size);
        if (!from)
                return 0;
        for (size_t i = 0; i < size; i++)
                value = value << 8 | from[reader->big_endian ? i : size - 1 - i];
        return value;
}

uint8_t marshal_reader_u8(MarshalReader *reader)
{
        return (uint8_t)marshal_reader_integer(reader, 1);
}

uint16_t marshal_reader_u16(MarshalReader *reader)
{
        return (uint16_t)marshal_reader_integer(reader, 2);
}

uint32_t marshal_reader_u32(MarshalReader *reader)
{
        return (uint32_t)marshal_reader_integer(reader, 4);
}

uint64_t marshal_reader_u64(MarshalReader *reader)
{
        return marshal_reader_integer(reader, 8);
}

static const char *marshal_reader_text(MarshalReader *reader, size_t length)
{
        const uint8_t *text;

        if (reader->bad || length >= reader->size - reader->at) {
                reader->bad = true;
                return "";
        }
        text = marshal_reader_take(reader, length + 1);
        if (!text || text[length] != '\0') {
                reader->bad = true;
                return "";
        }
        return (const char *)text;
}

const char *marshal_reader_string(MarshalReader *reader)
{
        uint32_t length = marshal_reader_u32(reader);

        return marshal_reader_text(reader, length);
}

const char *marshal_reader_signature(MarshalReader *reader)
{
        uint8_t length = marshal_reader_u8(reader);

        return marshal_reader_text(reader, length);
}
