/* SPDX-License-Identifier: Apache-2.0 */

/* What others see of a client that leaves, and in which order. */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

static void test_disconnect_names_go_in_reverse_order_unique_last(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *watcher = scene_join(scene);
        char name[RAWCLIENT_NAME_MAX];

        memcpy(name, client->unique_name, sizeof(name));
        scene_own(client, "t.First");
        scene_own(client, "t.Second");
        scene_own(client, "t.Third");
        scene_match(watcher, "type='signal',member='NameOwnerChanged'");
        scene_leave(scene, client);
        expect_owner_change(watcher, "t.Third", name, "");
        expect_owner_change(watcher, "t.Second", name, "");
        expect_owner_change(watcher, "t.First", name, "");
        expect_owner_change(watcher, name, name, "");
        expect_nothing(watcher);
}

/* What counts is when a client joined the queue of a name, not when it came first. */
static void test_disconnect_name_taken_over_from_the_queue_keeps_its_place(void **state)
{
        Scene *scene = *state;
        RawClient *first = scene_join(scene), *client = scene_join(scene);
        RawClient *watcher = scene_join(scene);
        char name[RAWCLIENT_NAME_MAX];
        uint32_t request;

        memcpy(name, client->unique_name, sizeof(name));
        request = scene_call(first, "RequestName", "su", "t.Taken", 1U); /* may be replaced */
        expect_name_signal(first, "NameAcquired", "t.Taken");
        expect_u32(first, request, 1);
        expect_u32(client, scene_call(client, "RequestName", "su", "t.Taken", 0U), 2);
        scene_own(client, "t.Later");
        request = scene_call(client, "RequestName", "su", "t.Taken", 2U); /* replaces */
        expect_name_signal(client, "NameAcquired", "t.Taken");
        expect_u32(client, request, 1);
        scene_match(watcher, "type='signal',member='NameOwnerChanged'");
        scene_leave(scene, client);
        expect_owner_change(watcher, "t.Later", name, "");
        expect_owner_change(watcher, "t.Taken", name, first->unique_name);
        expect_owner_change(watcher, name, name, "");
}

static void test_disconnect_of_the_owner_promotes_the_next(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *next = scene_join(scene), *last = scene_join(scene);
        char name[RAWCLIENT_NAME_MAX];

        memcpy(name, owner->unique_name, sizeof(name));
        scene_own(owner, "t.Name");
        expect_u32(next, scene_call(next, "RequestName", "su", "t.Name", 0U), 2);
        expect_u32(last, scene_call(last, "RequestName", "su", "t.Name", 0U), 2);
        scene_match(next, "type='signal',member='NameOwnerChanged'");
        scene_leave(scene, owner);
        expect_owner_change(next, "t.Name", name, next->unique_name);
        expect_name_signal(next, "NameAcquired", "t.Name");
        expect_owner_change(next, name, name, "");
        expect_text(last, scene_call(last, "GetNameOwner", "s", "t.Name"), next->unique_name);
}

static void test_disconnect_of_a_queued_client_is_silent_about_the_name(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *waiter = scene_join(scene);
        char name[RAWCLIENT_NAME_MAX];

        memcpy(name, waiter->unique_name, sizeof(name));
        scene_own(owner, "t.Name");
        expect_u32(waiter, scene_call(waiter, "RequestName", "su", "t.Name", 0U), 2);
        scene_match(owner, "type='signal',member='NameOwnerChanged'");
        scene_leave(scene, waiter);
        expect_owner_change(owner, name, name, "");
        expect_strings(owner, scene_call(owner, "ListQueuedOwners", "s", "t.Name"),
                       owner->unique_name);
}

