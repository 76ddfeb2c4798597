/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/process.h"
#include "bench/load/engine/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"

enum { SERIAL_AT = 8, REPLY_SERIAL_PLACE = 1 };

/* Where in its header the texts and numbers lie that are patched. */
static void find_places(Template *template, size_t header_size)
{
        const ConnectionFrame frame = {.data = template->data,
                                       .size = header_size,
                                       .big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__};
        Text destination = connection_frame_field(&frame, HEADER_FIELD_DESTINATION);
        char type;

        template->reply_serial_at = connection_frame_find(&frame, HEADER_FIELD_REPLY_SERIAL, &type);
        if (text_present(destination)) {
                template->destination_at =
                        (size_t)((const uint8_t *)destination.data - template->data);
                template->destination_size = destination.size;
        }
}

void template_build(Template *template, const WriterHeader *header, const void *body,
                    size_t body_size, size_t stamp_offset)
{
        size_t capacity = 4096 + body_size, size;
        WriterHeader first = *header;
        Writer writer;

        *template = (Template){.data = alloc_aligned(8, capacity)};
        if (!template->data)
                process_out_of_memory();
        first.serial = 1;
        writer_begin(&writer, template->data, capacity, &first);
        find_places(template, writer.size);
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
                process_out_of_memory();
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

bool template_readdress(Template *template, Text destination)
{
        if (template->destination_at == 0 || template->destination_size != destination.size)
                return false;
        memcpy(template->data + template->destination_at, destination.data, destination.size);
        return true;
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

void template_send_fds(Template *template, Connection *connection, uint32_t serial,
                       uint32_t reply_serial, const int *fds, unsigned n_fds)
{
        memcpy(template->data + SERIAL_AT, &serial, sizeof(serial));
        if (template->reply_serial_at)
                memcpy(template->data + template->reply_serial_at, &reply_serial,
                       sizeof(reply_serial));
        connection_queue(connection, template->data, template->size, fds, n_fds);
}
