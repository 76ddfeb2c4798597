/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header fields: one pass over the array. Known fields have one type each, so that three bytes
 * compared stand for their variant's signature; only unknown ones take the general walk.
 */

#include "proto/header.h"
#include "proto/body.h"
#include "proto/signature.h"
#include "proto/syntax.h"
#include "proto/wire.h"

enum {
        FIELDS_KNOWN = HEADER_FIELD_CONTAINER_INSTANCE + 1,
        FIELD_SIZE_MIN = 4, /* code, and the shortest signature of a variant */
};

#define LOCAL_PATH TEXT("/org/freedesktop/DBus/Local")
#define LOCAL_INTERFACE TEXT("org.freedesktop.DBus.Local")

typedef struct FieldSet {
        const uint8_t *data;
        size_t position, end;
        bool big_endian;
        uint32_t seen; /* bit per known code */
        uint32_t n_stripped;
        uint32_t numbers[FIELDS_KNOWN]; /* by code: REPLY_SERIAL, UNIX_FDS */
        Text texts[FIELDS_KNOWN];       /* by code: all others */
} FieldSet;

static const char field_types[FIELDS_KNOWN] = {
        [HEADER_FIELD_PATH] = 'o',         [HEADER_FIELD_INTERFACE] = 's',
        [HEADER_FIELD_MEMBER] = 's',       [HEADER_FIELD_ERROR_NAME] = 's',
        [HEADER_FIELD_REPLY_SERIAL] = 'u', [HEADER_FIELD_DESTINATION] = 's',
        [HEADER_FIELD_SENDER] = 's',       [HEADER_FIELD_SIGNATURE] = 'g',
        [HEADER_FIELD_UNIX_FDS] = 'u',     [HEADER_FIELD_CONTAINER_INSTANCE] = 'o',
};

/* The reserved names are prefixes to the reference: it would drop a connection that relays
 * "org.freedesktop.DBus.Locality" to it, so nobody here may send it. */
static bool is_local(Text text, Text local)
{
        return text_starts_with(text, local);
}

static HeaderResult check_text(uint8_t code, Text text)
{
        bool valid = false;

        switch ((HeaderField)code) {
        case HEADER_FIELD_PATH:
                if (is_local(text, LOCAL_PATH))
                        return HEADER_RESERVED_LOCAL;
                valid = syntax_is_object_path(text);
                break;
        case HEADER_FIELD_CONTAINER_INSTANCE:
                valid = syntax_is_object_path(text);
                break;
        case HEADER_FIELD_INTERFACE:
                if (is_local(text, LOCAL_INTERFACE))
                        return HEADER_RESERVED_LOCAL;
                valid = syntax_is_interface(text);
                break;
        case HEADER_FIELD_MEMBER:
                valid = syntax_is_member(text);
                break;
        case HEADER_FIELD_ERROR_NAME:
                valid = syntax_is_error_name(text);
                break;
        case HEADER_FIELD_DESTINATION:
        case HEADER_FIELD_SENDER:
                valid = syntax_is_bus_name(text);
                break;
        case HEADER_FIELD_SIGNATURE:
                valid = signature_is_valid(text);
                break;
        case HEADER_FIELD_INVALID:
        case HEADER_FIELD_REPLY_SERIAL:
        case HEADER_FIELD_UNIX_FDS:
                break;
        }
        return valid ? HEADER_OK : HEADER_BAD_FIELD_VALUE;
}

/* The value of a known field at set->position, which is a multiple of 4. */
static HeaderResult take_value(FieldSet *set, uint8_t code)
{
        const uint8_t *value = set->data + set->position;
        size_t room = set->end - set->position;
        size_t prefix = field_types[code] == 'g' ? 1 : 4;
        size_t size;

        if (room < prefix)
                return HEADER_BAD_STRUCTURE;
        size = prefix == 1 ? *value : wire_load_u32(value, set->big_endian);
        set->position += prefix;
        if (field_types[code] == 'u') {
                set->numbers[code] = (uint32_t)size;
                return HEADER_OK;
        }
        if (size >= room - prefix)
                return HEADER_BAD_STRUCTURE;
        if (value[prefix + size] != '\0')
                return HEADER_BAD_FIELD_VALUE;
        set->position += size + 1;
        set->texts[code] = (Text){.data = (const char *)value + prefix, .size = size};
        return check_text(code, set->texts[code]);
}

static HeaderResult take_known(FieldSet *set, uint8_t code)
{
        const uint8_t *field = set->data + set->position;

        if (field[1] != 1 || field[2] != (uint8_t)field_types[code])
                return HEADER_BAD_FIELD_TYPE;
        if (field[3] != 0)
                return HEADER_BAD_STRUCTURE;
        if (set->seen & (UINT32_C(1) << code))
                return HEADER_DUPLICATE_FIELD;
        set->seen |= UINT32_C(1) << code;
        if (code == HEADER_FIELD_SENDER || code == HEADER_FIELD_CONTAINER_INSTANCE)
                set->n_stripped++;
        set->position += FIELD_SIZE_MIN;
        return take_value(set, code);
}