static void test_disconnect_messages_written_before_it_are_delivered_first(void **state)
{
        enum { N_MESSAGES = 100 };
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *watcher = scene_join(scene);
        const RawHeader signal = scene_signal(watcher->unique_name, "S", "u");
        char name[RAWCLIENT_NAME_MAX];
        uint32_t value;

        memcpy(name, client->unique_name, sizeof(name));
        scene_match(watcher, "type='signal',member='NameOwnerChanged'");
        for (uint32_t n = 0; n < N_MESSAGES; n++)
                (void)scene_send(client, &signal, n);
        (void)scene_call(client, "RequestName", "su", "t.Late", 0U);
        scene_leave(scene, client);
        for (uint32_t n = 0; n < N_MESSAGES; n++) {
                assert_true(rawmessage_read(expect_signal(watcher, name, "S"), "u", &value));
                assert_int_equal(value, n);
        }
        expect_owner_change(watcher, "t.Late", "", name);
        expect_owner_change(watcher, "t.Late", name, "");
        expect_owner_change(watcher, name, name, "");
        expect_nothing(watcher);
}

static void test_disconnect_every_client_sees_the_same_order(void **state)
{
        enum { N_WATCHERS = 4, N_LEAVING = 6 };
        Scene *scene = *state;
        RawClient *watchers[N_WATCHERS], *leaving[N_LEAVING];
        char first[N_LEAVING][RAWCLIENT_NAME_MAX];
        const char *name[3];

        for (size_t i = 0; i < N_WATCHERS; i++)
                watchers[i] = scene_join(scene);
        for (size_t i = 0; i < N_LEAVING; i++)
                leaving[i] = scene_join(scene);
        for (size_t i = 0; i < N_WATCHERS; i++)
                scene_match(watchers[i], "type='signal',member='NameOwnerChanged',arg2=''");
        for (size_t i = 0; i < N_LEAVING; i++)
                scene_leave(scene, leaving[i]);
        for (size_t n = 0; n < N_LEAVING; n++) {
                for (size_t i = 0; i < N_WATCHERS; i++) {
                        RawMessage *message =
                                expect_signal(watchers[i], SCENE_DRIVER, "NameOwnerChanged");

                        assert_true(rawmessage_read(message, "sss", &name[0], &name[1], &name[2]));
                        if (i == 0)
                                snprintf(first[n], sizeof(first[n]), "%s", name[0]);
                        assert_string_equal(name[0], first[n]);
                }
        }
}

static void test_disconnect_name_is_free_again(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *other = scene_join(scene);
        RawHeader call = scene_method(NULL, "M", NULL);
        char name[RAWCLIENT_NAME_MAX];

        memcpy(name, client->unique_name, sizeof(name));
        scene_own(client, "t.Name");
        scene_match(other, "type='signal',member='NameOwnerChanged',arg0namespace='t'");
        scene_leave(scene, client);
        expect_owner_change(other, "t.Name", name, "");
        expect_bool(other, scene_call(other, "NameHasOwner", "s", "t.Name"), false);
        call.destination = "t.Name";
        call.flags = RAWMESSAGE_NO_AUTO_START;
        expect_error(other, scene_send(other, &call), "NameHasNoOwner", NULL);
        expect_empty(other, scene_call(other, "RemoveMatch", "s",
                                       "type='signal',member='NameOwnerChanged',"
                                       "arg0namespace='t'"));
        scene_own(other, "t.Name");
}

static void test_disconnect_stopped_bus_closes_its_clients(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        Bus second;
        RawClient *guest;
        RawMessage *message;
        int error = 0;

        assert_int_equal(bus_start(&second, NULL), 0);
        guest = rawclient_open(second.address, 0, &error);
        assert_non_null(guest);
        assert_int_equal(rawclient_hello(guest), 0);
        expect_name_signal(guest, "NameAcquired", ":1.0");
        assert_int_equal(bus_stop(&second), 0);
        assert_true(rawclient_receive(guest, RAWCLIENT_TIMEOUT_MS, &message) < 0);
        rawclient_free(guest);
        expect_nothing(client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_disconnect_names_go_in_reverse_order_unique_last),
                TEST(test_disconnect_name_taken_over_from_the_queue_keeps_its_place),
                TEST(test_disconnect_of_the_owner_promotes_the_next),
                TEST(test_disconnect_of_a_queued_client_is_silent_about_the_name),
                TEST(test_disconnect_messages_written_before_it_are_delivered_first),
                TEST(test_disconnect_every_client_sees_the_same_order),
                TEST(test_disconnect_name_is_free_again),
                TEST(test_disconnect_stopped_bus_closes_its_clients),
        };

        return scene_run("wire/disconnect", tests, scene_start);
}
