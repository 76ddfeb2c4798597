/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/trace/unmarshal.h"
#include "proto/frame.h"

void unmarshal_align(Unmarshal *body, size_t alignment)
{
        body->position = (body->position + alignment - 1) & ~(alignment - 1);
}

uint32_t unmarshal_u32(Unmarshal *body)
{
        uint32_t value;

        unmarshal_align(body, 4);
        value = frame_load_u32(body->data + body->position, body->big_endian);
        body->position += 4;
        return value;
}

Text unmarshal_text(Unmarshal *body)
{
        size_t size = unmarshal_u32(body);
        Text text = {.data = (const char *)body->data + body->position, .size = size};

        body->position += size + 1;
        return text;
}

size_t unmarshal_array(Unmarshal *body, size_t alignment)
{
        size_t size = unmarshal_u32(body);

        unmarshal_align(body, alignment);
        return body->position + size;
}
