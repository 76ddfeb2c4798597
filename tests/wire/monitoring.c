/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/monitoring.h"

#include <stdio.h>
#include <string.h>

uint32_t monitoring_call(RawClient *client, const char *path, const char *const *rules, size_t n,
                         uint32_t flags, uint8_t header_flags)
{
        const RawHeader call = {.type = RAWMESSAGE_CALL,
                                .flags = header_flags,
                                .serial = rawclient_serial(client),
                                .path = path,
                                .interface = "org.freedesktop.DBus.Monitoring",
                                .member = "BecomeMonitor",
                                .destination = SCENE_DRIVER,
                                .signature = "asu"};
        MarshalArray array;
        Marshal body;

        marshal_init(&body, false);
        array = marshal_open_array(&body, 4);
        for (size_t i = 0; i < n; i++)
                marshal_string(&body, rules[i]);
        marshal_close_array(&body, array);
        marshal_u32(&body, flags);
        assert_int_equal(rawclient_send_body(client, &call, &body, NULL, 0), 0);
        marshal_deinit(&body);
        return call.serial;
}

void monitoring_begin(RawClient *client, const char *rule)
{
        expect_empty(client, monitoring_call(client, SCENE_DRIVER_PATH, &rule, rule ? 1 : 0, 0, 0));
        expect_name_signal(client, "NameLost", client->unique_name);
}

RawClient *monitoring_join(Scene *scene, const char *rule)
{
        RawClient *client = scene_join(scene);

        monitoring_begin(client, rule);
        return client;
}

static void monitoring_describe(const RawMessage *message, char *text, size_t size)
{
        const char *name = message->error_name ? message->error_name : "";
        const size_t prefix = strlen(EXPECT_ERROR_PREFIX);

        switch (message->type) {
        case RAWMESSAGE_CALL:
                snprintf(text, size, "call %s", message->member);
                break;
        case RAWMESSAGE_RETURN:
                snprintf(text, size, "return");
                break;
        case RAWMESSAGE_ERROR:
                snprintf(text, size, "error %s",
                         strncmp(name, EXPECT_ERROR_PREFIX, prefix) == 0 ? name + prefix : name);
                break;
        case RAWMESSAGE_SIGNAL:
                snprintf(text, size, "signal %s", message->member);
                break;
        default:
                snprintf(text, size, "type %u", message->type);
        }
}

RawMessage *monitoring_expect_at(RawClient *monitor, const char *from, const char *to,
                                 const char *what, const char *at)
{
        RawMessage *message = expect_message_at(monitor, at);
        char text[300];

        monitoring_describe(message, text, sizeof(text));
        if (!from)
                from = SCENE_DRIVER;
        if (strcmp(text, what) != 0 || !expect_same(message->sender, from) ||
            !expect_same(message->destination, to))
                fail_msg("%s: seen: %s from %s to %s; due: %s from %s to %s", at, text,
                         message->sender ? message->sender : "nobody",
                         message->destination ? message->destination : "nobody", what, from,
                         to ? to : "nobody");
        assert_int_not_equal(message->serial, 0);
        return message;
}

void monitoring_expect_nothing_at(RawClient *monitor, RawClient *other, const char *at)
{
        (void)expect_return_at(other, scene_call(other, "GetId", NULL), at);
        monitoring_expect_at(monitor, other->unique_name, SCENE_DRIVER, "call GetId", at);
        monitoring_expect_at(monitor, NULL, other->unique_name, "return", at);
}
