/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame cutter. Every size is compared with its limit before it enters a sum, and the sums are
 * made in 64 bits, so that no value a client can write wraps around.
 */

#include "proto/frame.h"
#include "proto/wire.h"

enum {
        OFFSET_ENDIAN = 0,
        OFFSET_TYPE = 1,
        OFFSET_FLAGS = 2,
        OFFSET_VERSION = 3,
        OFFSET_BODY_SIZE = 4,
        OFFSET_SERIAL = 8,
        OFFSET_FIELDS_SIZE = 12,
        PROTOCOL_VERSION = 1,
};

static FrameResult cut_sizes(uint32_t size_max, Frame *frame)
{
        uint64_t header_size, size;

        if (frame->fields_size > FRAME_ARRAY_MAX || frame->fields_size > size_max)
                return FRAME_BAD_FIELDS_SIZE;
        if (frame->body_size > size_max)
                return FRAME_TOO_LONG;
        header_size = wire_align((uint64_t)FRAME_FIXED_SIZE + frame->fields_size, 8);
        size = header_size + frame->body_size;
        if (size > size_max)
                return FRAME_TOO_LONG;
        frame->header_size = (uint32_t)header_size;
        frame->size = (uint32_t)size;
        return FRAME_OK;
}

FrameResult frame_cut(const uint8_t *data, size_t size, uint32_t size_max, Frame *ret_frame)
{
        Frame frame = {0};
        FrameResult result;

        if (size < FRAME_FIXED_SIZE)
                return FRAME_SHORT;
        if (data[OFFSET_ENDIAN] != 'l' && data[OFFSET_ENDIAN] != 'B')
                return FRAME_BAD_ENDIAN;
        if (data[OFFSET_TYPE] == FRAME_TYPE_INVALID)
                return FRAME_BAD_TYPE;
        if (data[OFFSET_VERSION] != PROTOCOL_VERSION)
                return FRAME_BAD_VERSION;
        frame.big_endian = data[OFFSET_ENDIAN] == 'B';
        frame.type = data[OFFSET_TYPE];
        frame.flags = data[OFFSET_FLAGS];
        frame.body_size = wire_load_u32(data + OFFSET_BODY_SIZE, frame.big_endian);
        frame.serial = wire_load_u32(data + OFFSET_SERIAL, frame.big_endian);
        frame.fields_size = wire_load_u32(data + OFFSET_FIELDS_SIZE, frame.big_endian);
        if (frame.serial == 0)
                return FRAME_BAD_SERIAL;
        result = cut_sizes(size_max < FRAME_SIZE_MAX ? size_max : FRAME_SIZE_MAX, &frame);
        if (result != FRAME_OK)
                return result;
        *ret_frame = frame;
        return FRAME_OK;
}

const char *frame_result_text(FrameResult result)
{
        switch (result) {
        case FRAME_OK:
                return "valid";
        case FRAME_SHORT:
                return "fewer bytes than the fixed part of a message";
        case FRAME_BAD_ENDIAN:
                return "unknown byte order";
        case FRAME_BAD_TYPE:
                return "message type 0";
        case FRAME_BAD_VERSION:
                return "unknown protocol version";
        case FRAME_BAD_SERIAL:
                return "serial 0";
        case FRAME_BAD_FIELDS_SIZE:
                return "header field array too long";
        case FRAME_TOO_LONG:
                return "message too long";
        }
        return "unknown result";
}

uint16_t frame_load_u16(const uint8_t *data, bool big_endian)
{
        return wire_load_u16(data, big_endian);
}

uint32_t frame_load_u32(const uint8_t *data, bool big_endian)
{
        return wire_load_u32(data, big_endian);
}

uint64_t frame_load_u64(const uint8_t *data, bool big_endian)
{
        return wire_load_u64(data, big_endian);
}

void frame_store_u32(uint8_t *data, uint32_t value, bool big_endian)
{
        wire_store_u32(data, value, big_endian);
}
