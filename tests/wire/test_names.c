/* SPDX-License-Identifier: Apache-2.0 */

/* RequestName and ReleaseName: the queue, row by row, and what is refused. */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

enum {
        ALLOW_REPLACEMENT = 1,
        REPLACE_EXISTING = 2,
        DO_NOT_QUEUE = 4,
};

#define NAME "t.Name"

static uint32_t request(RawClient *client, unsigned flags)
{
        return scene_call(client, "RequestName", "su", NAME, flags);
}

static uint32_t release(RawClient *client)
{
        return scene_call(client, "ReleaseName", "s", NAME);
}

static void become_owner(RawClient *client, unsigned flags)
{
        uint32_t serial = request(client, flags);

        expect_name_signal(client, "NameAcquired", NAME);
        expect_u32(client, serial, 1);
}

static void expect_queue(RawClient *client, RawClient *first, RawClient *second, RawClient *third)
{
        char expected[128];

        snprintf(expected, sizeof(expected), "%s%s%s%s%s", first->unique_name, second ? " " : "",
                 second ? second->unique_name : "", third ? " " : "",
                 third ? third->unique_name : "");
        expect_strings(client, scene_call(client, "ListQueuedOwners", "s", NAME), expected);
}

static void watch_owner(RawClient *client)
{
        scene_match(client, "type='signal',member='NameOwnerChanged',arg0='" NAME "'");
}

static void test_request_free_name_signals_then_replies(void **state)
{
        RawClient *client = scene_join(*state);
        uint32_t serial;

        watch_owner(client);
        serial = request(client, 0);
        expect_owner_change(client, NAME, "", client->unique_name);
        expect_name_signal(client, "NameAcquired", NAME);
        expect_u32(client, serial, 1);
}

static void test_request_by_the_owner_is_4_and_silent(void **state)
{
        RawClient *client = scene_join(*state);

        watch_owner(client);
        (void)request(client, 0);
        expect_owner_change(client, NAME, "", client->unique_name);
        expect_name_signal(client, "NameAcquired", NAME);
        (void)expect_message(client);
        expect_u32(client, request(client, 0), 4);
        expect_u32(client, request(client, REPLACE_EXISTING | DO_NOT_QUEUE), 4);
}

static void test_request_by_the_owner_updates_allow_replacement(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *taker = scene_join(scene);

        become_owner(owner, ALLOW_REPLACEMENT);
        expect_u32(owner, request(owner, 0), 4);
        expect_u32(taker, request(taker, REPLACE_EXISTING | DO_NOT_QUEUE), 3);
        expect_u32(owner, request(owner, ALLOW_REPLACEMENT), 4);
        become_owner(taker, REPLACE_EXISTING | DO_NOT_QUEUE);
        expect_name_signal(owner, "NameLost", NAME);
}

static void test_request_by_the_owner_updates_do_not_queue(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *taker = scene_join(scene);

        become_owner(owner, ALLOW_REPLACEMENT);
        expect_u32(owner, request(owner, ALLOW_REPLACEMENT | DO_NOT_QUEUE), 4);
        become_owner(taker, REPLACE_EXISTING);
        expect_name_signal(owner, "NameLost", NAME);
        expect_queue(taker, taker, NULL, NULL);
}

static void test_takeover_wire_order_and_old_owner_is_second(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *waiter = scene_join(scene),
                  *taker = scene_join(scene);
        uint32_t serial;

        become_owner(owner, ALLOW_REPLACEMENT);
        expect_u32(waiter, request(waiter, 0), 2);
        watch_owner(owner);
        watch_owner(waiter);
        watch_owner(taker);
        serial = request(taker, REPLACE_EXISTING);
        expect_owner_change(taker, NAME, owner->unique_name, taker->unique_name);
        expect_name_signal(taker, "NameAcquired", NAME);
        expect_u32(taker, serial, 1);
        expect_name_signal(owner, "NameLost", NAME);
        expect_owner_change(owner, NAME, owner->unique_name, taker->unique_name);
        expect_owner_change(waiter, NAME, owner->unique_name, taker->unique_name);
        expect_queue(taker, taker, owner, waiter);
        expect_nothing(owner);
}