/* A field that nobody here knows: its value must still be valid. */
static HeaderResult skip_unknown(FieldSet *set)
{
        size_t size = set->data[set->position + 1];
        size_t value = set->position + 2 + size + 1;
        Text signature = {(const char *)set->data + set->position + 2, size};

        if (value > set->end || set->data[value - 1] != '\0')
                return HEADER_BAD_STRUCTURE;
        set->n_stripped++;
        switch (body_validate_value(set->data, set->end, value, signature, set->big_endian,
                                    &set->position)) {
        case BODY_OK:
                return HEADER_OK;
        case BODY_BAD_PADDING:
                return HEADER_BAD_PADDING;
        case BODY_TOO_SHORT:
        case BODY_TOO_LONG:
        case BODY_BAD_ARRAY_SIZE:
        case BODY_TOO_DEEP:
        case BODY_BAD_SIGNATURE:
                return HEADER_BAD_STRUCTURE;
        case BODY_BAD_BOOLEAN:
        case BODY_BAD_STRING:
        case BODY_BAD_OBJECT_PATH:
                break;
        }
        return HEADER_BAD_FIELD_VALUE;
}

static HeaderResult take_fields(FieldSet *set)
{
        while (set->position < set->end) {
                size_t start = wire_align(set->position, 8);
                HeaderResult result;
                uint8_t code;

                if (start + FIELD_SIZE_MIN > set->end)
                        return HEADER_BAD_STRUCTURE;
                if (!wire_is_zero(set->data + set->position, start - set->position))
                        return HEADER_BAD_PADDING;
                set->position = start;
                code = set->data[start];
                if (code == HEADER_FIELD_INVALID)
                        return HEADER_BAD_FIELD_CODE;
                result = code < FIELDS_KNOWN ? take_known(set, code) : skip_unknown(set);
                if (result != HEADER_OK)
                        return result;
        }
        return HEADER_OK;
}

static bool has_required_fields(uint8_t type, uint32_t seen)
{
        uint32_t required = 0;

        switch ((FrameType)type) {
        case FRAME_TYPE_METHOD_CALL:
                required = 1U << HEADER_FIELD_PATH | 1U << HEADER_FIELD_MEMBER;
                break;
        case FRAME_TYPE_SIGNAL:
                required = 1U << HEADER_FIELD_PATH | 1U << HEADER_FIELD_INTERFACE |
                           1U << HEADER_FIELD_MEMBER;
                break;
        case FRAME_TYPE_ERROR:
                required = 1U << HEADER_FIELD_ERROR_NAME | 1U << HEADER_FIELD_REPLY_SERIAL;
                break;
        case FRAME_TYPE_METHOD_RETURN:
                required = 1U << HEADER_FIELD_REPLY_SERIAL;
                break;
        case FRAME_TYPE_INVALID:
                break;
        }
        return (seen & required) == required;
}

static HeaderResult check_message(const FieldSet *set, const Frame *frame)
{
        if (!wire_is_zero(set->data + set->end, frame->header_size - set->end))
                return HEADER_BAD_PADDING;
        if ((set->seen & (1U << HEADER_FIELD_REPLY_SERIAL)) &&
            set->numbers[HEADER_FIELD_REPLY_SERIAL] == 0)
                return HEADER_BAD_REPLY_SERIAL;
        if (!has_required_fields(frame->type, set->seen))
                return HEADER_MISSING_FIELD;
        if (frame->body_size > 0 && set->texts[HEADER_FIELD_SIGNATURE].size == 0)
                return HEADER_BODY_WITHOUT_SIGNATURE;
        return HEADER_OK;
}

HeaderResult header_parse(const uint8_t *data, const Frame *frame, Header *ret_header)
{
        FieldSet set = {
                .data = data,
                .position = FRAME_FIXED_SIZE,
                .end = FRAME_FIXED_SIZE + (size_t)frame->fields_size,
                .big_endian = frame->big_endian,
                .texts[HEADER_FIELD_SIGNATURE] = TEXT(""),
        };
        HeaderResult result = take_fields(&set);

        if (result == HEADER_OK)
                result = check_message(&set, frame);
        if (result != HEADER_OK)
                return result;
        ret_header->frame = *frame;
        ret_header->path = set.texts[HEADER_FIELD_PATH];
        ret_header->interface = set.texts[HEADER_FIELD_INTERFACE];
        ret_header->member = set.texts[HEADER_FIELD_MEMBER];
        ret_header->error_name = set.texts[HEADER_FIELD_ERROR_NAME];
        ret_header->destination = set.texts[HEADER_FIELD_DESTINATION];
        ret_header->sender = set.texts[HEADER_FIELD_SENDER];
        ret_header->signature = set.texts[HEADER_FIELD_SIGNATURE];
        ret_header->reply_serial = set.numbers[HEADER_FIELD_REPLY_SERIAL];
        ret_header->n_unix_fds = set.numbers[HEADER_FIELD_UNIX_FDS];
        ret_header->n_stripped = set.n_stripped;
        return HEADER_OK;
}

const char *header_result_text(HeaderResult result)
{
        switch (result) {
        case HEADER_OK:
                return "valid";
        case HEADER_BAD_STRUCTURE:
                return "malformed header field array";
        case HEADER_BAD_PADDING:
                return "padding that is not zero";
        case HEADER_BAD_FIELD_CODE:
                return "header field code 0";
        case HEADER_BAD_FIELD_TYPE:
                return "header field of the wrong type";
        case HEADER_BAD_FIELD_VALUE:
                return "invalid header field value";
        case HEADER_DUPLICATE_FIELD:
                return "header field given twice";
        case HEADER_MISSING_FIELD:
                return "required header field missing";
        case HEADER_RESERVED_LOCAL:
                return "reserved local path or interface";
        case HEADER_BAD_REPLY_SERIAL:
                return "reply serial 0";
        case HEADER_BODY_WITHOUT_SIGNATURE:
                return "body without signature";
        }
        return "unknown result";
}
