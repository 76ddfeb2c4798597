/* SPDX-License-Identifier: Apache-2.0 */

/* See random_body.h. */

#include "tests/order/random_body.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct FdText {
        char text[48];
} FdText;

const char *random_body_signature(unsigned n_fds)
{
        static const char *const signatures[RANDOM_FDS_MAX + 1] = {"suuuuatay", "suuuuatayh",
                                                                   "suuuuatayhh", "suuuuatayhhh"};

        return signatures[n_fds];
}

static uint8_t padding_at(const RandomBody *body, uint32_t i)
{
        return (uint8_t)(body->unique * 7 + body->serial * 31 + i + (i >> 8) * 13);
}

void random_body_write(const RandomBody *body, Marshal *bytes)
{
        MarshalArray array;

        marshal_string(bytes, body->topic);
        marshal_u32(bytes, body->client);
        marshal_u32(bytes, body->unique);
        marshal_u32(bytes, body->serial);
        marshal_u32(bytes, body->step);
        array = marshal_open_array(bytes, 8);
        for (unsigned i = 0; i < body->n_clock; i++)
                marshal_u64(bytes, body->clock[i]);
        marshal_close_array(bytes, array);
        array = marshal_open_array(bytes, 1);
        for (uint32_t i = 0; i < body->size; i++) {
                uint8_t byte = padding_at(body, i);

                marshal_bytes(bytes, &byte, 1);
        }
        marshal_close_array(bytes, array);
        for (uint32_t i = 0; i < body->n_fds; i++)
                marshal_u32(bytes, i);
}

static FdText text_of_fd(const RandomBody *body, unsigned i)
{
        FdText text = {.text = ""};

        snprintf(text.text, sizeof(text.text), "%u %u %u", body->unique, body->serial, i);
        return text;
}

unsigned random_body_make_fds(const RandomBody *body, int *ret_fds)
{
        for (unsigned i = 0; i < body->n_fds; i++) {
                FdText text = text_of_fd(body, i);
                int fd = memfd_create("ringbus-order", MFD_CLOEXEC);

                if (fd >= 0 && write(fd, &text, sizeof(text)) == sizeof(text)) {
                        ret_fds[i] = fd;
                        continue;
                }
                if (fd >= 0)
                        close(fd);
                while (i > 0)
                        close(ret_fds[--i]);
                return 0;
        }
        return body->n_fds;
}

bool random_body_check_fds(const RawMessage *message, const RandomBody *body)
{
        if (message->n_fds != body->n_fds)
                return false;
        for (unsigned i = 0; i < message->n_fds; i++) {
                FdText expected = text_of_fd(body, i), text;

                if (pread(message->fds[i], &text, sizeof(text), 0) != sizeof(text) ||
                    memcmp(&text, &expected, sizeof(text)) != 0)
                        return false;
        }
        return true;
}

static bool read_padding(MarshalReader *reader, RandomBody *body)
{
        const uint8_t *padding;

        body->size = marshal_reader_u32(reader);
        if (reader->bad || reader->size - reader->at < body->size)
                return false;
        padding = reader->data + reader->at;
        reader->at += body->size;
        for (uint32_t i = 0; i < body->size; i++) {
                if (padding[i] != padding_at(body, i))
                        return false;
        }
        return true;
}

bool random_body_read(const RawMessage *message, RandomBody *ret_body)
{
        RandomBody *body = ret_body;
        MarshalReader reader;
        size_t length;

        *body = (RandomBody){.topic = ""};
        if (!message->signature || strncmp(message->signature, "suuuuatay", 9) != 0)
                return false;
        body->n_fds = (uint32_t)strlen(message->signature) - 9;
        marshal_reader_init(&reader, message->body, message->body_size, message->big_endian);
        body->topic = marshal_reader_string(&reader);
        body->client = marshal_reader_u32(&reader);
        body->unique = marshal_reader_u32(&reader);
        body->serial = marshal_reader_u32(&reader);
        body->step = marshal_reader_u32(&reader);
        length = marshal_reader_u32(&reader);
        marshal_reader_align(&reader, 8);
        if (reader.bad || length % 8 != 0 || length / 8 > RANDOM_CLIENTS_MAX)
                return false;
        body->n_clock = (unsigned)(length / 8);
        for (unsigned i = 0; i < body->n_clock; i++)
                body->clock[i] = marshal_reader_u64(&reader);
        if (!read_padding(&reader, body))
                return false;
        for (uint32_t i = 0; i < body->n_fds; i++) {
                if (marshal_reader_u32(&reader) != i)
                        return false;
        }
        return !reader.bad && reader.at == reader.size;
}
