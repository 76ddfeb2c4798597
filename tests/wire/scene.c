/* SPDX-License-Identifier: Apache-2.0 */

/* See scene.h. */

#include "tests/wire/scene.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/wire/expect.h"

/* The bus or a fixture failed in the current group. */
static bool scene_failed;

/* Runs outside of any test, so that failures are returned instead of asserted. */
static RawClient *scene_hire_janitor(const char *address)
{
        RawClient *janitor;
        RawMessage *message;
        int error;

        janitor = rawclient_open(address, 0, &error);
        if (!janitor)
                return NULL;
        if (rawclient_hello(janitor) < 0 ||
            rawclient_receive(janitor, RAWCLIENT_TIMEOUT_MS, &message) < 0)
                return rawclient_free(janitor);
        return janitor;
}

int scene_start_bus(void **state, const BusOptions *options)
{
        Scene *scene = calloc(1, sizeof(*scene));

        if (!scene || bus_start(&scene->bus, options) < 0) {
                free(scene);
                return -1;
        }
        scene->janitor = scene_hire_janitor(scene->bus.address);
        *state = scene;
        return scene->janitor ? 0 : -1;
}

int scene_start_with(void **state, const char *config)
{
        const BusOptions options = {.config = config};

        return scene_start_bus(state, &options);
}

int scene_start(void **state)
{
        return scene_start_with(state, NULL);
}

/* The group's teardown. */
static int scene_stop(void **state)
{
        Scene *scene = *state;

        if (!scene) {
                scene_failed = true;
                return -1;
        }
        rawclient_free(scene->janitor);
        if (bus_stop(&scene->bus) < 0)
                scene_failed = true;
        free(scene);
        return scene_failed ? -1 : 0;
}

int scene_run_tests(const char *name, const struct CMUnitTest *tests, size_t n_tests,
                    CMFixtureFunction start)
{
        int r;

        scene_failed = false;
        r = _cmocka_run_group_tests(name, tests, n_tests, start, scene_stop);
        if (r == 0 && scene_failed)
                fprintf(stderr, "%s: FAILED outside of the tests\n", name);
        return r != 0 || scene_failed;
}

int scene_clear(void **state)
{
        const struct timespec pause = {.tv_nsec = 1000000};
        Scene *scene = *state;
        const char *names[SCENE_CLIENTS_MAX];
        RawMessage *reply;

        for (size_t i = 0; i < scene->n_clients; i++)
                rawclient_free(scene->clients[i]);
        scene->n_clients = 0;
        for (int waited_ms = 0; waited_ms < RAWCLIENT_TIMEOUT_MS; waited_ms++) {
                (void)scene_call(scene->janitor, "ListNames", NULL);
                if (rawclient_receive(scene->janitor, RAWCLIENT_TIMEOUT_MS, &reply) < 0)
                        break;
                if (rawmessage_read_strings(reply, names, SCENE_CLIENTS_MAX) == 2)
                        return 0;
                nanosleep(&pause, NULL);
        }
        scene_failed = true;
        return -1;
}

RawClient *scene_open(Scene *scene, unsigned flags)
{
        RawClient *client;
        int error;

        assert_true(scene->n_clients < SCENE_CLIENTS_MAX);
        client = rawclient_open(scene->bus.address, flags, &error);
        assert_non_null(client);
        scene->clients[scene->n_clients++] = client;
        return client;
}

RawClient *scene_join_with(Scene *scene, unsigned flags)
{
        RawClient *client = scene_open(scene, flags);

        assert_int_equal(rawclient_hello(client), 0);
        expect_name_signal(client, "NameAcquired", client->unique_name);
        return client;
}

RawClient *scene_join(Scene *scene)
{
        return scene_join_with(scene, 0);
}

void scene_leave(Scene *scene, RawClient *client)
{
        for (size_t i = 0; i < scene->n_clients; i++) {
                if (scene->clients[i] == client)
                        scene->clients[i] = rawclient_free(client);
        }
}

uint32_t scene_send(RawClient *client, const RawHeader *header, ...)
{
        uint32_t serial;
        va_list values;
        int r;

        va_start(values, header);
        r = rawclient_send_values(client, header, &serial, values);
        va_end(values);
        assert_int_equal(r, 0);
        return serial;
}

uint32_t scene_call(RawClient *client, const char *member, const char *types, ...)
{
        const RawHeader header = {.type = RAWMESSAGE_CALL,
                                  .path = SCENE_DRIVER_PATH,
                                  .interface = SCENE_DRIVER,
                                  .member = member,
                                  .destination = SCENE_DRIVER,
                                  .signature = types};
        uint32_t serial;
        va_list values;
        int r;

        va_start(values, types);
        r = rawclient_send_values(client, &header, &serial, values);
        va_end(values);
        assert_int_equal(r, 0);
        return serial;
}

void scene_match(RawClient *client, const char *rule)
{
        expect_empty(client, scene_call(client, "AddMatch", "s", rule));
}

void scene_own(RawClient *client, const char *name)
{
        uint32_t serial = scene_call(client, "RequestName", "su", name, 0U);

        expect_name_signal(client, "NameAcquired", name);
        expect_u32(client, serial, 1);
}

RawHeader scene_method(const char *destination, const char *member, const char *signature)
{
        return (RawHeader){.type = RAWMESSAGE_CALL,
                           .path = "/t",
                           .interface = "t.I",
                           .member = member,
                           .destination = destination,
                           .signature = signature};
}

RawHeader scene_signal(const char *destination, const char *member, const char *signature)
{
        RawHeader header = scene_method(destination, member, signature);

        header.type = RAWMESSAGE_SIGNAL;
        return header;
}

RawHeader scene_reply(const RawMessage *call, const char *signature)
{
        return (RawHeader){.type = RAWMESSAGE_RETURN,
                           .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                           .destination = call->sender,
                           .reply_serial = call->serial,
                           .signature = signature};
}
