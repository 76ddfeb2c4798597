/* SPDX-License-Identifier: Apache-2.0 */

/* reply_timeout: who waits too long for a reply hears so from the bus, once. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

enum {
        LONG_MS = 2000, /* long enough to be answered in, unless the machine stands still */
        N_TRIES = 8,
        SHORT_MS = 100,
        N_MANY = 1000, /* max_replies_per_connection */
        N_ROUNDS = 60,
};

#define TIMEOUT_TEXT "Message did not receive a reply (timeout by message bus)"

static int start(void **state, const char *workers, int timeout_ms)
{
        const char *given = getenv("RINGBUS_TEST_WORKERS");
        char *before = given ? strdup(given) : NULL;
        char config[160];
        int r;

        snprintf(config, sizeof(config),
                 "<limit name=\"reply_timeout\">%d</limit>"
                 "<limit name=\"max_replies_per_connection\">%d</limit>",
                 timeout_ms, N_MANY);
        setenv("RINGBUS_TEST_WORKERS", workers, 1);
        r = scene_start_with(state, config);
        unsetenv("RINGBUS_TEST_WORKERS");
        if (before)
                setenv("RINGBUS_TEST_WORKERS", before, 1);
        free(before);
        return r;
}

static int start_with_four_workers(void **state)
{
        return start(state, "4", LONG_MS);
}

static int start_short_with_two_workers(void **state)
{
        return start(state, "2", SHORT_MS);
}

static int start_short_with_four_workers(void **state)
{
        return start(state, "4", SHORT_MS);
}

static uint32_t call(RawClient *caller, const RawClient *callee)
{
        const RawHeader header = scene_method(callee->unique_name, "M", NULL);

        return scene_send(caller, &header);
}

/* A reply to the call that `callee` receives next. */
static RawHeader take_call(RawClient *callee, const RawClient *caller)
{
        RawHeader reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);

        reply.destination = caller->unique_name;
        return reply;
}

/* What `try` does has to be done in time. If it was not, it is done again, with other clients. */
static void try_in_time(Scene *scene, bool (*try)(Scene *scene))
{
        for (int i = 0; i < N_TRIES; i++)
                if (try(scene))
                        return;
        fail_msg("%d times it took %d ms and more", N_TRIES, LONG_MS / 2);
}

/* The next message, unless it came so late that the time may have been over. */
static RawMessage *expect_in_time(RawClient *client, int64_t begun)
{
        RawMessage *message = expect_message(client);

        return pressure_now_ms() - begun < LONG_MS / 2 ? message : NULL;
}

static void test_timeout_is_no_reply_by_the_bus(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const int64_t begun = pressure_now_ms();
        RawMessage *error = expect_error(caller, call(caller, callee), "NoReply", TIMEOUT_TEXT);

        assert_string_equal(error->sender, SCENE_DRIVER);
        assert_string_equal(error->destination, caller->unique_name);
        assert_true(pressure_now_ms() - begun >= LONG_MS / 2);
        expect_nothing(caller);
        (void)expect_call(callee, caller->unique_name, "M");
        expect_nothing(callee);
}

/* As any reply that nobody is owed: a session bus lets it pass. */
static void test_timeout_reply_that_comes_later_is_unrequested(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        uint32_t serial = call(caller, callee);
        RawHeader reply = take_call(callee, caller);

        expect_error(caller, serial, "NoReply", TIMEOUT_TEXT);
        (void)scene_send(callee, &reply);
        expect_empty(caller, serial);
        scene_leave(scene, callee);
        expect_nothing(caller);
}

/* In whatever order: the reference tells the newest first. */
static bool try_unanswered_calls_only(Scene *scene)
{
        RawClient *caller = scene_join(scene), *a = scene_join(scene), *b = scene_join(scene);
        const int64_t begun = pressure_now_ms();
        const RawMessage *message;
        uint32_t first = call(caller, a), second = call(caller, b), third = call(caller, a);
        RawHeader reply = take_call(b, caller);

        (void)scene_send(b, &reply);
        message = expect_in_time(caller, begun);
        if (!message)
                return false;
        assert_int_equal(message->type, RAWMESSAGE_RETURN);
        assert_int_equal(message->reply_serial, second);
        for (unsigned i = 0; i < 2; i++) {
                RawMessage *error = expect_message(caller);

                assert_string_equal(error->error_name, EXPECT_ERROR_PREFIX "NoReply");
                assert_true(error->reply_serial == first || error->reply_serial == third);
                first = error->reply_serial == first ? 0 : first;
                third = error->reply_serial == third ? 0 : third;
        }
        expect_error(caller, call(caller, b), "NoReply", TIMEOUT_TEXT);
        expect_nothing(caller);
        return true;
}

static void test_timeout_concerns_unanswered_calls_only(void **state)
{
        try_in_time(*state, try_unanswered_calls_only);
}

/* N_MANY calls at once, as many as there may be; each is NoReply once, in whatever order. */
static void make_many_calls(RawClient *caller, const RawClient *callee)
{
        bool answered[N_MANY] = {false};
        uint32_t first = 0;

        for (unsigned i = 0; i < N_MANY; i++) {
                uint32_t serial = call(caller, callee);

                first = first ? first : serial;
        }
        for (unsigned i = 0; i < N_MANY; i++) {
                RawMessage *error = expect_message(caller);

                assert_int_equal(error->type, RAWMESSAGE_ERROR);
                assert_string_equal(error->error_name, EXPECT_ERROR_PREFIX "NoReply");
                assert_in_range(error->reply_serial, first, first + N_MANY - 1);
                assert_false(answered[error->reply_serial - first]);
                answered[error->reply_serial - first] = true;
        }
        expect_nothing(caller);
}

