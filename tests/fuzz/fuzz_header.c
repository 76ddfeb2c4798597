/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header fields and stamping. A header that is valid must stay so when stamped: with the same
 * fields, the new sender, and nothing left to strip.
 */

#include "broker/base/assert.h"
#include "proto/header.h"
#include "proto/stamp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(const uint8_t *data, const Frame *frame, Text text)
{
        const char *start = (const char *)data;

        return !text_present(text) || text.size == 0 ||
               (text.data >= start + FRAME_FIXED_SIZE &&
                text.data + text.size < start + FRAME_FIXED_SIZE + frame->fields_size);
}

static void check_texts(const uint8_t *data, const Header *header)
{
        ASSERT(inside(data, &header->frame, header->path));
        ASSERT(inside(data, &header->frame, header->interface));
        ASSERT(inside(data, &header->frame, header->member));
        ASSERT(inside(data, &header->frame, header->error_name));
        ASSERT(inside(data, &header->frame, header->destination));
        ASSERT(inside(data, &header->frame, header->sender));
        ASSERT(inside(data, &header->frame, header->signature));
}

static void check_same(const Header *a, const Header *b)
{
        ASSERT(text_equal(a->path, b->path));
        ASSERT(text_equal(a->interface, b->interface));
        ASSERT(text_equal(a->member, b->member));
        ASSERT(text_equal(a->error_name, b->error_name));
        ASSERT(text_equal(a->destination, b->destination));
        ASSERT(text_equal(a->signature, b->signature));
        ASSERT(a->reply_serial == b->reply_serial);
        ASSERT(a->n_unix_fds == b->n_unix_fds);
        ASSERT(a->frame.serial == b->frame.serial);
        ASSERT(a->frame.body_size == b->frame.body_size);
}

static void check_stamped(const uint8_t *data, const Header *header, Text sender)
{
        uint32_t size = stamp_size(data, header, sender);
        uint8_t *stamped = malloc(size);
        size_t position = 0;
        StampPlan plan;
        Header again;
        Frame frame;

        ASSERT(stamped != NULL);
        stamp_write(data, header, sender, stamped);
        ASSERT(frame_cut(stamped, size, FRAME_SIZE_MAX, &frame) == FRAME_OK);
        ASSERT(frame.header_size == size);
        ASSERT(header_parse(stamped, &frame, &again) == HEADER_OK);
        ASSERT(again.n_stripped == 1 && text_equal(again.sender, sender));
        check_same(header, &again);
        if (stamp_plan(data, header, sender, &plan)) {
                ASSERT(plan.header_size == size);
                for (unsigned i = 0; i < plan.n_runs; i++) {
                        ASSERT(plan.runs[i].iov_len <= size - position);
                        ASSERT(memcmp(plan.runs[i].iov_base, stamped + position,
                                      plan.runs[i].iov_len) == 0);
                        position += plan.runs[i].iov_len;
                }
                ASSERT(position == size);
        }
        free(stamped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        HeaderResult result;
        Header header;
        Frame frame;

        /* Room for the stamped header under the limit. */
        if (frame_cut(data, size, FRAME_SIZE_MAX - STAMP_PATCH_MAX, &frame) != FRAME_OK)
                return 0;
        if (frame.header_size > size)
                return 0;
        result = header_parse(data, &frame, &header);
        ASSERT(header_result_text(result)[0] != '\0');
        if (result != HEADER_OK)
                return 0;
        check_texts(data, &header);
        check_stamped(data, &header, TEXT(":1.1"));
        check_stamped(data, &header, TEXT("org.freedesktop.DBus"));
        return 0;
}
