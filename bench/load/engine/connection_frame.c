/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single header fields of a received message, found without validating the others. The broker has
 * validated them; a broker that lies gets "absent" or a wrong text, never a read behind the end.
 */

#include <errno.h>

#include "bench/load/engine/connection.h"
#include "proto/frame.h"

size_t connection_frame_find(const ConnectionFrame *frame, HeaderField field, char *ret_type)
{
        size_t end = FRAME_FIXED_SIZE + frame_load_u32(frame->data + 12, frame->big_endian);
        size_t at = FRAME_FIXED_SIZE;

        while (at + 6 <= end) { /* the header's end is aligned, so 8 bytes can be read */
                const uint8_t *entry = frame->data + at;

                /* code, signature size 1, type, nul, then a value of at least 2 bytes */
                *ret_type = (char)entry[2];
                if (entry[0] == (uint8_t)field)
                        return at + 4;
                if (entry[1] != 1)
                        return 0;
                if (*ret_type == 's' || *ret_type == 'o')
                        at += 4 + 4 + (size_t)frame_load_u32(entry + 4, frame->big_endian) + 1;
                else if (*ret_type == 'g')
                        at += 4 + 1 + (size_t)entry[4] + 1;
                else if (*ret_type == 'u')
                        at += 4 + 4;
                else
                        return 0;
                at = (at + 7) & ~(size_t)7;
        }
        return 0;
}

uint32_t connection_frame_reply_serial(const ConnectionFrame *frame)
{
        char type;
        size_t at = connection_frame_find(frame, HEADER_FIELD_REPLY_SERIAL, &type);

        return at && type == 'u' ? frame_load_u32(frame->data + at, frame->big_endian) : 0;
}

Text connection_frame_field(const ConnectionFrame *frame, HeaderField field)
{
        size_t header_size = frame->size - frame->body_size, size;
        char type;
        size_t at = connection_frame_find(frame, field, &type);

        if (at == 0 || (type != 's' && type != 'o' && type != 'g'))
                return TEXT_NONE;
        if (type == 'g')
                size = frame->data[at++];
        else
                size = frame_load_u32(frame->data + at, frame->big_endian), at += 4;
        if (size > header_size - at)
                return TEXT_NONE;
        return (Text){.data = (const char *)frame->data + at, .size = size};
}

int connection_frame_header(const ConnectionFrame *frame, Header *ret_header)
{
        Frame cut;

        if (frame_cut(frame->data, frame->size, FRAME_SIZE_MAX, &cut) != FRAME_OK ||
            header_parse(frame->data, &cut, ret_header) != HEADER_OK)
                return -EPROTO;
        return 0;
}