static void test_timeout_of_many_calls_frees_their_places(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);

        make_many_calls(caller, callee);
        make_many_calls(caller, callee);
}

static bool try_serial_again(Scene *scene)
{
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader header = scene_method(callee->unique_name, "M", NULL);
        const RawMessage *message;
        RawHeader reply;
        int64_t begun;

        header.serial = 4711;
        (void)scene_send(caller, &header);
        expect_error(caller, 4711, "NoReply", TIMEOUT_TEXT);
        (void)expect_call(callee, caller->unique_name, "M");
        begun = pressure_now_ms();
        (void)scene_send(caller, &header);
        reply = take_call(callee, caller);
        (void)scene_send(callee, &reply);
        message = expect_in_time(caller, begun);
        if (!message)
                return false;
        assert_int_equal(message->type, RAWMESSAGE_RETURN);
        assert_int_equal(message->reply_serial, 4711);
        expect_error(caller, call(caller, callee), "NoReply", TIMEOUT_TEXT);
        return true;
}

static void test_timeout_serial_may_be_used_again(void **state)
{
        try_in_time(*state, try_serial_again);
}

static void test_timeout_spares_calls_that_expect_no_reply(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader header = scene_method(callee->unique_name, "M", NULL);

        header.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        (void)scene_send(caller, &header);
        expect_error(caller, call(caller, callee), "NoReply", TIMEOUT_TEXT);
        expect_nothing(caller);
}

static bool try_those_who_left(Scene *scene)
{
        RawClient *caller = scene_join(scene), *callee = scene_join(scene), *other;
        const RawMessage *message;
        const char *text = "";
        uint32_t serial;
        int64_t begun;

        (void)call(caller, callee);
        (void)expect_call(callee, caller->unique_name, "M");
        scene_leave(scene, caller);
        other = scene_join(scene);
        expect_error(other, call(other, callee), "NoReply", TIMEOUT_TEXT);
        (void)expect_call(callee, other->unique_name, "M");
        begun = pressure_now_ms();
        serial = call(other, callee);
        (void)expect_call(callee, other->unique_name, "M"); /* or it might be gone before */
        scene_leave(scene, callee);
        message = expect_in_time(other, begun);
        if (!message)
                return false;
        assert_int_equal(message->reply_serial, serial);
        assert_string_equal(message->error_name, EXPECT_ERROR_PREFIX "NoReply");
        assert_true(rawmessage_read(message, "s", &text));
        assert_string_equal(text,
                            "Message recipient disconnected from message bus without replying");
        expect_nothing(other);
        return true;
}

static void test_timeout_is_no_concern_of_those_who_left(void **state)
{
        try_in_time(*state, try_those_who_left);
}

/* Waits, reading nothing, until so much time has passed. */
static void wait_until(int64_t ms)
{
        const struct timespec pause = {.tv_nsec = 200000};

        while (pressure_now_ms() < ms)
                nanosleep(&pause, NULL);
}

/*
 * Replies that are sent at about the moment at which the time is over: each call has its reply, and
 * perhaps NoReply, but then before the reply.
 */
static void test_timeout_against_replies_has_one_answer(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        unsigned n_late = 0;

        for (unsigned round = 0; round < N_ROUNDS; round++) {
                const int64_t begun = pressure_now_ms();
                uint32_t serial = call(caller, callee);
                RawHeader reply = take_call(callee, caller);
                RawMessage *message;

                /* From 4 ms before until 4 ms behind. */
                wait_until(begun + SHORT_MS - 4 + round * 8 / N_ROUNDS);
                (void)scene_send(callee, &reply);
                message = expect_message(caller);
                assert_int_equal(message->reply_serial, serial);
                if (message->type == RAWMESSAGE_ERROR) {
                        assert_string_equal(message->error_name, EXPECT_ERROR_PREFIX "NoReply");
                        expect_empty(caller, serial);
                        n_late++;
                } else {
                        assert_int_equal(message->type, RAWMESSAGE_RETURN);
                }
        }
        expect_nothing(caller);
        print_message("%u of %d replies were late\n", n_late, N_ROUNDS);
}

/* Changes the configuration of the bus: the last test of a group. */
static void test_timeout_is_that_of_the_start(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);

        assert_int_equal(bus_write_config(&scene->bus, "<limit name=\"reply_timeout\">600000"
                                                       "</limit>"),
                         0);
        expect_empty(caller, scene_call(caller, "ReloadConfig", NULL));
        expect_error(caller, call(caller, callee), "NoReply", TIMEOUT_TEXT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_timeout_is_no_reply_by_the_bus),
                TEST(test_timeout_reply_that_comes_later_is_unrequested),
                TEST(test_timeout_concerns_unanswered_calls_only),
                TEST(test_timeout_serial_may_be_used_again),
                TEST(test_timeout_spares_calls_that_expect_no_reply),
                TEST(test_timeout_is_no_concern_of_those_who_left),
        };
        const struct CMUnitTest racing[] = {
                TEST(test_timeout_of_many_calls_frees_their_places),
                TEST(test_timeout_against_replies_has_one_answer),
                TEST(test_timeout_is_that_of_the_start),
        };
        int r = scene_run("wire/reply_timeout", tests, start_with_four_workers);

        r += scene_run("wire/reply_timeout (short, 2 workers)", racing,
                       start_short_with_two_workers);
        return r + scene_run("wire/reply_timeout (short, 4 workers)", racing,
                             start_short_with_four_workers);
}
