/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names. Queries take the registry lock and push their answer before they release it, so that the
 * caller never sees an answer that disagrees with the NameOwnerChanged before or after it.
 */
#include "broker/driver/driver_private.h"
#include "broker/router/judge.h"
#include "proto/syntax.h"

enum {
        LIST_OVERHEAD = 8, /* of a string in an array: size, NUL, padding */
        LIST_SLACK = 2048, /* the message around the array */
};

static Message *driver_build_code(RouterThread *thread, const void *context, uint32_t code)
{
        DriverCall call = *(const DriverCall *)context;

        (void)thread;
        return driver_build_reply(&call, "u", driver_write_u32, &code);
}

void driver_request_name(DriverCall *call)
{
        OwnershipReply reply = {.build = driver_build_code, .context = call};
        Text name = driver_read_string(call);
        uint32_t flags = driver_read_u32(call);

        if (!syntax_is_bus_name(name)) {
                driver_fail(call, "InvalidArgs", "Requested bus name \"%.*s\" is not valid",
                            TEXT_FORMAT(name));
                return;
        }
        if (name.data[0] == ':') {
                driver_fail(call, "InvalidArgs",
                            "Cannot acquire a service starting with ':' such as \"%.*s\"",
                            TEXT_FORMAT(name));
                return;
        }
        if (text_equal(name, BUSMESSAGE_BUS_NAME)) {
                driver_fail(call, "InvalidArgs",
                            "Connection \"%s\" is not allowed to own the service \"%s\"because it "
                            "is reserved for D-Bus' use only",
                            call->caller->unique_name, BUSMESSAGE_BUS_NAME.data);
                return;
        }
        if (!judge_name(call->thread, call->caller, name)) {
                driver_fail(call, "AccessDenied", "%s", judge_refusal(call->thread));
                return;
        }
        switch (ownership_request(call->thread, call->caller, name, flags, &reply)) {
        case OWNERSHIP_OK:
                break;
        case OWNERSHIP_LIMIT:
        case OWNERSHIP_USER_LIMIT:
                driver_fail(
                        call, "LimitsExceeded",
                        "Connection \"%s\" is not allowed to own more services (increase "
                        "limits in configuration file if required; "
                        "max_names_per_connection=%llu)",
                        call->caller->unique_name,
                        (unsigned long long)call->thread->root->limits.max_names_per_connection);
                break;
        case OWNERSHIP_NO_MEMORY:
                driver_fail(call, "NoMemory", "Out of memory");
                break;
        }
}

void driver_release_name(DriverCall *call)
{
        OwnershipReply reply = {.build = driver_build_code, .context = call};
        Text name = driver_read_string(call);

        if (!syntax_is_bus_name(name))
                driver_fail(call, "InvalidArgs", "Given bus name \"%.*s\" is not valid",
                            TEXT_FORMAT(name));
        else if (name.data[0] == ':')
                driver_fail(call, "InvalidArgs",
                            "Cannot release a service starting with ':' such as \"%.*s\"",
                            TEXT_FORMAT(name));
        else if (text_equal(name, BUSMESSAGE_BUS_NAME))
                driver_fail(call, "InvalidArgs",
                            "Cannot release the %s service because it is owned by the bus",
                            BUSMESSAGE_BUS_NAME.data);
        else if (ownership_release(call->thread, call->caller, name, &reply) != OWNERSHIP_OK)
                driver_fail(call, "NoMemory", "Out of memory");
}

static void driver_write_names(Writer *writer, const void *context)
{
        const Names *names = context;

        writer_open_array(writer, 's');
        writer_string(writer, BUSMESSAGE_BUS_NAME);
        LIST_FOREACH(&names->order, node)
        writer_string(writer, CONTAINER_OF(node, NamesOrder, node)->text);
        writer_close_array(writer);
}

/* What the reply takes, roughly: under the registry it must not come from the general heap. */
static size_t driver_size_names(const Names *names)
{
        size_t size = 0;

        LIST_FOREACH(&names->order, node)
        size += LIST_OVERHEAD + CONTAINER_OF(node, NamesOrder, node)->text.size;
        return size;
}

