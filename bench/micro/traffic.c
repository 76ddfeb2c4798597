/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/micro/traffic.h"

#include <string.h>

#include "broker/base/assert.h"

enum {
        REPLY_SERIAL = 7,
        UNKNOWN_FIELD = 100,
        NO_SENDER = 100,
        OFFSET_BODY_SIZE = 4,
        OFFSET_FIELDS_SIZE = 12,
};

typedef struct Field {
        uint8_t code;
        const char *type;
        const char *text; /* NULL: the number REPLY_SERIAL */
} Field;

static const Field call_fields[] = {
        {HEADER_FIELD_PATH, "o", "/org/example/Device/7"},
        {HEADER_FIELD_DESTINATION, "s", "org.example.Daemon"},
        {HEADER_FIELD_INTERFACE, "s", "org.example.Device"},
        {HEADER_FIELD_MEMBER, "s", "GetStatus"},
};

static const Field reply_fields[] = {
        {HEADER_FIELD_DESTINATION, "s", ":1.42"},
        {HEADER_FIELD_REPLY_SERIAL, "u", NULL},
        {HEADER_FIELD_SIGNATURE, "g", "u"},
};

static const Field signal_fields[] = {
        {HEADER_FIELD_PATH, "o", "/org/freedesktop/NetworkManager/AccessPoint/42"},
        {HEADER_FIELD_INTERFACE, "s", "org.freedesktop.DBus.Properties"},
        {HEADER_FIELD_MEMBER, "s", "PropertiesChanged"},
        {HEADER_FIELD_SIGNATURE, "g", "sa{sv}as"},
};

#define FIELDS(array) .fields = (array), .n_fields = ARRAY_SIZE(array)

static const struct Kind {
        const char *name;
        FrameType type;
        const Field *fields;
        size_t n_fields;
        size_t sender_at; /* in front of which field SENDER stands */
        bool unknown;     /* there is an unknown field in front of each */
} kinds[TRAFFIC_KINDS] = {
        [TRAFFIC_CALL] = {"call", FRAME_TYPE_METHOD_CALL, FIELDS(call_fields), NO_SENDER, false},
        [TRAFFIC_REPLY] = {"reply", FRAME_TYPE_METHOD_RETURN, FIELDS(reply_fields), NO_SENDER,
                           false},
        [TRAFFIC_SIGNAL] = {"signal", FRAME_TYPE_SIGNAL, FIELDS(signal_fields), NO_SENDER, false},
        [TRAFFIC_CALL_SENDER] = {"call_sender", FRAME_TYPE_METHOD_CALL, FIELDS(call_fields), 0,
                                 false},
        [TRAFFIC_SIGNAL_SENDER] = {"signal_sender", FRAME_TYPE_SIGNAL, FIELDS(signal_fields), 2,
                                   false},
        [TRAFFIC_SIGNAL_UNKNOWN] = {"signal_unknown", FRAME_TYPE_SIGNAL, FIELDS(signal_fields), 2,
                                    true},
};

const char *traffic_name(TrafficKind kind)
{
        return kinds[kind].name;
}

