/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments in, replies out. */
#include "broker/driver/driver_private.h"

Text driver_read_string(DriverCall *call)
{
        size_t at = (call->at + 3) & ~(size_t)3;
        uint32_t size = frame_load_u32(call->body + at, call->header->frame.big_endian);

        call->at = at + 4 + size + 1;
        return (Text){.data = (const char *)call->body + at + 4, .size = size};
}

uint32_t driver_read_u32(DriverCall *call)
{
        size_t at = (call->at + 3) & ~(size_t)3;

        call->at = at + 4;
        return frame_load_u32(call->body + at, call->header->frame.big_endian);
}

bool driver_wants_ack(const DriverCall *call)
{
        return !(call->header->frame.flags & FRAME_FLAG_NO_REPLY_EXPECTED);
}

void driver_write_nothing(Writer *writer, const void *context)
{
        (void)writer;
        (void)context;
}

Message *driver_build_reply(DriverCall *call, const char *signature,
                            void (*write)(Writer *writer, const void *context), const void *context)
{
        WriterHeader header = {.type = FRAME_TYPE_METHOD_RETURN,
                               .sender = BUSMESSAGE_BUS_NAME,
                               .reply_serial = call->header->frame.serial,
                               .destination = endpoint_name(call->caller)};
        Message *message;

        if (signature[0] != '\0')
                header.signature = text_from(signature);
        message = busmessage_build(call->thread, &header, write ? write : driver_write_nothing,
                                   context);
        if (!message)
                peer_close(call->peer); /* see driver_push() */
        return message;
}

void driver_reply(DriverCall *call, const char *signature,
                  void (*write)(Writer *writer, const void *context), const void *context)
{
        driver_push(call->thread, call->caller,
                    driver_build_reply(call, signature, write, context));
}

void driver_write_u32(Writer *writer, const void *context)
{
        writer_u32(writer, *(const uint32_t *)context);
}

static void driver_write_bool(Writer *writer, const void *context)
{
        writer_bool(writer, *(const bool *)context);
}

void driver_write_text(Writer *writer, const void *context)
{
        writer_string(writer, *(const Text *)context);
}

void driver_reply_u32(DriverCall *call, uint32_t value)
{
        driver_reply(call, "u", driver_write_u32, &value);
}

void driver_reply_bool(DriverCall *call, bool value)
{
        driver_reply(call, "b", driver_write_bool, &value);
}

void driver_reply_text(DriverCall *call, Text value)
{
        driver_reply(call, "s", driver_write_text, &value);
}

void driver_reply_empty(DriverCall *call)
{
        if (driver_wants_ack(call))
                driver_reply(call, "", NULL, NULL);
}
