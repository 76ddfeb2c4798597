/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/scenario/names_change.h"

#include "proto/frame.h"

/* Reads a text of a body of texts and moves on. */
static bool next_text(const ConnectionFrame *frame, size_t *at, Text *ret_text)
{
        size_t begin = (*at + 3) & ~(size_t)3;
        uint32_t size;

        if (begin + 5 > frame->body_size)
                return false;
        size = frame_load_u32(frame->body + begin, frame->big_endian);
        if (size > frame->body_size - begin - 5)
                return false;
        *at = begin + 5 + size;
        *ret_text = (Text){.data = (const char *)frame->body + begin + 4, .size = size};
        return true;
}

bool names_change_read(const ConnectionFrame *frame, NamesChange *ret_change)
{
        size_t at = 0;

        return next_text(frame, &at, &ret_change->name) &&
               next_text(frame, &at, &ret_change->before) &&
               next_text(frame, &at, &ret_change->after);
}
