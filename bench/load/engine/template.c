/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"

enum { SERIAL_AT = 8, REPLY_SERIAL_PLACE = 1 };

/* Where the value of REPLY_SERIAL lies, or 0. */
static size_t find_reply_serial(const uint8_t *data, size_t size)
{
        static const uint8_t field[4] = {HEADER_FIELD_REPLY_SERIAL, 1, 'u', 0};

        for (size_t at = FRAME_FIXED_SIZE; at + 8 <= size; at += 8)
                if (memcmp(data + at, field, sizeof(field)) == 0)
                        return at + 4;
        return 0;
}

void template_build(Template *template, const WriterHeader *header, const void *body,
                    size_t body_size, size_t stamp_offset)
{
        size_t capacity = 4096 + body_size, size;
        WriterHeader first = *header;
        Writer writer;

        *template = (Template){.data = alloc_aligned(8, capacity)};
        if (!template->data)
                abort();
        first.serial = 1;
        writer_begin(&writer, template->data, capacity, &first);
        if (header->reply_serial)
                template->reply_serial_at = find_reply_serial(template->data, writer.size);
        if (stamp_offset != SIZE_MAX)
                template->stamp_at = writer.size + stamp_offset;
        writer_raw(&writer, body, body_size);
        if (writer_finish(&writer, &size) < 0)
                abort();
        template->size = size;
}

/* With an "ay" of zeros. */
static void build(Template *template, const WriterHeader *header, size_t payload)
{
        WriterHeader with_body = *header;
        uint32_t payload_size = (uint32_t)payload;
        uint8_t *body = alloc_zeroed(1, sizeof(payload_size) + payload);

        if (!body)
                abort();
        memcpy(body, &payload_size, sizeof(payload_size));
        if (payload > 0)
                with_body.signature = TEXT("ay");
        template_build(template, &with_body, body, payload > 0 ? sizeof(payload_size) + payload : 0,
                       payload >= sizeof(uint64_t) ? sizeof(payload_size) : SIZE_MAX);
        alloc_free(body);
}

static WriterHeader header_of(const TemplateTarget *target, FrameType type, uint8_t flags)
{
        return (WriterHeader){
                .type = (uint8_t)type,
                .flags = flags,
                .path = text_from(target->path),
                .interface = text_from(target->interface),
                .member = text_from(target->member),
                .destination = text_from(target->destination),
        };
}

void template_call(Template *template, const TemplateTarget *target, size_t payload)
{
        WriterHeader header = header_of(target, FRAME_TYPE_METHOD_CALL, 0);

        build(template, &header, payload);
}

void template_oneway(Template *template, const TemplateTarget *target, size_t payload)
{
        WriterHeader header =
                header_of(target, FRAME_TYPE_METHOD_CALL, FRAME_FLAG_NO_REPLY_EXPECTED);

        build(template, &header, payload);
}

void template_signal(Template *template, const TemplateTarget *target, size_t payload)
{
        WriterHeader header = header_of(target, FRAME_TYPE_SIGNAL, FRAME_FLAG_NO_REPLY_EXPECTED);

        build(template, &header, payload);
}

void template_return(Template *template, const char *destination, size_t payload)
{
        WriterHeader header = {
                .type = FRAME_TYPE_METHOD_RETURN,
                .flags = FRAME_FLAG_NO_REPLY_EXPECTED,
                .reply_serial = REPLY_SERIAL_PLACE,
                .destination = text_from(destination),
        };

        build(template, &header, payload);
}

void template_deinit(Template *template)
{
        alloc_free(template->data);
        *template = (Template){0};
}

static void queue(const Template *template, Connection *connection, const uint32_t serials[2],
                  uint64_t stamp)
{
        uint8_t *copy;

        if (connection->fd < 0)
                return;
        copy = connection_reserve(connection, template->size);
        memcpy(copy, template->data, template->size);
        memcpy(copy + SERIAL_AT, &serials[0], sizeof(serials[0]));
        if (template->reply_serial_at)
                memcpy(copy + template->reply_serial_at, &serials[1], sizeof(serials[1]));
        if (template->stamp_at)
                memcpy(copy + template->stamp_at, &stamp, sizeof(stamp));
        connection_commit(connection, template->size);
}

void template_send(const Template *template, Connection *connection, uint32_t serial,
                   uint64_t stamp)
{
        queue(template, connection, (const uint32_t[2]){serial, 0}, stamp);
}

void template_reply(const Template *template, Connection *connection, uint32_t reply_serial,
                    uint64_t stamp)
{
        queue(template, connection,
              (const uint32_t[2]){connection_serial(connection), reply_serial}, stamp);
}
