/* SPDX-License-Identifier: Apache-2.0 */
/* The few methods of org.freedesktop.DBus that clients need to connect and to find each other. */
#include <stdio.h>

#include "bench/load/broker/floor_private.h"
#include "proto/body.h"
#include "proto/header.h"
#include "proto/writer.h"

enum {
        ANSWER_MAX = 1 << 20, /* ListNames is the longest */
        PRIMARY_OWNER = 1,
};

/* One call and the answer to it. */
typedef struct Call {
        FloorConnection *caller;
        Header header;
        Text argument; /* the first one if it is a string */
        Writer answer;
        bool is_error;
} Call;

typedef void (*Method)(Floor *floor, Call *call);

static uint8_t answer_memory[ANSWER_MAX] __attribute__((aligned(8)));

static void begin(Floor *floor, Call *call, const char *error_name, const char *signature)
{
        WriterHeader header = {
                .type = error_name ? FRAME_TYPE_ERROR : FRAME_TYPE_METHOD_RETURN,
                .flags = FRAME_FLAG_NO_REPLY_EXPECTED,
                .serial = ++floor->serial,
                .reply_serial = call->header.frame.serial,
                .error_name = text_from(error_name),
                .destination = {call->caller->name, call->caller->name_size},
                .sender = TEXT("org.freedesktop.DBus"),
                .signature = text_from(signature),
        };

        writer_begin(&call->answer, answer_memory, sizeof(answer_memory), &header);
}

static void finish(Floor *floor, Call *call)
{
        bool is_wanted = call->header.frame.type == FRAME_TYPE_METHOD_CALL &&
                         !(call->header.frame.flags & FRAME_FLAG_NO_REPLY_EXPECTED);
        size_t size;

        if (is_wanted && writer_finish(&call->answer, &size) == 0)
                floor_output_copy(floor, call->caller, answer_memory, size);
}

static void refuse(Floor *floor, Call *call, const char *error_name)
{
        begin(floor, call, error_name, "s");
        writer_string(&call->answer, TEXT("the floor only forwards messages"));
}

static void hello(Floor *floor, Call *call)
{
        FloorConnection *caller = call->caller;

        if (caller->id > 0) {
                refuse(floor, call, "org.freedesktop.DBus.Error.Failed");
                return;
        }
        if (floor->n_ids == 0)
                floor->n_ids = 1; /* ":1.0" is nobody */
        if (floor->n_ids >= floor->ids_capacity) {
                floor->ids_capacity = floor->ids_capacity ? 2 * floor->ids_capacity : 64;
                floor->by_id = floor_memory_resize(floor->by_id,
                                                   floor->ids_capacity * sizeof(floor->by_id[0]));
                floor->by_id[0] = NULL;
        }
        caller->id = floor->n_ids++;
        floor->by_id[caller->id] = caller;
        caller->name_size =
                (size_t)snprintf(caller->name, sizeof(caller->name), ":1.%u", caller->id);
        begin(floor, call, NULL, "s");
        writer_string(&call->answer, (Text){caller->name, caller->name_size});
}

static void add_match(Floor *floor, Call *call)
{
        if (call->caller->n_rules++ == 0) {
                if (floor->n_listeners == floor->listeners_capacity) {
                        floor->listeners_capacity =
                                floor->listeners_capacity ? 2 * floor->listeners_capacity : 64;
                        floor->listeners = floor_memory_resize(floor->listeners,
                                                               floor->listeners_capacity *
                                                                       sizeof(floor->listeners[0]));
                }
                floor->listeners[floor->n_listeners++] = call->caller;
        }
        begin(floor, call, NULL, NULL);
}

static void remove_match(Floor *floor, Call *call)
{
        if (call->caller->n_rules == 0) {
                refuse(floor, call, "org.freedesktop.DBus.Error.MatchRuleNotFound");
                return;
        }
        if (--call->caller->n_rules == 0)
                for (size_t i = 0; i < floor->n_listeners; i++)
                        if (floor->listeners[i] == call->caller)
                                floor->listeners[i] = floor->listeners[--floor->n_listeners];
        begin(floor, call, NULL, NULL);
}

static void request_name(Floor *floor, Call *call)
{
        floor_names_set(floor, call->argument, call->caller);
        begin(floor, call, NULL, "u");
        writer_u32(&call->answer, PRIMARY_OWNER);
}

