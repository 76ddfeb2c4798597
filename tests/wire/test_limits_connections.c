/* SPDX-License-Identifier: Apache-2.0 */

/* How many connections there may be, how many that are not complete, and for how long. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/rawsocket.h"
#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

enum { AUTH_MS = 2000, PATIENCE_MS = 300, MAX_INCOMPLETE = 2, N_TRIES = 8 };

#define AUTH_TIMEOUT "<limit name=\"auth_timeout\">2000</limit>"

/* The limits of the group that runs, but for auth_timeout. */
static const char *limits;

static int start_with_three_for_each_user(void **state)
{
        limits = "<limit name=\"max_connections_per_user\">3</limit>";
        return scene_start_with(state, limits);
}

static int start_with_three_for_all(void **state)
{
        limits = "<limit name=\"max_completed_connections\">3</limit>";
        return scene_start_with(state, limits);
}

static int start_with_two_incomplete(void **state)
{
        return scene_start_with(state, "<limit name=\"max_incomplete_connections\">2</limit>");
}

static void reload(Scene *scene, const char *auth_timeout)
{
        char config[256];

        snprintf(config, sizeof(config), "%s%s", limits, auth_timeout);
        assert_int_equal(bus_write_config(&scene->bus, config), 0);
        expect_empty(scene->janitor, scene_call(scene->janitor, "ReloadConfig", NULL));
}

/* From now on there is AUTH_MS for a Hello: whoever is to stay is there already, so that a machine
 * that stands still ends none of them. */
static void hurry(Scene *scene)
{
        reload(scene, AUTH_TIMEOUT);
}

static int clear_at_leisure(void **state)
{
        reload(*state, "");
        return scene_clear(state);
}

/* A client that is closed in time, not earlier. False if that was before it got an answer to
 * authentication or, if it says Hello, to that: a refusal. */
static bool try_to_stay(const Scene *scene, bool says_hello)
{
        const RawHeader hello = {.type = RAWMESSAGE_CALL,
                                 .path = SCENE_DRIVER_PATH,
                                 .interface = SCENE_DRIVER,
                                 .member = "Hello",
                                 .destination = SCENE_DRIVER};
        const int64_t begun = pressure_now_ms();
        int r = 0;
        RawClient *client = rawclient_open(scene->bus.address, 0, &r);
        bool answered = client && !says_hello;
        RawMessage *message;

        if (client && says_hello)
                r = rawclient_send_header(client, &hello, NULL);
        if (client && r == 0)
                r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message);
        if (client && r == 0) {
                assert_true(says_hello);
                assert_string_equal(message->error_name, EXPECT_ERROR_PREFIX "LimitsExceeded");
                answered = true;
                r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message);
        }
        rawclient_free(client);
        assert_int_equal(r, -ECONNRESET);
        assert_true(pressure_now_ms() - begun >= AUTH_MS / 2);
        return answered;
}

static void expect_cannot_stay(const Scene *scene, bool says_hello)
{
        for (int i = 0; i < N_TRIES; i++)
                if (try_to_stay(scene, says_hello))
                        return;
        fail_msg("%d times there was no answer in %d ms", N_TRIES, AUTH_MS);
}

/* Retries until somebody has left. */
static void test_limit_per_user_refuses_hello_and_lets_it_retry(void **state)
{
        Scene *scene = *state;
        RawClient *a = scene_join(scene), *b = scene_join(scene), *extra;
        char text[128];

        extra = scene_open(scene, 0);
        snprintf(text, sizeof(text),
                 "The maximum number of active connections for UID %u has been reached",
                 (unsigned)geteuid());
        expect_error(extra, scene_call(extra, "Hello", NULL), "LimitsExceeded", text);
        expect_error(extra, scene_call(extra, "Hello", NULL), "LimitsExceeded", text);
        scene_match(b, "member='NameOwnerChanged',arg2=''");
        scene_leave(scene, a);
        (void)expect_signal(b, SCENE_DRIVER, "NameOwnerChanged");
        assert_int_equal(rawclient_hello(extra), 0);
        assert_string_equal(expect_message(extra)->member, "NameAcquired");
        expect_nothing(extra);
}

