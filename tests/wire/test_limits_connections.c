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

enum { AUTH_MS = 2000, PATIENCE_MS = 300, MAX_INCOMPLETE = 2 };

static int start_with_three_for_each_user(void **state)
{
        return scene_start_with(state, "<limit name=\"max_connections_per_user\">3</limit>"
                                       "<limit name=\"auth_timeout\">2000</limit>");
}

static int start_with_three_for_all(void **state)
{
        return scene_start_with(state, "<limit name=\"max_completed_connections\">3</limit>"
                                       "<limit name=\"auth_timeout\">2000</limit>");
}

static int start_with_two_incomplete(void **state)
{
        return scene_start_with(state, "<limit name=\"max_incomplete_connections\">2</limit>");
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
        const int64_t begun = pressure_now_ms();
        RawClient *extra;

        (void)scene_join(scene);
        (void)scene_join(scene);
        extra = scene_open(scene, 0);
        expect_error(extra, scene_call(extra, "Hello", NULL), "LimitsExceeded", NULL);
        expect_closed(extra);
        assert_true(pressure_now_ms() - begun >= AUTH_MS / 2);
}

/* Who is complete is not. */
static void test_auth_timeout_closes_who_does_not_say_hello(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        const int64_t begun = pressure_now_ms();

        expect_closed(scene_open(scene, 0));
        assert_true(pressure_now_ms() - begun >= AUTH_MS / 2);
        expect_nothing(client);
}

static void expect_hang_up(int fd)
{
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        char byte;

        assert_int_equal(poll(&poll_fd, 1, RAWCLIENT_TIMEOUT_MS), 1);
        assert_int_equal(read(fd, &byte, 1), 0);
        close(fd);
}

static void test_auth_timeout_closes_who_does_not_authenticate(void **state)
{
        Scene *scene = *state;
        int silent = rawsocket_connect(scene->bus.address);
        int slow = rawsocket_connect(scene->bus.address);

        assert_true(silent >= 0 && slow >= 0);
        assert_int_equal(rawsocket_write(slow, "\0AUTH", 5), 0);
        expect_hang_up(silent);
        expect_hang_up(slow);
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
        const struct CMUnitTest per_user[] = {
                TEST(test_limit_per_user_refuses_hello_and_lets_it_retry),
                TEST(test_limit_refused_client_is_closed_by_auth_timeout),
                TEST(test_auth_timeout_closes_who_does_not_say_hello),
                TEST(test_auth_timeout_closes_who_does_not_authenticate),
        };
        const struct CMUnitTest completed[] = {
                TEST(test_limit_refused_client_is_closed_by_auth_timeout),
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
