/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stamping. Every field begins at an 8-byte boundary of the message, so a header stays valid when
 * whole stretches, from one field's first byte to the next one's, are cut out of it: the kept
 * bytes need no copy and no second marshalling. SENDER goes to the end; what is behind it up to
 * the next boundary is zero, as is the padding inside the stretches, which the parser checked.
 */

#include "proto/stamp.h"
#include "broker/base/assert.h"
#include "proto/body.h"
#include "proto/wire.h"

enum {
        OFFSET_FIELDS_SIZE = 12,
        SENDER_PREFIX = 8, /* code, "s" as a variant's signature, size word */
        SENDER_MAX = 255,
};

/* Owner: the caller's stack. Moves over the field array of a valid message. */
typedef struct Cursor {
        const uint8_t *data;
        size_t position, end; /* position: of a field, or end, rounded up to 8 */
        bool big_endian;
} Cursor;

/* Kept bytes: whole fields with their padding. */
typedef struct Stretch {
        size_t start, end; /* multiples of 8 */
} Stretch;

static void cursor_init(Cursor *cursor, const uint8_t *data, const Header *header)
{
        cursor->data = data;
        cursor->position = FRAME_FIXED_SIZE;
        cursor->end = FRAME_FIXED_SIZE + (size_t)header->frame.fields_size;
        cursor->big_endian = header->frame.big_endian;
}

static bool is_stripped(uint8_t code)
{
        return code == HEADER_FIELD_SENDER || code >= HEADER_FIELD_CONTAINER_INSTANCE;
}

static size_t value_end(const Cursor *cursor)
{
        const uint8_t *field = cursor->data + cursor->position;
        Text signature = {(const char *)field + 2, field[1]};
        size_t value = cursor->position + 2 + signature.size + 1;
        size_t end = cursor->end;

        switch (signature.data[0]) {
        case 's':
        case 'o':
                return value + 4 + wire_load_u32(cursor->data + value, cursor->big_endian) + 1;
        case 'g':
                return value + 1 + cursor->data[value] + 1;
        case 'u':
                return value + 4;
        default:
                (void)body_validate_value(cursor->data, cursor->end, value, signature,
                                          cursor->big_endian, &end);
                return end;
        }
}

/* Moves over one field; returns its code. */
static uint8_t cursor_next(Cursor *cursor)
{
        uint8_t code = cursor->data[cursor->position];

        cursor->position = wire_align(value_end(cursor), 8);
        return code;
}

/* The next stretch of kept fields; false behind the last. */
static bool cursor_next_stretch(Cursor *cursor, Stretch *ret_stretch)
{
        size_t start = cursor->position;
        size_t end = start;

        while (cursor->position < cursor->end) {
                if (!is_stripped(cursor_next(cursor))) {
                        end = cursor->position;
                        continue;
                }
                if (end > start)
                        break;
                start = end = cursor->position;
        }
        *ret_stretch = (Stretch){.start = start, .end = end};
        return end > start;
}

/* Without anything to strip the whole array is one stretch, and need not be looked at. */
static bool next_stretch(Cursor *cursor, const Header *header, Stretch *ret_stretch)
{
        if (header->n_stripped > 0)
                return cursor_next_stretch(cursor, ret_stretch);
        *ret_stretch = (Stretch){.start = cursor->position, .end = header->frame.header_size};
        cursor->position = header->frame.header_size;
        return ret_stretch->end > ret_stretch->start;
}

/* Writes the field and its padding; returns the size with padding. */
static uint32_t write_sender(uint8_t *out, Text sender, bool big_endian)
{
        static const uint8_t prefix[4] = {HEADER_FIELD_SENDER, 1, 's', 0};
        size_t size = wire_align(SENDER_PREFIX + sender.size + 1, 8);

        memcpy(out, prefix, sizeof(prefix));
        wire_store_u32(out + sizeof(prefix), (uint32_t)sender.size, big_endian);
        memcpy(out + SENDER_PREFIX, sender.data, sender.size);
        memset(out + SENDER_PREFIX + sender.size, 0, size - SENDER_PREFIX - sender.size);
        return (uint32_t)size;
}

/* The fixed part with the array's new size; `kept` counts the bytes of all stretches. */
static void write_fixed(uint8_t *out, const uint8_t *data, const Header *header, Text sender,
                        size_t kept)
{
        uint32_t fields_size = (uint32_t)(kept + SENDER_PREFIX + sender.size + 1);

        memcpy(out, data, FRAME_FIXED_SIZE);
        wire_store_u32(out + OFFSET_FIELDS_SIZE, fields_size, header->frame.big_endian);
}

/* An iovec has no pointers to const, not even for what is only read. */
static struct iovec run_of(const uint8_t *data, size_t size)
{
        union {
                const void *readable;
                void *base;
        } pointer = {.readable = data};

        return (struct iovec){.iov_base = pointer.base, .iov_len = size};
}

bool stamp_plan(const uint8_t *data, const Header *header, Text sender, StampPlan *plan)
{
        size_t kept = 0;
        unsigned n_runs = 1;
        Stretch stretch;
        Cursor cursor;
        uint32_t patch_size;

        ASSERT(sender.size <= SENDER_MAX);
        cursor_init(&cursor, data, header);
        while (next_stretch(&cursor, header, &stretch)) {
                if (n_runs == STAMP_RUNS_MAX - 1)
                        return false;
                plan->runs[n_runs++] = run_of(data + stretch.start, stretch.end - stretch.start);
                kept += stretch.end - stretch.start;
        }
        write_fixed(plan->fixed, data, header, sender, kept);
        plan->runs[0] = run_of(plan->fixed, FRAME_FIXED_SIZE);
        patch_size = write_sender(plan->patch, sender, header->frame.big_endian);
        plan->runs[n_runs++] = run_of(plan->patch, patch_size);
        plan->n_runs = n_runs;
        plan->header_size = (uint32_t)(FRAME_FIXED_SIZE + kept) + patch_size;
        return true;
}

uint32_t stamp_size(const uint8_t *data, const Header *header, Text sender)
{
        size_t size = FRAME_FIXED_SIZE + wire_align(SENDER_PREFIX + sender.size + 1, 8);
        Stretch stretch;
        Cursor cursor;

        cursor_init(&cursor, data, header);
        while (next_stretch(&cursor, header, &stretch))
                size += stretch.end - stretch.start;
        return (uint32_t)size;
}

void stamp_write(const uint8_t *data, const Header *header, Text sender, uint8_t *out)
{
        size_t kept = 0;
        Stretch stretch;
        Cursor cursor;

        ASSERT(sender.size <= SENDER_MAX);
        cursor_init(&cursor, data, header);
        while (next_stretch(&cursor, header, &stretch)) {
                memcpy(out + FRAME_FIXED_SIZE + kept, data + stretch.start,
                       stretch.end - stretch.start);
                kept += stretch.end - stretch.start;
        }
        write_fixed(out, data, header, sender, kept);
        (void)write_sender(out + FRAME_FIXED_SIZE + kept, sender, header->frame.big_endian);
}
