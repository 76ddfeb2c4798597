/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Senders that the bus does not read any more, because too much of theirs is in its memory: they
 * keep nothing that others need, and when they die it is noticed. They are never forgiven: what
 * holds them up, holds for as long as a test takes.
 */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

enum { N_PAUSED = 60, PAUSING_BYTES = 10 * 1024 * 1024 };

static const char *const arguments[] = {"--stall-forgive=0", "--stall-close=0", NULL};
static const BusOptions options = {.config = "<limit name=\"max_incoming_bytes\">1000</limit>",
                                   .arguments = arguments};

static int start_with_little_room_for_incoming(void **state)
{
        return scene_start_bus(state, &options);
}

/* The same, with one worker. */
static int start_with_one_worker(void **state)
{
        return pressure_start_one_worker(state, &options);
}

/*
 * Sends so much to `receiver`, who does not read, that the bus stops reading the sender: more than
 * two sockets and all receive buffers of a worker could hold.
 */
static void pause_sender(RawClient *sender, const char *receiver, size_t size)
{
        RawHeader call = scene_method(receiver, "M", "s");
        Marshal body, bytes;

        call.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        pressure_body(&body, size);
        marshal_init(&bytes, false);
        pressure_build(&bytes, &call, &body, 1000, (uint32_t)(PAUSING_BYTES / size));
        assert_true(pressure_push(sender, &bytes, 50) < bytes.size);
        marshal_deinit(&bytes);
        marshal_deinit(&body);
}

static void test_paused_sender_that_dies_is_noticed_by_a_call(void **state)
{
        Scene *scene = *state;
        RawClient *reader = scene_join(scene), *sender = scene_join(scene);
        RawClient *caller = scene_join(scene);
        char name[RAWCLIENT_NAME_MAX];
        RawHeader call;
        uint32_t serial;
        int n_answers = 0, n_changes = 0;

        scene_match(caller, "member='NameOwnerChanged',arg2=''");
        pause_sender(sender, reader->unique_name, 30000);
        memcpy(name, sender->unique_name, sizeof(name));
        call = scene_method(name, "M", NULL);
        scene_leave(scene, sender);
        serial = scene_send(caller, &call);
        while (n_answers + n_changes < 2) {
                const RawMessage *message = expect_message(caller);
                const char *changed, *old_owner, *new_owner;

                if (message->type == RAWMESSAGE_ERROR) {
                        assert_int_equal(message->reply_serial, serial);
                        if (strcmp(message->error_name, EXPECT_ERROR_PREFIX "NoReply") != 0)
                                assert_string_equal(message->error_name,
                                                    EXPECT_ERROR_PREFIX "ServiceUnknown");
                        n_answers++;
                        continue;
                }
                assert_true(rawmessage_read(message, "sss", &changed, &old_owner, &new_owner));
                assert_string_equal(changed, name);
                assert_string_equal(new_owner, "");
                n_changes++;
        }
        assert_int_equal(n_answers, 1);
        expect_bool(caller, scene_call(caller, "NameHasOwner", "s", name), false);
        expect_error(caller, scene_send(caller, &call), "ServiceUnknown", NULL);
        expect_nothing(caller);
}

/* Nobody sends anything to it: the end of its connection has to be noticed by itself. */
static void test_paused_sender_that_dies_is_noticed_by_itself(void **state)
{
        Scene *scene = *state;
        RawClient *reader = scene_join(scene), *sender = scene_join(scene);
        RawClient *watcher = scene_join(scene);
        const char *changed, *old_owner, *new_owner;
        char name[RAWCLIENT_NAME_MAX];
        const RawMessage *message;

        scene_match(watcher, "member='NameOwnerChanged',arg2=''");
        pause_sender(sender, reader->unique_name, 30000);
        memcpy(name, sender->unique_name, sizeof(name));
        expect_nothing(watcher);
        scene_leave(scene, sender);
        message = expect_message(watcher);
        assert_true(rawmessage_read(message, "sss", &changed, &old_owner, &new_owner));
        assert_string_equal(changed, name);
        assert_string_equal(new_owner, "");
        expect_nothing(watcher);
}

/* More clients than a Scene keeps. */
static RawClient *paused[N_PAUSED];

static int leave_paused(void **state)
{
        for (size_t i = 0; i < N_PAUSED; i++)
                paused[i] = rawclient_free(paused[i]);
        return scene_clear(state);
}

static void test_paused_senders_leave_buffers_for_newcomers(void **state)
{
        Scene *scene = *state;
        RawClient *innocent = scene_join(scene);
        int error;

        for (size_t i = 0; i < N_PAUSED; i++) {
                paused[i] = rawclient_open(scene->bus.address, 0, &error);
                assert_non_null(paused[i]);
                assert_int_equal(rawclient_hello(paused[i]), 0);
                pause_sender(paused[i], paused[i]->unique_name, 12000);
        }
        expect_nothing(innocent);
        expect_nothing(scene_join(scene));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest small[] = {
                TEST(test_paused_sender_that_dies_is_noticed_by_a_call),
                TEST(test_paused_sender_that_dies_is_noticed_by_itself),
        };
        const struct CMUnitTest crowded[] = {
                cmocka_unit_test_teardown(test_paused_senders_leave_buffers_for_newcomers,
                                          leave_paused),
        };
        int r = scene_run("wire/paused", small, start_with_little_room_for_incoming);

        return r + scene_run("wire/paused (one worker)", crowded, start_with_one_worker);
}