bool traffic_native(void)
{
        return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

const char *traffic_order_name(bool big_endian)
{
        return big_endian == traffic_native() ? "native" : "swapped";
}

static void write_field(Marshal *bytes, const Field *field)
{
        marshal_align(bytes, 8);
        marshal_u8(bytes, field->code);
        marshal_signature(bytes, field->type);
        if (!field->text)
                marshal_u32(bytes, REPLY_SERIAL);
        else if (field->type[0] == 'g')
                marshal_signature(bytes, field->text);
        else
                marshal_string(bytes, field->text);
}

/* The field array. With `bytes_signature` the body is an "ay", whatever the kind's would be. */
static void write_fields(Marshal *bytes, const struct Kind *kind, bool bytes_signature)
{
        static const Field sender = {HEADER_FIELD_SENDER, "s", ":1.66"};
        static const Field unknown = {UNKNOWN_FIELD, "s", "nobody knows this one"};
        static const Field body = {HEADER_FIELD_SIGNATURE, "g", "ay"};

        for (size_t i = 0; i < kind->n_fields; i++) {
                if (kind->unknown)
                        write_field(bytes, &unknown);
                if (i == kind->sender_at)
                        write_field(bytes, &sender);
                if (!bytes_signature || kind->fields[i].code != HEADER_FIELD_SIGNATURE)
                        write_field(bytes, &kind->fields[i]);
        }
        if (bytes_signature)
                write_field(bytes, &body);
}

static void write_property(Marshal *bytes, const char *name, const char *value)
{
        marshal_align(bytes, 8);
        marshal_string(bytes, name);
        marshal_signature(bytes, value ? "s" : "u");
        if (value)
                marshal_string(bytes, value);
        else
                marshal_u32(bytes, 72);
}

static void write_body(Marshal *bytes, const struct Kind *kind)
{
        MarshalArray array;

        switch (kind->type) {
        case FRAME_TYPE_METHOD_RETURN:
                marshal_u32(bytes, 42);
                break;
        case FRAME_TYPE_SIGNAL:
                marshal_string(bytes, "org.freedesktop.NetworkManager.AccessPoint");
                array = marshal_open_array(bytes, 8);
                write_property(bytes, "Strength", NULL);
                write_property(bytes, "HwAddress", "02:00:00:00:00:01");
                marshal_close_array(bytes, array);
                array = marshal_open_array(bytes, 4);
                marshal_string(bytes, "LastSeen");
                marshal_close_array(bytes, array);
                break;
        case FRAME_TYPE_INVALID:
        case FRAME_TYPE_METHOD_CALL:
        case FRAME_TYPE_ERROR:
                break;
        }
}

static void write_byte_array(Marshal *bytes, size_t body_size)
{
        MarshalArray array = marshal_open_array(bytes, 1);

        for (size_t i = 4; i < body_size; i++)
                marshal_u8(bytes, (uint8_t)i);
        marshal_close_array(bytes, array);
}

void traffic_write(Marshal *bytes, TrafficKind kind, size_t body_size)
{
        size_t body;

        marshal_u8(bytes, bytes->big_endian ? 'B' : 'l');
        marshal_u8(bytes, (uint8_t)kinds[kind].type);
        marshal_u8(bytes, 0); /* flags */
        marshal_u8(bytes, 1); /* version */
        marshal_u32(bytes, 0);
        marshal_u32(bytes, 1); /* serial */
        marshal_u32(bytes, 0);
        write_fields(bytes, &kinds[kind], body_size > 0);
        marshal_patch_u32(bytes, OFFSET_FIELDS_SIZE, (uint32_t)(bytes->size - FRAME_FIXED_SIZE));
        marshal_align(bytes, 8);
        body = bytes->size;
        if (body_size > 0)
                write_byte_array(bytes, body_size);
        else
                write_body(bytes, &kinds[kind]);
        marshal_patch_u32(bytes, OFFSET_BODY_SIZE, (uint32_t)(bytes->size - body));
}

void traffic_make(Traffic *traffic, TrafficKind kind, bool big_endian)
{
        Marshal *bytes = &traffic->bytes;
        Frame frame;

        traffic->kind = kind;
        marshal_init(bytes, big_endian);
        traffic_write(bytes, kind, 0);
        ASSERT(frame_cut(bytes->data, bytes->size, FRAME_SIZE_MAX, &frame) == FRAME_OK);
        ASSERT(frame.size == bytes->size);
        ASSERT(header_parse(bytes->data, &frame, &traffic->header) == HEADER_OK);
        ASSERT(traffic_has_fields(kind, &traffic->header));
}

void traffic_deinit(Traffic *traffic)
{
        marshal_deinit(&traffic->bytes);
}

static Text read_text(const Header *header, uint8_t code)
{
        switch (code) {
        case HEADER_FIELD_PATH:
                return header->path;
        case HEADER_FIELD_INTERFACE:
                return header->interface;
        case HEADER_FIELD_MEMBER:
                return header->member;
        case HEADER_FIELD_DESTINATION:
                return header->destination;
        case HEADER_FIELD_SIGNATURE:
                return header->signature;
        default:
                ASSERT_NOT_REACHED();
        }
}

bool traffic_has_fields(TrafficKind kind, const Header *header)
{
        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                const Field *field = &kinds[kind].fields[i];

                if (!field->text && header->reply_serial != REPLY_SERIAL)
                        return false;
                if (field->text &&
                    !text_equal(read_text(header, field->code), text_from(field->text)))
                        return false;
        }
        return true;
}