static void release_name(Floor *floor, Call *call)
{
        FloorConnection *owner = floor_names_find(floor, call->argument);

        if (owner == call->caller)
                floor_names_set(floor, call->argument, NULL);
        begin(floor, call, NULL, "u");
        writer_u32(&call->answer, owner == call->caller ? 1 : owner ? 3 : 2);
}

static void get_name_owner(Floor *floor, Call *call)
{
        const FloorConnection *owner = floor_route_find(floor, call->argument);

        if (!owner && !text_equal(call->argument, TEXT("org.freedesktop.DBus"))) {
                refuse(floor, call, "org.freedesktop.DBus.Error.NameHasNoOwner");
                return;
        }
        begin(floor, call, NULL, "s");
        writer_string(&call->answer,
                      owner ? (Text){owner->name, owner->name_size} : call->argument);
}

static void name_has_owner(Floor *floor, Call *call)
{
        begin(floor, call, NULL, "b");
        writer_bool(&call->answer, floor_route_find(floor, call->argument) != NULL);
}

static void list_names(Floor *floor, Call *call)
{
        begin(floor, call, NULL, "as");
        writer_open_array(&call->answer, 's');
        writer_string(&call->answer, TEXT("org.freedesktop.DBus"));
        for (uint32_t id = 1; id < floor->n_ids; id++)
                if (floor->by_id[id])
                        writer_string(&call->answer,
                                      (Text){floor->by_id[id]->name, floor->by_id[id]->name_size});
        for (size_t i = 0; i < sizeof(floor->names) / sizeof(floor->names[0]); i++)
                for (const FloorName *name = floor->names[i]; name; name = name->next)
                        writer_string(&call->answer, (Text){name->text, name->size});
        writer_close_array(&call->answer);
}

static void get_id(Floor *floor, Call *call)
{
        begin(floor, call, NULL, "s");
        writer_string(&call->answer, text_from(floor->guid));
}

static void ping(Floor *floor, Call *call)
{
        begin(floor, call, NULL, NULL);
}

static Method find_method(Text member, bool has_argument)
{
        static const struct {
                Text name;
                Method method;
                bool needs_argument;
        } methods[] = {
                {TEXT("Hello"), hello, false},
                {TEXT("AddMatch"), add_match, false},
                {TEXT("RemoveMatch"), remove_match, false},
                {TEXT("RequestName"), request_name, true},
                {TEXT("ReleaseName"), release_name, true},
                {TEXT("GetNameOwner"), get_name_owner, true},
                {TEXT("NameHasOwner"), name_has_owner, true},
                {TEXT("ListNames"), list_names, false},
                {TEXT("GetId"), get_id, false},
                {TEXT("Ping"), ping, false},
        };

        for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
                if (text_equal(methods[i].name, member))
                        return has_argument || !methods[i].needs_argument ? methods[i].method
                                                                          : NULL;
        return NULL;
}

/* The first argument's text, if the body begins with a string that lies in it. */
static Text first_argument(const uint8_t *data, const Header *header)
{
        const uint8_t *body = data + header->frame.header_size;
        uint32_t size;

        if (header->signature.size == 0 || header->signature.data[0] != 's' ||
            header->frame.body_size < 5)
                return TEXT_NONE;
        size = frame_load_u32(body, header->frame.big_endian);
        if (size > header->frame.body_size - 5)
                return TEXT_NONE;
        return (Text){(const char *)body + 4, size};
}

void floor_driver_call(Floor *floor, FloorConnection *sender, const uint8_t *data,
                       const Frame *frame)
{
        Call call = {.caller = sender};
        Method method;

        if (header_parse(data, frame, &call.header) != HEADER_OK) {
                floor_close(floor, sender);
                return;
        }
        call.argument = first_argument(data, &call.header);
        method = find_method(call.header.member, text_present(call.argument));
        if (sender->id == 0 && method != hello)
                floor_close(floor, sender);
        else if (method)
                method(floor, &call);
        else
                refuse(floor, &call, "org.freedesktop.DBus.Error.UnknownMethod");
        if (!sender->is_dead)
                finish(floor, &call);
}

void floor_driver_refuse(Floor *floor, FloorConnection *sender, const Frame *frame,
                         const char *error_name)
{
        Call call = {.caller = sender, .header = {.frame = *frame}};

        refuse(floor, &call, error_name);
        finish(floor, &call);
}
