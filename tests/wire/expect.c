/* SPDX-License-Identifier: Apache-2.0 */

/* See expect.h. */

#include "tests/wire/expect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/wire/scene.h"

enum {
        EXPECT_DESCRIPTION_MAX = 2048,
        EXPECT_STRINGS_MAX = 64,
};

/* Fails the test with what was due and what came. */
__attribute__((format(printf, 3, 4))) static void
expect_fail(const RawMessage *message, const char *at, const char *format, ...)
{
        char came[EXPECT_DESCRIPTION_MAX] = "-", due[EXPECT_DESCRIPTION_MAX];
        va_list values;

        va_start(values, format);
        vsnprintf(due, sizeof(due), format, values);
        va_end(values);
        if (message)
                rawmessage_describe(message, came, sizeof(came));
        print_error("%s: expected %s\n  came: %s\n", at, due, came);
        fail();
}

bool expect_same(const char *a, const char *b)
{
        return a && b ? !strcmp(a, b) : a == b;
}

RawMessage *expect_message_at(RawClient *client, const char *at)
{
        RawMessage *message = NULL;
        int r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message);

        if (r < 0)
                expect_fail(NULL, at, "a message for %s: %s", client->unique_name, strerror(-r));
        return message;
}

RawMessage *expect_return_at(RawClient *client, uint32_t serial, const char *at)
{
        RawMessage *message = expect_message_at(client, at);

        if (message->type != RAWMESSAGE_RETURN || message->reply_serial != serial)
                expect_fail(message, at, "the return of call %u", serial);
        return message;
}

void expect_empty_at(RawClient *client, uint32_t serial, const char *at)
{
        RawMessage *message = expect_return_at(client, serial, at);

        if (message->signature || message->body_size != 0)
                expect_fail(message, at, "a return without a body");
}

void expect_u32_at(RawClient *client, uint32_t serial, uint32_t value, const char *at)
{
        RawMessage *message = expect_return_at(client, serial, at);
        uint32_t came = 0;

        if (!rawmessage_read(message, "u", &came) || came != value)
                expect_fail(message, at, "%u, came %u", value, came);
}

void expect_bool_at(RawClient *client, uint32_t serial, bool value, const char *at)
{
        RawMessage *message = expect_return_at(client, serial, at);
        uint32_t came = 2;

        if (!rawmessage_read(message, "b", &came) || came != value)
                expect_fail(message, at, "%d, came %u", value, came);
}

void expect_text_at(RawClient *client, uint32_t serial, const char *value, const char *at)
{
        RawMessage *message = expect_return_at(client, serial, at);
        const char *came = "";

        if (!rawmessage_read(message, "s", &came) || strcmp(came, value) != 0)
                expect_fail(message, at, "\"%s\"", value);
}

void expect_strings_at(RawClient *client, uint32_t serial, const char *all, const char *at)
{
        RawMessage *message = expect_return_at(client, serial, at);
        const char *came[EXPECT_STRINGS_MAX];
        char joined[EXPECT_DESCRIPTION_MAX] = "";
        int n = rawmessage_read_strings(message, came, EXPECT_STRINGS_MAX);
        size_t size = 0;

        for (int i = 0; i < n; i++)
                size += (size_t)snprintf(joined + size, sizeof(joined) - size, "%s%s", i ? " " : "",
                                         came[i]);
        if (n < 0 || strcmp(joined, all) != 0)
                expect_fail(message, at, "[%s], came [%s]", all, joined);
}

/* Some texts of the reference end in a line feed, which nobody should have to imitate. */
static bool expect_same_line(const char *text, const char *came)
{
        size_t length = strlen(text);

        return !strncmp(text, came, length) && (!came[length] || !strcmp(came + length, "\n"));
}

RawMessage *expect_error_at(RawClient *client, uint32_t serial, const char *name, const char *text,
                            const char *at)
{
        RawMessage *message = expect_message_at(client, at);
        const size_t prefix = strlen(EXPECT_ERROR_PREFIX);
        const char *came = "";

        if (message->type != RAWMESSAGE_ERROR || message->reply_serial != serial ||
            !message->error_name ||
            strncmp(message->error_name, EXPECT_ERROR_PREFIX, prefix) != 0 ||
            strcmp(message->error_name + prefix, name) != 0)
                expect_fail(message, at, "error %s for call %u", name, serial);
        if (!rawmessage_read(message, "s", &came) || (text && !expect_same_line(text, came)))
                expect_fail(message, at, "the text \"%s\"", text ? text : "...");
        return message;
}

static RawMessage *expect_member(RawClient *client, uint8_t type, const char *sender,
                                 const char *member, const char *at)
{
        RawMessage *message = expect_message_at(client, at);

        if (message->type != type || !expect_same(message->sender, sender) ||
            !expect_same(message->member, member))
                expect_fail(message, at, "%s %s from %s",
                            type == RAWMESSAGE_CALL ? "call" : "signal", member, sender);
        return message;
}

RawMessage *expect_call_at(RawClient *client, const char *sender, const char *member,
                           const char *at)
{
        return expect_member(client, RAWMESSAGE_CALL, sender, member, at);
}

RawMessage *expect_signal_at(RawClient *client, const char *sender, const char *member,
                             const char *at)
{
        return expect_member(client, RAWMESSAGE_SIGNAL, sender, member, at);
}

static bool expect_from_driver(const RawMessage *message)
{
        return expect_same(message->path, SCENE_DRIVER_PATH) &&
               expect_same(message->interface, SCENE_DRIVER);
}

void expect_name_signal_at(RawClient *client, const char *member, const char *name, const char *at)
{
        RawMessage *message = expect_signal_at(client, SCENE_DRIVER, member, at);
        const char *came = "";

        if (!expect_from_driver(message) || !rawmessage_read(message, "s", &came) ||
            strcmp(came, name) != 0 || !expect_same(message->destination, client->unique_name))
                expect_fail(message, at, "%s(%s)", member, name);
}

void expect_owner_change_at(RawClient *client, const char *name, const char *old_owner,
                            const char *new_owner, const char *at)
{
        RawMessage *message = expect_signal_at(client, SCENE_DRIVER, "NameOwnerChanged", at);
        const char *came[3] = {"", "", ""};

        if (!expect_from_driver(message) || message->destination ||
            !rawmessage_read(message, "sss", &came[0], &came[1], &came[2]) ||
            strcmp(came[0], name) != 0 || strcmp(came[1], old_owner) != 0 ||
            strcmp(came[2], new_owner) != 0)
                expect_fail(message, at, "NameOwnerChanged(%s, %s, %s), came (%s, %s, %s)", name,
                            old_owner, new_owner, came[0], came[1], came[2]);
}

void expect_nothing_at(RawClient *client, const char *at)
{
        uint32_t serial = scene_call(client, "GetId", NULL);

        (void)expect_return_at(client, serial, at);
}

void expect_closed_at(RawClient *client, const char *at)
{
        RawMessage *message = NULL;
        int r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message);

        if (r != -ECONNRESET)
                expect_fail(r == 0 ? message : NULL, at, "the end of the connection of %s: %s",
                            client->unique_name, strerror(-r));
}
