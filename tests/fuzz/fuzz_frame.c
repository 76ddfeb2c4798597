/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame cutter. The first four bytes are the limit, the rest the message. Whatever was cut
 * must add up, within the limit, and must not depend on bytes behind the fixed part.
 */

#include "broker/base/assert.h"
#include "proto/frame.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const uint8_t *data, const Frame *frame, uint32_t size_max)
{
        uint64_t header_size = ((uint64_t)FRAME_FIXED_SIZE + frame->fields_size + 7) / 8 * 8;

        ASSERT(frame->serial != 0 && frame->type != FRAME_TYPE_INVALID);
        ASSERT(frame->header_size == header_size);
        ASSERT(frame->size == header_size + frame->body_size);
        ASSERT(frame->size <= size_max && frame->size <= FRAME_SIZE_MAX);
        ASSERT(frame->big_endian == (data[0] == 'B'));
        ASSERT(frame_load_u32(data + 4, frame->big_endian) == frame->body_size);
        ASSERT(frame_load_u32(data + 12, frame->big_endian) == frame->fields_size);
        ASSERT(frame_load_u16(data + 2, true) == (frame->flags << 8 | 1));
        ASSERT(frame_load_u64(data + 8, true) ==
               ((uint64_t)frame_load_u32(data + 8, true) << 32 | frame_load_u32(data + 12, true)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t stored[4];
        uint32_t size_max;
        FrameResult result;
        Frame frame, again;

        if (size < 4)
                return 0;
        size_max = frame_load_u32(data, false);
        frame_store_u32(stored, size_max, false);
        ASSERT(memcmp(stored, data, 4) == 0);
        data += 4;
        size -= 4;
        result = frame_cut(data, size, size_max, &frame);
        ASSERT(frame_result_text(result)[0] != '\0');
        ASSERT((result == FRAME_SHORT) == (size < FRAME_FIXED_SIZE));
        if (size >= FRAME_FIXED_SIZE)
                ASSERT(frame_cut(data, FRAME_FIXED_SIZE, size_max, &again) == result);
        if (result == FRAME_OK)
                check_frame(data, &frame, size_max);
        return 0;
}
