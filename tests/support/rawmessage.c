/* SPDX-License-Identifier: Apache-2.0 */

/* See rawmessage.h. */

#include "tests/support/rawmessage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rawmessage_field_text(Marshal *fields, uint8_t code, char type, const char *text)
{
        const char signature[2] = {type, '\0'};

        marshal_align(fields, 8);
        marshal_u8(fields, code);
        marshal_signature(fields, signature);
        if (type == 'g')
                marshal_signature(fields, text);
        else
                marshal_string(fields, text);
}

void rawmessage_field_u32(Marshal *fields, uint8_t code, uint32_t value)
{
        marshal_align(fields, 8);
        marshal_u8(fields, code);
        marshal_signature(fields, "u");
        marshal_u32(fields, value);
}

static void rawmessage_add_text(Marshal *bytes, uint8_t code, char type, const char *text)
{
        if (text)
                rawmessage_field_text(bytes, code, type, text);
}

static void rawmessage_add_u32(Marshal *bytes, uint8_t code, uint32_t value)
{
        if (value)
                rawmessage_field_u32(bytes, code, value);
}

static void rawmessage_add_encoded(Marshal *bytes, const Marshal *fields)
{
        if (!fields)
                return;
        marshal_align(bytes, 8);
        marshal_bytes(bytes, fields->data, fields->size);
}

void rawmessage_build(const RawHeader *header, const Marshal *body, Marshal *ret_bytes)
{
        Marshal *bytes = ret_bytes;
        MarshalArray fields;

        marshal_u8(bytes, bytes->big_endian ? 'B' : 'l');
        marshal_u8(bytes, header->type);
        marshal_u8(bytes, header->flags);
        marshal_u8(bytes, 1);
        marshal_u32(bytes, body ? (uint32_t)body->size : 0);
        marshal_u32(bytes, header->serial);
        fields = marshal_open_array(bytes, 8);
        rawmessage_add_encoded(bytes, header->fields_before);
        rawmessage_add_text(bytes, RAWMESSAGE_FIELD_PATH, 'o', header->path);
        rawmessage_add_text(bytes, RAWMESSAGE_FIELD_INTERFACE, 's', header->interface);
        rawmessage_add_text(bytes, RAWMESSAGE_FIELD_MEMBER, 's', header->member);
        rawmessage_add_text(bytes, RAWMESSAGE_FIELD_ERROR_NAME, 's', header->error_name);
        rawmessage_add_u32(bytes, RAWMESSAGE_FIELD_REPLY_SERIAL, header->reply_serial);
        rawmessage_add_text(bytes, RAWMESSAGE_FIELD_DESTINATION, 's', header->destination);
        rawmessage_add_text(bytes, RAWMESSAGE_FIELD_SENDER, 's', header->sender);
        rawmessage_add_text(bytes, RAWMESSAGE_FIELD_SIGNATURE, 'g', header->signature);
        rawmessage_add_u32(bytes, RAWMESSAGE_FIELD_UNIX_FDS, header->unix_fds);
        rawmessage_add_encoded(bytes, header->fields_after);
        marshal_close_array(bytes, fields);
        marshal_align(bytes, 8);
        if (body)
                marshal_bytes(bytes, body->data, body->size);
}

void rawmessage_build_values(const RawHeader *header, Marshal *ret_bytes, ...)
{
        Marshal body;
        va_list values;

        marshal_init(&body, ret_bytes->big_endian);
        va_start(values, ret_bytes);
        marshal_values(&body, header->signature ? header->signature : "", values);
        va_end(values);
        rawmessage_build(header, &body, ret_bytes);
        marshal_deinit(&body);
}

size_t rawmessage_size(const uint8_t *data, size_t size)
{
        MarshalReader reader;
        uint64_t fields_size, body_size;

        if (size < RAWMESSAGE_FIXED_SIZE)
                return 0;
        if (data[0] != 'l' && data[0] != 'B')
                return SIZE_MAX;
        marshal_reader_init(&reader, data, size, data[0] == 'B');
        reader.at = 4;
        body_size = marshal_reader_u32(&reader);
        reader.at = 12;
        fields_size = marshal_reader_u32(&reader);
        return RAWMESSAGE_FIXED_SIZE + (fields_size + 7) / 8 * 8 + body_size;
}

/* Where the value of a string field is kept, or NULL. */
static const char **rawmessage_text_slot(RawMessage *message, uint8_t code)
{
        switch (code) {
        case RAWMESSAGE_FIELD_PATH:
                return &message->path;
        case RAWMESSAGE_FIELD_INTERFACE:
                return &message->interface;
        case RAWMESSAGE_FIELD_MEMBER:
                return &message->member;
        case RAWMESSAGE_FIELD_ERROR_NAME:
                return &message->error_name;
        case RAWMESSAGE_FIELD_DESTINATION:
                return &message->destination;
        case RAWMESSAGE_FIELD_SENDER:
                return &message->sender;
        case RAWMESSAGE_FIELD_SIGNATURE:
                return &message->signature;
        default:
                return NULL;
        }
}

