/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message writer. Everything goes through writer_reserve(), which counts bytes even when
 * there is no room for them: so a failed attempt knows what the next one needs.
 */

#include "proto/writer.h"
#include "broker/base/assert.h"
#include "proto/header.h"
#include "proto/wire.h"

#include <errno.h>

enum {
        OFFSET_BODY_SIZE = 4,
        OFFSET_FIELDS_SIZE = 12,
        PROTOCOL_VERSION = 1,
        SIGNATURE_MAX = 255,
};

static const bool native_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

/* Room for `size` bytes at the end, or NULL. */
static uint8_t *writer_reserve(Writer *writer, size_t size)
{
        uint8_t *place = NULL;

        if (!writer->failed && size <= writer->capacity - writer->size)
                place = writer->data + writer->size;
        else
                writer->failed = true;
        writer->size += size;
        return place;
}

static void writer_put(Writer *writer, const void *data, size_t size)
{
        uint8_t *place = writer_reserve(writer, size);

        if (place && size > 0)
                memcpy(place, data, size);
}

static void writer_align(Writer *writer, size_t alignment)
{
        size_t size = wire_align(writer->size, alignment) - writer->size;
        uint8_t *place = writer_reserve(writer, size);

        if (place)
                memset(place, 0, size);
}

/* Fills in a size word that was written before its value was known. */
static void writer_patch_u32(Writer *writer, size_t offset, uint32_t value)
{
        if (!writer->failed)
                wire_store_u32(writer->data + offset, value, native_big_endian);
}

static void writer_field_start(Writer *writer, HeaderField code, char type)
{
        const char prefix[4] = {(char)code, 1, type, 0};

        writer_align(writer, 8);
        writer_put(writer, prefix, sizeof(prefix));
}

static void writer_field_text(Writer *writer, HeaderField code, char type, Text value)
{
        if (!text_present(value))
                return;
        writer_field_start(writer, code, type);
        if (type == 'g')
                writer_signature(writer, value);
        else
                writer_string(writer, value);
}

static void writer_field_u32(Writer *writer, HeaderField code, uint32_t value)
{
        if (value == 0)
                return;
        writer_field_start(writer, code, 'u');
        writer_u32(writer, value);
}

void writer_begin(Writer *writer, uint8_t *data, size_t capacity, const WriterHeader *header)
{
        const uint8_t first[4] = {native_big_endian ? 'B' : 'l', header->type, header->flags,
                                  PROTOCOL_VERSION};

        ASSERT(header->type != FRAME_TYPE_INVALID);
        *writer = (Writer){.data = data, .capacity = capacity};
        writer_put(writer, first, sizeof(first));
        writer_u32(writer, 0); /* body size */
        writer_u32(writer, header->serial);
        writer_u32(writer, 0); /* field array size */
        writer_field_text(writer, HEADER_FIELD_PATH, 'o', header->path);
        writer_field_text(writer, HEADER_FIELD_INTERFACE, 's', header->interface);
        writer_field_text(writer, HEADER_FIELD_MEMBER, 's', header->member);
        writer_field_text(writer, HEADER_FIELD_ERROR_NAME, 's', header->error_name);
        writer_field_u32(writer, HEADER_FIELD_REPLY_SERIAL, header->reply_serial);
        writer_field_text(writer, HEADER_FIELD_DESTINATION, 's', header->destination);
        writer_field_text(writer, HEADER_FIELD_SENDER, 's', header->sender);
        if (header->signature.size > 0)
                writer_field_text(writer, HEADER_FIELD_SIGNATURE, 'g', header->signature);
        writer_field_u32(writer, HEADER_FIELD_UNIX_FDS, header->n_unix_fds);
        writer_patch_u32(writer, OFFSET_FIELDS_SIZE, (uint32_t)(writer->size - FRAME_FIXED_SIZE));
        writer_align(writer, 8);
        writer->body_start = writer->size;
}

void writer_byte(Writer *writer, uint8_t value)
{
        writer_put(writer, &value, sizeof(value));
}

void writer_bool(Writer *writer, bool value)
{
        writer_u32(writer, value ? 1 : 0);
}

void writer_u16(Writer *writer, uint16_t value)
{
        writer_align(writer, sizeof(value));
        writer_put(writer, &value, sizeof(value));
}

void writer_u32(Writer *writer, uint32_t value)
{
        writer_align(writer, sizeof(value));
        writer_put(writer, &value, sizeof(value));
}

void writer_u64(Writer *writer, uint64_t value)
{
        writer_align(writer, sizeof(value));
        writer_put(writer, &value, sizeof(value));
}

void writer_double(Writer *writer, double value)
{
        writer_align(writer, sizeof(value));
        writer_put(writer, &value, sizeof(value));
}

void writer_string(Writer *writer, Text value)
{
        writer_u32(writer, (uint32_t)value.size);
        writer_put(writer, value.data, value.size);
        writer_byte(writer, 0);
}

void writer_signature(Writer *writer, Text value)
{
        ASSERT(value.size <= SIGNATURE_MAX);
        writer_byte(writer, (uint8_t)value.size);
        writer_put(writer, value.data, value.size);
        writer_byte(writer, 0);
}

void writer_bytes(Writer *writer, const void *data, size_t size)
{
        writer_u32(writer, (uint32_t)size);
        writer_put(writer, data, size);
}

void writer_raw(Writer *writer, const void *data, size_t size)
{
        writer_put(writer, data, size);
}

void writer_open_array(Writer *writer, char element_type)
{
        size_t alignment = wire_type(element_type)->alignment;

        ASSERT(writer->depth < WRITER_DEPTH_MAX);
        ASSERT(alignment > 0);
        writer_u32(writer, 0); /* the array's size */
        writer->array_start[writer->depth] = writer->size - sizeof(uint32_t);
        writer_align(writer, alignment);
        writer->array_body[writer->depth++] = writer->size;
}

void writer_close_array(Writer *writer)
{
        size_t size;

        ASSERT(writer->depth > 0);
        writer->depth--;
        size = writer->size - writer->array_body[writer->depth];
        writer_patch_u32(writer, writer->array_start[writer->depth], (uint32_t)size);
}

void writer_open_struct(Writer *writer)
{
        writer_align(writer, 8);
}

void writer_open_variant(Writer *writer, Text signature)
{
        writer_signature(writer, signature);
}

int writer_finish(Writer *writer, size_t *ret_size)
{
        ASSERT(writer->depth == 0);
        *ret_size = writer->size;
        if (writer->size > FRAME_SIZE_MAX)
                return -EMSGSIZE;
        if (writer->failed)
                return -ENOSPC;
        writer_patch_u32(writer, OFFSET_BODY_SIZE, (uint32_t)(writer->size - writer->body_start));
        return 0;
}