/* Refused once, it stays incomplete; auth_timeout goes on. */
static void test_limit_refused_client_is_closed_by_auth_timeout(void **state)
{
        Scene *scene = *state;

        (void)scene_join(scene);
        (void)scene_join(scene);
        hurry(scene);
        expect_cannot_stay(scene, true);
}

/* Who is complete is not. */
static void test_auth_timeout_closes_who_does_not_say_hello(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);

        hurry(scene);
        expect_cannot_stay(scene, false);
        expect_nothing(client);
}

static void expect_hang_up(int fd)
{
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        char byte;

        assert_int_equal(poll(&poll_fd, 1, RAWCLIENT_TIMEOUT_MS), 1);
        if (read(fd, &byte, 1) != 0)
                assert_int_equal(errno, ECONNRESET); /* the bus had not read everything */
        close(fd);
}

static void test_auth_timeout_closes_who_does_not_authenticate(void **state)
{
        Scene *scene = *state;
        int silent, slow;

        hurry(scene);
        silent = rawsocket_connect(scene->bus.address);
        slow = rawsocket_connect(scene->bus.address);
        assert_true(silent >= 0 && slow >= 0);
        (void)rawsocket_write(slow, "\0AUTH", 5);
        expect_hang_up(silent);
        expect_hang_up(slow);
        reload(scene, "");
        (void)scene_join(scene);
}

/* Not accepted, not refused: served as soon as one of the others is gone. */
static void test_limit_incomplete_pauses_accepting(void **state)
{
        Scene *scene = *state;
        int waiting[MAX_INCOMPLETE], error;
        RawClient *late;
        RawMessage *message;

        for (int i = 0; i < MAX_INCOMPLETE; i++) {
                waiting[i] = rawsocket_connect(scene->bus.address);
                assert_true(waiting[i] >= 0);
        }
        late = rawclient_open(scene->bus.address, RAWCLIENT_PIPELINE, &error);
        assert_non_null(late);
        assert_int_equal(rawclient_receive(late, PATIENCE_MS, &message), -ETIMEDOUT);
        assert_int_equal(late->n_lines, 2); /* no answer to AUTH */
        close(waiting[0]);
        assert_int_equal(rawclient_hello(late), 0);
        rawclient_free(late);
        close(waiting[1]);
        (void)scene_join(scene);
}

/* A connection that is complete makes room, too. */
static void test_limit_incomplete_goes_on_when_one_completes(void **state)
{
        Scene *scene = *state;
        RawClient *first = scene_open(scene, 0), *second = scene_open(scene, 0), *late;
        RawMessage *message;
        int error;

        late = rawclient_open(scene->bus.address, RAWCLIENT_PIPELINE, &error);
        assert_non_null(late);
        assert_int_equal(rawclient_receive(late, PATIENCE_MS, &message), -ETIMEDOUT);
        assert_int_equal(rawclient_hello(first), 0);
        assert_int_equal(rawclient_hello(late), 0);
        assert_int_equal(rawclient_hello(second), 0);
        rawclient_free(late);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
#define HURRIED(name) cmocka_unit_test_teardown(name, clear_at_leisure)
        const struct CMUnitTest per_user[] = {
                TEST(test_limit_per_user_refuses_hello_and_lets_it_retry),
                HURRIED(test_limit_refused_client_is_closed_by_auth_timeout),
                HURRIED(test_auth_timeout_closes_who_does_not_say_hello),
                HURRIED(test_auth_timeout_closes_who_does_not_authenticate),
        };
        const struct CMUnitTest completed[] = {
                HURRIED(test_limit_refused_client_is_closed_by_auth_timeout),
        };
        const struct CMUnitTest incomplete[] = {
                TEST(test_limit_incomplete_pauses_accepting),
                TEST(test_limit_incomplete_goes_on_when_one_completes),
        };
        int r = scene_run("wire/limits_connections (per user)", per_user,
                          start_with_three_for_each_user);

        r += scene_run("wire/limits_connections (completed)", completed, start_with_three_for_all);
        return r + scene_run("wire/limits_connections (incomplete)", incomplete,
                             start_with_two_incomplete);
}