static void rawmessage_parse_field(RawMessage *message, MarshalReader *reader)
{
        uint8_t code;
        const char *type, *text;
        const char **slot;
        uint32_t value;

        marshal_reader_align(reader, 8);
        code = marshal_reader_u8(reader);
        if (message->n_fields < RAWMESSAGE_FIELDS_MAX)
                message->field_codes[message->n_fields++] = code;
        type = marshal_reader_signature(reader);
        slot = rawmessage_text_slot(message, code);
        if (!strcmp(type, "u")) {
                value = marshal_reader_u32(reader);
                if (code == RAWMESSAGE_FIELD_REPLY_SERIAL)
                        message->reply_serial = value;
                if (code == RAWMESSAGE_FIELD_UNIX_FDS)
                        message->unix_fds = value;
        } else if (!strcmp(type, "s") || !strcmp(type, "o") || !strcmp(type, "g")) {
                text = type[0] == 'g' ? marshal_reader_signature(reader)
                                      : marshal_reader_string(reader);
                if (slot)
                        *slot = text;
        } else {
                /* No field of another type is ever due to a client of these tests. */
                reader->bad = true;
        }
}

RawMessage *rawmessage_parse(const uint8_t *data, size_t size)
{
        RawMessage *message = calloc(1, sizeof(*message));
        MarshalReader reader;
        uint32_t body_size, fields_size;

        if (!message || !(message->data = malloc(size)))
                abort();
        memcpy(message->data, data, size);
        message->size = size;
        message->big_endian = data[0] == 'B';
        marshal_reader_init(&reader, message->data, size, message->big_endian);
        reader.at = 1;
        message->type = marshal_reader_u8(&reader);
        message->flags = marshal_reader_u8(&reader);
        if (marshal_reader_u8(&reader) != 1)
                reader.bad = true;
        body_size = marshal_reader_u32(&reader);
        message->serial = marshal_reader_u32(&reader);
        fields_size = marshal_reader_u32(&reader);
        while (!reader.bad && reader.at < RAWMESSAGE_FIXED_SIZE + (size_t)fields_size)
                rawmessage_parse_field(message, &reader);
        marshal_reader_align(&reader, 8);
        if (reader.bad || reader.at + body_size != size)
                return rawmessage_free(message);
        message->body = message->data + reader.at;
        message->body_size = body_size;
        return message;
}

RawMessage *rawmessage_free(RawMessage *message)
{
        if (!message)
                return NULL;
        for (size_t i = 0; i < message->n_fds; i++) {
                if (message->fds[i] >= 0)
                        close(message->fds[i]);
        }
        free(message->data);
        free(message);
        return NULL;
}

static void rawmessage_read_value(MarshalReader *reader, char type, va_list *to)
{
        switch (type) {
        case 'y':
                *va_arg(*to, unsigned *) = marshal_reader_u8(reader);
                break;
        case 'n':
        case 'q':
                *va_arg(*to, unsigned *) = marshal_reader_u16(reader);
                break;
        case 'b':
        case 'i':
        case 'u':
        case 'h':
                *va_arg(*to, unsigned *) = marshal_reader_u32(reader);
                break;
        case 'x':
        case 't':
                *va_arg(*to, uint64_t *) = marshal_reader_u64(reader);
                break;
        case 's':
        case 'o':
                *va_arg(*to, const char **) = marshal_reader_string(reader);
                break;
        case 'g':
                *va_arg(*to, const char **) = marshal_reader_signature(reader);
                break;
        default:
                reader->bad = true;
        }
}

bool rawmessage_read(const RawMessage *message, const char *types, ...)
{
        MarshalReader reader;
        va_list to;

        if (strcmp(message->signature ? message->signature : "", types) != 0)
                return false;
        marshal_reader_init(&reader, message->body, message->body_size, message->big_endian);
        va_start(to, types);
        for (; *types; types++)
                rawmessage_read_value(&reader, *types, &to);
        va_end(to);
        return !reader.bad && reader.at == message->body_size;
}

int rawmessage_read_strings(const RawMessage *message, const char **ret_strings, size_t max)
{
        MarshalReader reader;
        uint32_t length;
        size_t n = 0;

        if (!message->signature || strcmp(message->signature, "as") != 0)
                return -1;
        marshal_reader_init(&reader, message->body, message->body_size, message->big_endian);
        length = marshal_reader_u32(&reader);
        if (length != message->body_size - 4)
                return -1;
        while (!reader.bad && reader.at < message->body_size && n < max)
                ret_strings[n++] = marshal_reader_string(&reader);
        return reader.bad || reader.at != message->body_size ? -1 : (int)n;
}

const char *rawmessage_describe(const RawMessage *message, char *text, size_t size)
{
        static const char *const types[] = {"invalid", "call", "return", "error", "signal"};
        const char *first = NULL;
        MarshalReader reader;

        marshal_reader_init(&reader, message->body, message->body_size, message->big_endian);
        if (message->signature && message->signature[0] == 's')
                first = marshal_reader_string(&reader);
        snprintf(text, size,
                 "%s serial=%u reply_serial=%u sender=%s destination=%s %s %s.%s %s (%s) %s",
                 message->type < 5 ? types[message->type] : "unknown type", message->serial,
                 message->reply_serial, message->sender ? message->sender : "-",
                 message->destination ? message->destination : "-",
                 message->path ? message->path : "-", message->interface ? message->interface : "-",
                 message->member ? message->member : "-",
                 message->error_name ? message->error_name : "-",
                 message->signature ? message->signature : "", first ? first : "");
        return text;
}
