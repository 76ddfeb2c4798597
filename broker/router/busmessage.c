/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/busmessage.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_TRY = 512 };

Message *busmessage_build(RouterThread *thread, WriterHeader *header,
                          void (*write)(Writer *writer, const void *context), const void *context)
{
        uint8_t first[FIRST_TRY] __attribute__((aligned(8)));
        const unsigned n_places = router_places(thread->router);
        Writer writer;
        Message *message;
        size_t size;

        header->serial = router_next_serial(thread->router);
        header->flags |= FRAME_FLAG_NO_REPLY_EXPECTED;
        writer_begin(&writer, first, sizeof(first), header);
        write(&writer, context);
        if (writer_finish(&writer, &size) == 0) {
                message = message_new_own(&thread->pool, (uint32_t)size, n_places);
                if (message)
                        memcpy(message->bytes, first, size);
                return message;
        }
        if (size > FRAME_SIZE_MAX)
                return NULL;
        message = message_new_own(&thread->pool, (uint32_t)size, n_places);
        if (!message)
                return NULL;
        writer_begin(&writer, message->bytes, size, header);
        write(&writer, context);
        if (writer_finish(&writer, &size) < 0) {
                message_unref(&thread->pool, message, 1);
                return NULL;
        }
        return message;
}

static void busmessage_write_texts(Writer *writer, const void *context)
{
        for (const Text *text = context; text_present(*text); text++)
                writer_string(writer, *text);
}

Message *busmessage_owner_changed(RouterThread *thread, Text name, Text old_owner, Text new_owner)
{
        const Text texts[] = {name, old_owner, new_owner, TEXT_NONE};
        WriterHeader header = {.type = FRAME_TYPE_SIGNAL,
                               .sender = BUSMESSAGE_BUS_NAME,
                               .path = BUSMESSAGE_BUS_PATH,
                               .interface = BUSMESSAGE_BUS_NAME,
                               .member = TEXT("NameOwnerChanged"),
                               .signature = TEXT("sss")};

        return busmessage_build(thread, &header, busmessage_write_texts, texts);
}

static Message *busmessage_name(RouterThread *thread, const Endpoint *to, Text member, Text name)
{
        const Text texts[] = {name, TEXT_NONE};
        WriterHeader header = {.type = FRAME_TYPE_SIGNAL,
                               .sender = BUSMESSAGE_BUS_NAME,
                               .path = BUSMESSAGE_BUS_PATH,
                               .interface = BUSMESSAGE_BUS_NAME,
                               .member = member,
                               .destination = endpoint_name(to),
                               .signature = TEXT("s")};

        return busmessage_build(thread, &header, busmessage_write_texts, texts);
}

Message *busmessage_name_acquired(RouterThread *thread, const Endpoint *to, Text name)
{
        return busmessage_name(thread, to, TEXT("NameAcquired"), name);
}

Message *busmessage_name_lost(RouterThread *thread, const Endpoint *to, Text name)
{
        return busmessage_name(thread, to, TEXT("NameLost"), name);
}

Text busmessage_sender(const Endpoint *endpoint)
{
        return endpoint->id == ENDPOINT_NO_ID ? TEXT(":not.active.yet") : endpoint_name(endpoint);
}

Message *busmessage_error(RouterThread *thread, const Endpoint *to, uint32_t serial,
                          const char *error_name, Text text)
{
        return busmessage_error_to(thread, busmessage_sender(to), serial, error_name, text);
}

Message *busmessage_error_to(RouterThread *thread, Text to, uint32_t serial, const char *error_name,
                             Text text)
{
        const Text texts[] = {text, TEXT_NONE};
        char full_name[128];
        WriterHeader header = {.type = FRAME_TYPE_ERROR,
                               .sender = BUSMESSAGE_BUS_NAME,
                               .reply_serial = serial,
                               .destination = to,
                               .signature = TEXT("s")};

        snprintf(full_name, sizeof(full_name), "org.freedesktop.DBus.Error.%s", error_name);
        header.error_name = text_from(full_name);
        return busmessage_build(thread, &header, busmessage_write_texts, texts);
}
