/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What only root and the user of the bus may ask for, on a bus to which every user may connect. A
 * foreign user can be had by root only: without root these tests are skipped.
 */

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/wire/monitoring.h"

enum { FOREIGN_UID = 65534 };

static int start_for_everybody(void **state)
{
        const BusOptions options = {.for_everybody = true};

        return scene_start_bus(state, &options);
}

/*
 * A client that the kernel reports as FOREIGN_UID, which is the effective user at connect(2). The
 * socket is reached from its directory, as the folders above may be closed to that user.
 */
static RawClient *join_as_foreigner(Scene *scene)
{
        const char *name = strrchr(scene->bus.address, '/');
        char address[sizeof(scene->bus.address)];
        RawClient *client;
        int error;

        assert_non_null(name);
        assert_true(scene->n_clients < SCENE_CLIENTS_MAX);
        snprintf(address, sizeof(address), "unix:path=%s", name + 1);
        assert_int_equal(chdir(scene->bus.directory), 0);
        assert_int_equal(seteuid(FOREIGN_UID), 0);
        client = rawclient_open(address, 0, &error);
        assert_int_equal(seteuid(0), 0);
        prctl(PR_SET_DUMPABLE, 1); /* lost with the user; leak checkers need it */
        assert_int_equal(chdir("/"), 0);
        assert_non_null(client);
        scene->clients[scene->n_clients++] = client;
        assert_int_equal(rawclient_hello(client), 0);
        expect_name_signal(client, "NameAcquired", client->unique_name);
        expect_u32(client, scene_call(client, "GetConnectionUnixUser", "s", client->unique_name),
                   FOREIGN_UID);
        return client;
}

/* Calls UpdateActivationEnvironment with an empty a{ss}, or with another argument. The serial. */
static uint32_t update_environment(RawClient *client, const char *path, const char *types)
{
        const RawHeader call = {.type = RAWMESSAGE_CALL,
                                .serial = rawclient_serial(client),
                                .path = path,
                                .interface = SCENE_DRIVER,
                                .member = "UpdateActivationEnvironment",
                                .destination = SCENE_DRIVER,
                                .signature = types};
        Marshal body;

        marshal_init(&body, false);
        marshal_u32(&body, 0);
        if (strcmp(types, "a{ss}") == 0)
                marshal_align(&body, 8);
        assert_int_equal(rawclient_send_body(client, &call, &body, NULL, 0), 0);
        marshal_deinit(&body);
        return call.serial;
}

/* AccessDenied, and not because of the path, which is refused by the same name. */
static void expect_not_privileged(RawClient *client, uint32_t serial)
{
        const RawMessage *error = expect_error(client, serial, "AccessDenied", NULL);
        const char *text;

        assert_true(rawmessage_read(error, "s", &text));
        assert_null(strstr(text, "object path"));
}

/* Privilege is asked for before the path and the arguments are looked at. */
static void test_privileged_environment_refused_to_another_user(void **state)
{
        RawClient *foreigner;

        if (geteuid() != 0)
                skip();
        foreigner = join_as_foreigner(*state);
        expect_not_privileged(foreigner, update_environment(foreigner, SCENE_DRIVER_PATH, "a{ss}"));
        expect_not_privileged(foreigner, update_environment(foreigner, "/elsewhere", "a{ss}"));
        expect_not_privileged(foreigner, update_environment(foreigner, SCENE_DRIVER_PATH, "u"));
        scene_own(foreigner, "t.Foreign"); /* the connection is as good as any */
}

static void test_privileged_eavesdropping_refused_to_another_user(void **state)
{
        Scene *scene = *state;
        RawClient *foreigner, *sender, *receiver;
        RawHeader signal;

        if (geteuid() != 0)
                skip();
        foreigner = join_as_foreigner(scene);
        sender = scene_join(scene);
        receiver = scene_join(scene);
        expect_error(foreigner,
                     scene_call(foreigner, "AddMatch", "s", "eavesdrop='true',member='S'"),
                     "AccessDenied", NULL);
        scene_match(foreigner, "eavesdrop='false',member='S'");
        signal = scene_signal(receiver->unique_name, "S", NULL);
        (void)scene_send(sender, &signal);
        (void)expect_signal(receiver, sender->unique_name, "S");
        expect_nothing(foreigner);
}

/* Asked for before anything else, and it changes nothing. */
static void test_privileged_monitoring_refused_to_another_user(void **state)
{
        Scene *scene = *state;
        RawClient *foreigner;

        if (geteuid() != 0)
                skip();
        foreigner = join_as_foreigner(scene);
        expect_not_privileged(foreigner,
                              monitoring_call(foreigner, SCENE_DRIVER_PATH, NULL, 0, 0, 0));
        expect_not_privileged(foreigner,
                              monitoring_call(foreigner, SCENE_DRIVER_PATH, NULL, 0, 1, 0));
        if (scene->bus.is_ringbus)
                assert_true(
                        bus_log_contains(&scene->bus, "Rejected attempt to call BecomeMonitor"));
        scene_own(foreigner, "t.Foreign");
}

static void test_privileged_calls_of_root_succeed(void **state)
{
        Scene *scene = *state;
        RawClient *root, *sender, *foreigner;
        RawHeader signal;

        if (geteuid() != 0)
                skip();
        root = scene_join(scene);
        sender = scene_join(scene);
        foreigner = join_as_foreigner(scene);
        expect_empty(root, update_environment(root, SCENE_DRIVER_PATH, "a{ss}"));
        expect_error(root, update_environment(root, "/elsewhere", "a{ss}"), "AccessDenied",
                     "Method 'UpdateActivationEnvironment' is only available at the canonical "
                     "object path '/org/freedesktop/DBus'");
        expect_error(root, update_environment(root, SCENE_DRIVER_PATH, "u"), "InvalidArgs", NULL);
        scene_match(root, "eavesdrop='true',member='S'");
        signal = scene_signal(foreigner->unique_name, "S", NULL);
        (void)scene_send(sender, &signal);
        (void)expect_signal(foreigner, sender->unique_name, "S");
        (void)expect_signal(root, sender->unique_name, "S");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                /* First: the log has one such line in a second. */
                TEST(test_privileged_monitoring_refused_to_another_user),
                TEST(test_privileged_environment_refused_to_another_user),
                TEST(test_privileged_eavesdropping_refused_to_another_user),
                TEST(test_privileged_calls_of_root_succeed),
        };

        return scene_run("wire/privileged", tests, start_for_everybody);
}