static void test_takeover_from_owner_that_does_not_queue_removes_it(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *taker = scene_join(scene);

        become_owner(owner, ALLOW_REPLACEMENT | DO_NOT_QUEUE);
        become_owner(taker, REPLACE_EXISTING);
        expect_name_signal(owner, "NameLost", NAME);
        expect_queue(taker, taker, NULL, NULL);
}

static void test_takeover_by_a_queued_client_removes_its_place(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *waiter = scene_join(scene);

        become_owner(owner, 0);
        expect_u32(waiter, request(waiter, 0), 2);
        expect_u32(owner, request(owner, ALLOW_REPLACEMENT), 4);
        become_owner(waiter, REPLACE_EXISTING);
        expect_name_signal(owner, "NameLost", NAME);
        expect_queue(waiter, waiter, owner, NULL);
}

static void test_replace_without_permission_queues_after_the_owner(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *waiter = scene_join(scene),
                  *taker = scene_join(scene);

        become_owner(owner, 0);
        expect_u32(waiter, request(waiter, 0), 2);
        expect_u32(taker, request(taker, REPLACE_EXISTING), 2);
        expect_queue(taker, owner, taker, waiter);
        expect_nothing(owner);
}

static void test_replace_by_a_queued_client_moves_it_to_second(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *a = scene_join(scene), *b = scene_join(scene);

        become_owner(owner, 0);
        expect_u32(a, request(a, 0), 2);
        expect_u32(b, request(b, 0), 2);
        expect_u32(b, request(b, REPLACE_EXISTING), 2);
        expect_queue(b, owner, b, a);
        expect_u32(b, request(b, 0), 2);
        expect_queue(b, owner, b, a);
}

static void test_do_not_queue_is_3_and_leaves_the_queue(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *client = scene_join(scene);

        become_owner(owner, 0);
        expect_u32(client, request(client, DO_NOT_QUEUE), 3);
        expect_queue(client, owner, NULL, NULL);
        expect_u32(client, request(client, 0), 2);
        expect_queue(client, owner, client, NULL);
        expect_u32(client, request(client, DO_NOT_QUEUE), 3);
        expect_queue(client, owner, NULL, NULL);
}

static void test_unknown_flags_are_ignored(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *client = scene_join(scene);

        become_owner(owner, 0xfffffff8U);
        expect_u32(client, request(client, 0xfffffff8U), 2);
}

static void test_flags_of_a_queued_client_hold_when_it_is_promoted(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *waiter = scene_join(scene),
                  *taker = scene_join(scene);
        uint32_t serial;

        become_owner(owner, 0);
        expect_u32(waiter, request(waiter, ALLOW_REPLACEMENT | DO_NOT_QUEUE), 3);
        expect_u32(waiter, request(waiter, ALLOW_REPLACEMENT), 2);
        serial = release(owner);
        expect_name_signal(owner, "NameLost", NAME);
        expect_u32(owner, serial, 1);
        expect_name_signal(waiter, "NameAcquired", NAME);
        become_owner(taker, REPLACE_EXISTING);
        expect_name_signal(waiter, "NameLost", NAME);
        expect_queue(taker, taker, waiter, NULL);
}

static void test_release_wire_order_promotes_the_next(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *waiter = scene_join(scene);
        uint32_t serial;

        become_owner(owner, 0);
        expect_u32(waiter, request(waiter, 0), 2);
        watch_owner(owner);
        watch_owner(waiter);
        serial = release(owner);
        expect_name_signal(owner, "NameLost", NAME);
        expect_owner_change(owner, NAME, owner->unique_name, waiter->unique_name);
        expect_u32(owner, serial, 1);
        expect_owner_change(waiter, NAME, owner->unique_name, waiter->unique_name);
        expect_name_signal(waiter, "NameAcquired", NAME);
        expect_nothing(waiter);
}

static void test_release_of_the_only_owner_frees_the_name(void **state)
{
        RawClient *client = scene_join(*state);
        uint32_t serial;

        become_owner(client, 0);
        watch_owner(client);
        serial = release(client);
        expect_name_signal(client, "NameLost", NAME);
        expect_owner_change(client, NAME, client->unique_name, "");
        expect_u32(client, serial, 1);
        expect_u32(client, release(client), 2);
}