void driver_list_names(DriverCall *call)
{
        Names *names = &call->driver->router->names;
        size_t reserved = 0, size;

        for (;;) {
                lock_acquire(&names->lock);
                size = driver_size_names(names);
                if (size <= reserved)
                        break;
                lock_release(&names->lock);
                reserved = size + size / 8 + LIST_SLACK;
                pool_reserve(&call->thread->pool, reserved + LIST_SLACK, 1);
        }
        driver_reply(call, "as", driver_write_names, names);
        lock_release(&names->lock);
}

static void driver_write_one(Writer *writer, const void *context)
{
        writer_open_array(writer, 's');
        writer_string(writer, *(const Text *)context);
        writer_close_array(writer);
}

void driver_list_activatable(DriverCall *call)
{
        Text bus = BUSMESSAGE_BUS_NAME;

        driver_reply(call, "as", driver_write_one, &bus);
}

static void driver_write_queue(Writer *writer, const void *context)
{
        const Name *name = context;

        writer_open_array(writer, 's');
        LIST_FOREACH(&name->queue, node)
        writer_string(writer, endpoint_name(CONTAINER_OF(node, NameOwner, queue_node)->endpoint));
        writer_close_array(writer);
}

static size_t driver_size_queue(const Name *name)
{
        size_t size = 0;

        LIST_FOREACH(&name->queue, node)
        size += LIST_OVERHEAD +
                CONTAINER_OF(node, NameOwner, queue_node)->endpoint->unique_name_size;
        return size;
}

/* Answers under the registry lock if the reply takes at most `reserved`; else returns what it
 * takes. */
static size_t driver_try_list_queued(DriverCall *call, Text text, size_t reserved) LOCK_UNCHECKED
{
        Names *names = &call->driver->router->names;
        const Endpoint *owner = names_get_owner(names, text);
        size_t size;

        if (text_equal(text, BUSMESSAGE_BUS_NAME) || (owner && text.data[0] == ':')) {
                driver_reply(call, "as", driver_write_one, &text);
        } else if (owner) {
                const Name *name = names_find(names, text);

                size = driver_size_queue(name);
                if (size > reserved)
                        return size;
                driver_reply(call, "as", driver_write_queue, name);
        } else {
                driver_fail(call, "NameHasNoOwner",
                            "Could not get owners of name '%.*s': no such name", TEXT_FORMAT(text));
        }
        return 0;
}

void driver_list_queued(DriverCall *call)
{
        Names *names = &call->driver->router->names;
        Text text = driver_read_string(call);
        size_t reserved = 0, size;

        for (;;) {
                lock_acquire(&names->lock);
                size = driver_try_list_queued(call, text, reserved);
                lock_release(&names->lock);
                if (size == 0)
                        return;
                reserved = size + size / 8 + LIST_SLACK;
                pool_reserve(&call->thread->pool, reserved + LIST_SLACK, 1);
        }
}

void driver_name_has_owner(DriverCall *call)
{
        Names *names = &call->driver->router->names;
        Text name = driver_read_string(call);

        lock_acquire(&names->lock);
        driver_reply_bool(call,
                          text_equal(name, BUSMESSAGE_BUS_NAME) || names_get_owner(names, name));
        lock_release(&names->lock);
}

void driver_get_name_owner(DriverCall *call)
{
        Names *names = &call->driver->router->names;
        Text name = driver_read_string(call);
        Endpoint *owner;

        lock_acquire(&names->lock);
        owner = names_get_owner(names, name);
        if (text_equal(name, BUSMESSAGE_BUS_NAME))
                driver_reply_text(call, BUSMESSAGE_BUS_NAME);
        else if (owner)
                driver_reply_text(call, endpoint_name(owner));
        else
                driver_fail(call, "NameHasNoOwner",
                            "Could not get owner of name '%.*s': no such name", TEXT_FORMAT(name));
        lock_release(&names->lock);
}
