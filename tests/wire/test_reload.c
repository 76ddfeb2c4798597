/* SPDX-License-Identifier: Apache-2.0 */

/* ReloadConfig and SIGHUP: new limits for everybody in one step, or the old ones and an error.
 * dbus-daemon 1.14 knows no ActivatableServicesChanged: there, two tests fail. */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

enum { N_HURRIED = 24, N_RELOADS = 200, N_SERIES = 4 };

static void write_names_limit(Scene *scene, const char *value)
{
        char config[128];

        snprintf(config, sizeof(config), "<limit name=\"max_names_per_connection\">%s</limit>",
                 value);
        assert_int_equal(bus_write_config(&scene->bus, config), 0);
}

static void reload(RawClient *client)
{
        uint32_t serial = scene_call(client, "ReloadConfig", "");

        expect_empty(client, serial);
}

/* Some tests leave a limit behind that the next one could not work under. */
static int restore(void **state)
{
        Scene *scene = *state;

        write_names_limit(scene, "50000");
        reload(scene_join(scene));
        return scene_clear(state);
}

/* The limit counts the unique name. */
static void test_what_follows_is_judged_by_the_new_limits(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        uint32_t serials[4];

        write_names_limit(scene, "2");
        serials[0] = scene_call(client, "ReloadConfig", "");
        serials[1] = scene_call(client, "RequestName", "su", "t.reload.A", 0);
        serials[2] = scene_call(client, "RequestName", "su", "t.reload.B", 0);
        serials[3] = scene_call(client, "GetId", "");
        expect_empty(client, serials[0]);
        expect_name_signal(client, "NameAcquired", "t.reload.A");
        expect_u32(client, serials[1], 1);
        expect_error(client, serials[2], "LimitsExceeded", NULL);
        expect_return(client, serials[3]);
}

static void test_others_are_judged_by_the_new_limits_after_the_reply(void **state)
{
        Scene *scene = *state;
        RawClient *first = scene_join(scene), *second = scene_join(scene);
        uint32_t serial;

        write_names_limit(scene, "1");
        reload(first);
        serial = scene_call(second, "RequestName", "su", "t.reload.A", 0);
        expect_error(second, serial, "LimitsExceeded", NULL);
}

static void test_an_error_changes_nothing_and_is_told(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        const char *text;
        RawMessage *error;
        uint32_t serial;

        write_names_limit(scene, "many");
        serial = scene_call(client, "ReloadConfig", "");
        error = expect_error(client, serial, "Failed", NULL);
        assert_true(rawmessage_read(error, "s", &text));
        assert_non_null(strstr(text, "max_names_per_connection"));
        serial = scene_call(client, "RequestName", "su", "t.reload.A", 0);
        expect_name_signal(client, "NameAcquired", "t.reload.A");
        expect_u32(client, serial, 1);
}

static void test_it_is_announced_before_the_reply(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *other = scene_join(scene);
        uint32_t serial;

        scene_match(client, "member='ActivatableServicesChanged'");
        scene_match(other, "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop."
                           "DBus',member='ActivatableServicesChanged'");
        serial = scene_call(client, "ReloadConfig", "");
        expect_signal(client, SCENE_DRIVER, "ActivatableServicesChanged");
        expect_empty(client, serial);
        expect_signal(other, SCENE_DRIVER, "ActivatableServicesChanged");
        write_names_limit(scene, "many");
        serial = scene_call(client, "ReloadConfig", "");
        expect_signal(client, SCENE_DRIVER, "ActivatableServicesChanged");
        expect_error(client, serial, "Failed", NULL);
}

static void test_sighup_does_the_same(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        uint32_t serial;

        scene_match(client, "member='ActivatableServicesChanged'");
        write_names_limit(scene, "1");
        assert_int_equal(kill(scene->bus.pid, SIGHUP), 0);
        expect_signal(client, SCENE_DRIVER, "ActivatableServicesChanged");
        serial = scene_call(client, "RequestName", "su", "t.reload.A", 0);
        expect_error(client, serial, "LimitsExceeded", NULL);
}

/* One connection cannot keep two waiting: the second call is read after the answer to the first. */
static void test_calls_of_many_are_answered_once_each(void **state)
{
        Scene *scene = *state;
        RawClient *clients[16];
        uint32_t serials[16][3];

        for (unsigned i = 0; i < 16; i++)
                clients[i] = scene_join(scene);
        for (unsigned i = 0; i < 16; i++) {
                for (unsigned k = 0; k < 3; k++)
                        serials[i][k] = scene_call(clients[i], "ReloadConfig", "");
        }
        for (unsigned i = 0; i < 16; i++) {
                for (unsigned k = 0; k < 3; k++)
                        expect_empty(clients[i], serials[i][k]);
                expect_nothing(clients[i]);
        }
}

static void test_who_does_not_wait_for_the_reply_harms_nobody(void **state)
{
        Scene *scene = *state;
        RawClient *bystander = scene_join(scene);

        for (unsigned i = 0; i < N_HURRIED; i++) {
                RawClient *client = scene_join(scene);

                scene_call(client, "ReloadConfig", "");
                scene_call(client, "GetId", "");
                scene_leave(scene, client);
        }
        reload(bystander);
        expect_nothing(bystander);
}

/* A configuration kept each time would be some KiB each, in every series. What else the memory in
 * use depends on, such as when the allocator gives some back, does not grow with each of them. */
static void test_many_reloads_take_no_memory(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        long before = 0, after = 0;

        for (unsigned series = 0; series < N_SERIES; series++) {
                before = after;
                for (unsigned i = 0; i < N_RELOADS; i++)
                        reload(client);
                after = bus_resident_kib(&scene->bus);
                if (series > 0 && (after <= before + N_RELOADS || !pressure_sees_memory()))
                        return;
        }
        fail_msg("%d reloads took %ld KiB", N_RELOADS, after - before);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_what_follows_is_judged_by_the_new_limits, restore),
                cmocka_unit_test_teardown(test_others_are_judged_by_the_new_limits_after_the_reply,
                                          restore),
                cmocka_unit_test_teardown(test_an_error_changes_nothing_and_is_told, restore),
                cmocka_unit_test_teardown(test_it_is_announced_before_the_reply, restore),
                cmocka_unit_test_teardown(test_sighup_does_the_same, restore),
                cmocka_unit_test_teardown(test_calls_of_many_are_answered_once_each, restore),
                cmocka_unit_test_teardown(test_who_does_not_wait_for_the_reply_harms_nobody,
                                          restore),
                cmocka_unit_test_teardown(test_many_reloads_take_no_memory, restore),
        };

        return scene_run("reload", tests, scene_start);
}
