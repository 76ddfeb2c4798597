/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_FRAME_H
#define RINGBUS_PROTO_FRAME_H

/*
 * The frame cutter: from the fixed 16 bytes of a message to the sizes of its parts.
 * Specification: "Message Protocol / Message Format". Pure: no allocation, no I/O, any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        FRAME_FIXED_SIZE = 16, /* byte order, type, flags, version, body size, serial, array size */
        FRAME_SIZE_MAX = 128 * 1024 * 1024, /* a whole message (2^27) */
        FRAME_ARRAY_MAX = 64 * 1024 * 1024, /* an array, the header's too (2^26) */
};

typedef enum FrameType {
        FRAME_TYPE_INVALID = 0,
        FRAME_TYPE_METHOD_CALL = 1,
        FRAME_TYPE_METHOD_RETURN = 2,
        FRAME_TYPE_ERROR = 3,
        FRAME_TYPE_SIGNAL = 4, /* 5-255 are accepted by the syntax */
} FrameType;

enum {
        FRAME_FLAG_NO_REPLY_EXPECTED = 0x1,
        FRAME_FLAG_NO_AUTO_START = 0x2,
        FRAME_FLAG_ALLOW_INTERACTIVE_AUTHORIZATION = 0x4,
};

typedef enum FrameResult {
        FRAME_OK,
        FRAME_SHORT, /* fewer than FRAME_FIXED_SIZE bytes: not an error */
        FRAME_BAD_ENDIAN,
        FRAME_BAD_TYPE,
        FRAME_BAD_VERSION,
        FRAME_BAD_SERIAL,
        FRAME_BAD_FIELDS_SIZE, /* header field array too long */
        FRAME_TOO_LONG,        /* the message is longer than the limit */
} FrameResult;

typedef struct Frame {
        uint32_t serial;      /* not 0 */
        uint32_t fields_size; /* bytes of the header field array, without padding */
        uint32_t header_size; /* fixed part and field array, padded to 8: the body begins here */
        uint32_t body_size;
        uint32_t size; /* header_size + body_size */
        uint8_t type;
        uint8_t flags;
        bool big_endian;
} Frame;

/*
 * Reads the fixed part of a message. All sizes are checked against `size_max` (bytes, at most
 * FRAME_SIZE_MAX; larger values count as FRAME_SIZE_MAX) before anything is derived from them, so
 * the caller may size memory by ret_frame->size. `size` may exceed the message. *ret_frame is
 * written only on FRAME_OK.
 */
FrameResult frame_cut(const uint8_t *data, size_t size, uint32_t size_max, Frame *ret_frame);

/* A short English description, for logs and tests. */
const char *frame_result_text(FrameResult result);

/* Unaligned reads and writes in either byte order. */
uint16_t frame_load_u16(const uint8_t *data, bool big_endian);
uint32_t frame_load_u32(const uint8_t *data, bool big_endian);
uint64_t frame_load_u64(const uint8_t *data, bool big_endian);
void frame_store_u32(uint8_t *data, uint32_t value, bool big_endian);

#endif