static void test_release_by_a_queued_client_leaves_silently(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *waiter = scene_join(scene);

        become_owner(owner, 0);
        expect_u32(waiter, request(waiter, 0), 2);
        watch_owner(waiter);
        expect_u32(waiter, release(waiter), 1);
        expect_queue(waiter, owner, NULL, NULL);
        expect_u32(waiter, release(waiter), 3);
        expect_nothing(owner);
}

static void test_request_of_bad_names_is_refused(void **state)
{
        RawClient *client = scene_join(*state);

        expect_error(client, scene_call(client, "RequestName", "su", ":1.5", 0U), "InvalidArgs",
                     "Cannot acquire a service starting with ':' such as \":1.5\"");
        expect_error(client, scene_call(client, "RequestName", "su", "nodots", 0U), "InvalidArgs",
                     "Requested bus name \"nodots\" is not valid");
        expect_error(client, scene_call(client, "RequestName", "su", "", 0U), "InvalidArgs",
                     "Requested bus name \"\" is not valid");
        expect_error(client, scene_call(client, "RequestName", "su", "t.1digit", 0U), "InvalidArgs",
                     "Requested bus name \"t.1digit\" is not valid");
}

static void test_request_of_the_name_of_the_bus_is_refused(void **state)
{
        RawClient *client = scene_join(*state);
        RawMessage *error;
        char start[128];
        const char *text;

        error = expect_error(client, scene_call(client, "RequestName", "su", SCENE_DRIVER, 0U),
                             "InvalidArgs", NULL);
        snprintf(start, sizeof(start), "Connection \"%s\" is not allowed to own the service \"%s\"",
                 client->unique_name, SCENE_DRIVER);
        assert_true(rawmessage_read(error, "s", &text));
        assert_memory_equal(text, start, strlen(start));
}

static void test_release_of_reserved_or_bad_names_is_refused(void **state)
{
        RawClient *client = scene_join(*state);

        expect_error(client, scene_call(client, "ReleaseName", "s", client->unique_name),
                     "InvalidArgs", NULL);
        expect_error(client, scene_call(client, "ReleaseName", "s", ":1.5"), "InvalidArgs",
                     "Cannot release a service starting with ':' such as \":1.5\"");
        expect_error(client, scene_call(client, "ReleaseName", "s", SCENE_DRIVER), "InvalidArgs",
                     "Cannot release the org.freedesktop.DBus service because it is owned by the "
                     "bus");
        expect_error(client, scene_call(client, "ReleaseName", "s", "a..b"), "InvalidArgs",
                     "Given bus name \"a..b\" is not valid");
        expect_u32(client, scene_call(client, "ReleaseName", "s", "t.Absent"), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_request_free_name_signals_then_replies),
                TEST(test_request_by_the_owner_is_4_and_silent),
                TEST(test_request_by_the_owner_updates_allow_replacement),
                TEST(test_request_by_the_owner_updates_do_not_queue),
                TEST(test_takeover_wire_order_and_old_owner_is_second),
                TEST(test_takeover_from_owner_that_does_not_queue_removes_it),
                TEST(test_takeover_by_a_queued_client_removes_its_place),
                TEST(test_replace_without_permission_queues_after_the_owner),
                TEST(test_replace_by_a_queued_client_moves_it_to_second),
                TEST(test_do_not_queue_is_3_and_leaves_the_queue),
                TEST(test_unknown_flags_are_ignored),
                TEST(test_flags_of_a_queued_client_hold_when_it_is_promoted),
                TEST(test_release_wire_order_promotes_the_next),
                TEST(test_release_of_the_only_owner_frees_the_name),
                TEST(test_release_by_a_queued_client_leaves_silently),
                TEST(test_request_of_bad_names_is_refused),
                TEST(test_request_of_the_name_of_the_bus_is_refused),
                TEST(test_release_of_reserved_or_bad_names_is_refused),
        };

        return scene_run("wire/names", tests, scene_start);
}
