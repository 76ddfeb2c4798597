/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/scenario/mixed_profile.h"

#include <string.h>

#include "bench/load/scenario/caller.h"
#include "broker/base/assert.h"
#include "proto/writer.h"

enum { BODY_MAX = 16384 };

/* Sizes: PropertiesChanged has about 130, 340 and 900 bytes of body, GetAll's reply 1000. */
const MixedRow mixed_profile_rows[MIXED_ACTIONS] = {
        [MIXED_GET_NAME_OWNER] = {MIXED_DRIVER, 10, 0},
        [MIXED_NAME_HAS_OWNER] = {MIXED_DRIVER, 7, 0},
        [MIXED_GET_PID] = {MIXED_DRIVER, 5, 0},
        [MIXED_MATCH] = {MIXED_DRIVER, 8, 0},
        [MIXED_GET] = {MIXED_PROPERTY, 22, 1},
        [MIXED_GET_ALL] = {MIXED_PROPERTY, 8, 20},
        [MIXED_CALL_SMALL] = {MIXED_PEER, 15, 64},
        [MIXED_CALL_MIDDLE] = {MIXED_PEER, 8, 512},
        [MIXED_CALL_LARGE] = {MIXED_PEER, 2, 4096},
        [MIXED_CHANGED_ONE] = {MIXED_SIGNAL, 8, 1},
        [MIXED_CHANGED_SOME] = {MIXED_SIGNAL, 5, 5},
        [MIXED_CHANGED_MANY] = {MIXED_SIGNAL, 2, 16},
};

static const char *const members[MIXED_ACTIONS] = {
        [MIXED_GET_NAME_OWNER] = "GetNameOwner",
        [MIXED_NAME_HAS_OWNER] = "NameHasOwner",
        [MIXED_GET_PID] = "GetConnectionUnixProcessID",
        [MIXED_MATCH] = "AddMatch",
        [MIXED_GET] = "Get",
        [MIXED_GET_ALL] = "GetAll",
        [MIXED_CALL_SMALL] = "Ask",
        [MIXED_CALL_MIDDLE] = "AskMore",
        [MIXED_CALL_LARGE] = "AskMuch",
};

MixedAction mixed_profile_choose(unsigned number)
{
        unsigned sum = 0, i = 0;

        for (; i < MIXED_ACTIONS - 1; i++) {
                sum += mixed_profile_rows[i].percent;
                if (number < sum)
                        break;
        }
        return (MixedAction)i;
}

static void write_rule(char rule[static 512], const char *service)
{
        snprintf(rule, 512,
                 "type='signal',sender='%s',interface='%s',member='%s',path='/com/example/Never'",
                 service, MIXED_PROPERTIES, MIXED_CHANGED);
}

/* `n` entries of a{sv}, of names and values as they are found. */
static void write_properties(Writer *writer, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                char name[48];

                snprintf(name, sizeof(name), "PropertyNumber%zu", i);
                writer_open_struct(writer);
                writer_string(writer, text_from(name));
                if (i % 3 == 0) {
                        writer_open_variant(writer, TEXT("s"));
                        writer_string(writer, TEXT("a value of some length"));
                } else if (i % 3 == 1) {
                        writer_open_variant(writer, TEXT("b"));
                        writer_bool(writer, true);
                } else {
                        writer_open_variant(writer, TEXT("t"));
                        writer_u64(writer, i);
                }
        }
}

static void write_payload(Writer *writer, size_t size)
{
        writer_open_array(writer, 'y');
        for (size_t i = 0; i < size; i++)
                writer_byte(writer, 0);
        writer_close_array(writer);
}

static void build_call(Template *template, MixedAction action, const char *service)
{
        const bool is_peer = mixed_profile_rows[action].kind == MIXED_PEER;
        WriterHeader header = {
                .type = FRAME_TYPE_METHOD_CALL,
                .path = TEXT(MIXED_PATH),
                .interface = is_peer ? TEXT(MIXED_INTERFACE) : TEXT(MIXED_PROPERTIES),
                .member = text_from(members[action]),
                .destination = text_from(service),
        };
        _Alignas(8) uint8_t body[BODY_MAX];
        Writer writer = {.data = body, .capacity = sizeof(body)};
        char rule[512];

        if (mixed_profile_rows[action].kind == MIXED_DRIVER) {
                write_rule(rule, service);
                caller_bus_call(template, members[action], "s",
                                action == MIXED_MATCH ? rule : service);
                return;
        }
        if (is_peer) {
                header.signature = TEXT("ay");
                write_payload(&writer, mixed_profile_rows[action].size);
        } else {
                header.signature = action == MIXED_GET ? TEXT("ss") : TEXT("s");
                writer_string(&writer, TEXT(MIXED_INTERFACE));
                if (action == MIXED_GET)
                        writer_string(&writer, TEXT("PropertyNumber0"));
        }
        ASSERT(!writer.failed);
        template_build(template, &header, body, writer.size, SIZE_MAX);
}

void mixed_profile_calls(MixedCalls *calls, const char *service)
{
        char rule[512];

        *calls = (MixedCalls){0};
        for (unsigned i = 0; i < MIXED_ACTIONS; i++)
                if (mixed_profile_rows[i].kind != MIXED_SIGNAL)
                        build_call(&calls->calls[i], (MixedAction)i, service);
        write_rule(rule, service);
        caller_bus_call(&calls->remove_match, "RemoveMatch", "s", rule);
}

void mixed_profile_calls_deinit(MixedCalls *calls)
{
        for (unsigned i = 0; i < MIXED_ACTIONS; i++)
                template_deinit(&calls->calls[i]);
        template_deinit(&calls->remove_match);
}

void mixed_profile_reply(Template *template, MixedAction action, const char *caller)
{
        WriterHeader header = {
                .type = FRAME_TYPE_METHOD_RETURN,
                .flags = FRAME_FLAG_NO_REPLY_EXPECTED,
                .reply_serial = 1,
                .destination = text_from(caller),
                .signature = TEXT("ay"),
        };
        _Alignas(8) uint8_t body[BODY_MAX];
        Writer writer = {.data = body, .capacity = sizeof(body)};

        if (action == MIXED_GET) {
                header.signature = TEXT("v");
                writer_open_variant(&writer, TEXT("s"));
                writer_string(&writer, TEXT("a value of some length"));
        } else if (action == MIXED_GET_ALL) {
                header.signature = TEXT("a{sv}");
                writer_open_array(&writer, '{');
                write_properties(&writer, mixed_profile_rows[action].size);
                writer_close_array(&writer);
        } else {
                write_payload(&writer, mixed_profile_rows[action].size);
        }
        ASSERT(!writer.failed);
        template_build(template, &header, body, writer.size, SIZE_MAX);
}

bool mixed_profile_recognize(const ConnectionFrame *frame, MixedAction *ret_action)
{
        Text member = connection_frame_field(frame, HEADER_FIELD_MEMBER);

        for (unsigned i = MIXED_GET; i <= MIXED_CALL_LARGE; i++) {
                if (text_equal(member, text_from(members[i]))) {
                        *ret_action = (MixedAction)i;
                        return true;
                }
        }
        return false;
}

/* The interface's name and the array's size, the first property's name, then its value. */
static size_t write_signal(Writer *writer, size_t n)
{
        size_t stamp_at;

        writer_string(writer, TEXT(MIXED_INTERFACE));
        writer_open_array(writer, '{');
        writer_open_struct(writer);
        writer_string(writer, TEXT("LastChange"));
        writer_open_variant(writer, TEXT("t"));
        writer_u64(writer, 0);
        stamp_at = writer->size - sizeof(uint64_t);
        write_properties(writer, n);
        writer_close_array(writer);
        writer_open_array(writer, 's');
        writer_close_array(writer);
        return stamp_at;
}

void mixed_profile_signal(Template *template, MixedAction action, const char *path)
{
        const WriterHeader header = {
                .type = FRAME_TYPE_SIGNAL,
                .flags = FRAME_FLAG_NO_REPLY_EXPECTED,
                .path = text_from(path),
                .interface = TEXT(MIXED_PROPERTIES),
                .member = TEXT(MIXED_CHANGED),
                .signature = TEXT("sa{sv}as"),
        };
        _Alignas(8) uint8_t body[BODY_MAX];
        Writer writer = {.data = body, .capacity = sizeof(body)};
        size_t stamp_at = write_signal(&writer, mixed_profile_rows[action].size);

        ASSERT(!writer.failed);
        template_build(template, &header, body, writer.size, stamp_at);
}

uint64_t mixed_profile_stamp(const ConnectionFrame *frame)
{
        _Alignas(8) uint8_t body[256];
        Writer writer = {.data = body, .capacity = sizeof(body)};
        size_t stamp_at = write_signal(&writer, 0);
        uint64_t stamp = 0;

        if (frame->body_size >= stamp_at + sizeof(stamp))
                memcpy(&stamp, frame->body + stamp_at, sizeof(stamp));
        return stamp;
}
