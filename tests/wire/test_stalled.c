/* SPDX-License-Identifier: Apache-2.0 */

/* Receivers that read nothing for long: their senders are forgiven, and who is over its limit is
 * disconnected; nobody else is. --stall-forgive and --stall-close are set to fractions of seconds.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

enum {
        BODY_SIZE = 16384,
        N_FLOOD = 600, /* 9.4 MiB: ten times what a sender may have under way */
        MS_LONG = 20000,
        HELD_MS = 1500,
};

static int start(void **state, const char *forgive, const char *close)
{
        const char *const arguments[] = {forgive, close, NULL};
        const BusOptions options = {.config = "<limit name=\"max_incoming_bytes\">1000000</limit>"
                                              "<limit name=\"max_outgoing_bytes\">4000000</limit>"
                                              "<limit name=\"max_outgoing_unix_fds\">16</limit>",
                                    .arguments = arguments};

        return scene_start_bus(state, &options);
}

static int start_that_forgives(void **state)
{
        return start(state, "--stall-forgive=300", "--stall-close=0");
}

static int start_that_closes(void **state)
{
        return start(state, "--stall-forgive=100", "--stall-close=1000");
}

static int start_that_does_neither(void **state)
{
        return start(state, "--stall-forgive=0", "--stall-close=0");
}

static void build_flood(Marshal *bytes, const char *to, uint32_t n)
{
        const RawHeader call = {.type = RAWMESSAGE_CALL,
                                .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                                .path = "/t",
                                .interface = "t.Stalled",
                                .member = "M",
                                .destination = to,
                                .signature = "s"};
        Marshal body;

        marshal_init(bytes, false);
        pressure_body(&body, BODY_SIZE);
        pressure_build(bytes, &call, &body, 1000, n);
        marshal_deinit(&body);
}

/* A flood to `to`, all of which can be written. */
static void flood(RawClient *sender, const char *to)
{
        Marshal bytes;
        size_t n;

        build_flood(&bytes, to, N_FLOOD);
        n = pressure_push(sender, &bytes, MS_LONG);
        assert_int_equal(n, bytes.size);
        marshal_deinit(&bytes);
}

/* The bus has gone through all that the client sent: some of it was refused, since the receiver is
 * full or, if it may leave, gone. How many messages. */
static unsigned expect_done(RawClient *sender, bool may_leave)
{
        uint32_t serial = scene_call(sender, "GetId", NULL);
        RawMessage *message = expect_message(sender);
        unsigned n_refused = 0;

        for (; message->type == RAWMESSAGE_ERROR; message = expect_message(sender), n_refused++)
                if (!may_leave ||
                    strcmp(message->error_name, EXPECT_ERROR_PREFIX "ServiceUnknown") != 0)
                        assert_string_equal(message->error_name,
                                            EXPECT_ERROR_PREFIX "LimitsExceeded");
        assert_int_equal(message->type, RAWMESSAGE_RETURN);
        assert_int_equal(message->reply_serial, serial);
        assert_int_not_equal(n_refused, 0);
        return n_refused;
}

static void test_sender_to_a_non_reader_is_forgiven(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *silent = scene_join(scene);

        flood(sender, silent->unique_name);
        (void)expect_done(sender, false);
}

/* What is forgiven is not lost, and counts against the receiver. */
static void test_forgiven_messages_arrive_up_to_the_limit(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *silent = scene_join(scene);
        uint64_t received = 0;
        uint32_t n_passed;

        flood(sender, silent->unique_name);
        n_passed = N_FLOOD - expect_done(sender, false);
        for (uint32_t n = 0; n < n_passed; n++) {
                const RawMessage *message = expect_call(silent, sender->unique_name, "M");

                assert_int_equal(message->serial, 1000 + n);
                received += message->body_size;
        }
        expect_nothing(silent);
        /* The socket's own buffer holds some more. */
        assert_in_range(received, 3900000, 4000000 + 2 * 1024 * 1024);
}

static void test_without_forgiving_the_sender_is_held(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *silent = scene_join(scene);
        const int64_t until = pressure_now_ms() + RAWCLIENT_TIMEOUT_MS;
        size_t n = 0;
        Marshal bytes;

        build_flood(&bytes, silent->unique_name, N_FLOOD);
        do { /* again if the bus only seemed to take nothing, because it stood still */
                const Marshal rest = {.data = bytes.data + n, .size = bytes.size - n};

                n += pressure_push(sender, &rest, HELD_MS);
        } while (n < 900000 && pressure_now_ms() < until);
        assert_in_range(n, 900000, 3 * 1024 * 1024);
        assert_true(n < bytes.size);
        marshal_deinit(&bytes);
}

static bool log_tells(const Scene *scene, const char *unique_name)
{
        char wanted[100];

        snprintf(wanted, sizeof(wanted), "closing the connection %s of process %d", unique_name,
                 (int)getpid());
        return bus_log_contains(&scene->bus, wanted);
}

/* Only the one that is over its limit is disconnected, after what it was sent was given time. */
static void test_greedy_non_reader_is_closed_a_modest_one_is_not(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *greedy = scene_join(scene),
                  *modest = scene_join(scene), *watcher = scene_join(scene);
        char greedy_name[RAWCLIENT_NAME_MAX];
        RawMessage *message;
        Marshal bytes;
        size_t n;
        unsigned n_modest = 0;

        snprintf(greedy_name, sizeof(greedy_name), "%s", greedy->unique_name);
        scene_match(watcher, "member='NameOwnerChanged'");
        build_flood(&bytes, modest->unique_name, 100); /* more than its socket holds */
        n = pressure_push(sender, &bytes, MS_LONG);
        assert_int_equal(n, bytes.size);
        marshal_deinit(&bytes);
        flood(sender, greedy->unique_name);
        expect_owner_change(watcher, greedy_name, greedy_name, "");
        assert_true(log_tells(scene, greedy_name));
        assert_false(log_tells(scene, modest->unique_name));
        while (n_modest < 100) {
                assert_int_equal(rawclient_receive(modest, MS_LONG, &message), 0);
                assert_int_equal(message->serial, 1000 + n_modest++);
        }
        expect_nothing(watcher);
}

/* Fds that it does not read wait elsewhere than in a send: the rule is the same. */
static void test_non_reader_of_fds_is_closed(void **state)
{
        enum { EACH = 4, N_MESSAGES = 24 };
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *silent = scene_join(scene),
                  *watcher = scene_join(scene);
        const RawHeader signal = {.type = RAWMESSAGE_SIGNAL,
                                  .path = "/t",
                                  .interface = "t.Stalled",
                                  .member = "F",
                                  .destination = silent->unique_name,
                                  .signature = "h",
                                  .unix_fds = EACH};
        struct pollfd told = {.fd = watcher->fd, .events = POLLIN};
        const int64_t until = pressure_now_ms() + RAWCLIENT_TIMEOUT_MS;
        char name[RAWCLIENT_NAME_MAX];
        int fds[EACH];
        Marshal body;

        snprintf(name, sizeof(name), "%s", silent->unique_name);
        scene_match(watcher, "member='NameOwnerChanged'");
        marshal_init(&body, false);
        marshal_u32(&body, 0);
        for (int i = 0; i < EACH; i++)
                assert_true((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
        /* More than once: what goes into the socket leaves room for as many more. */
        do {
                for (int i = 0; i < N_MESSAGES; i++)
                        assert_int_equal(rawclient_send_body(sender, &signal, &body, fds, EACH), 0);
                (void)expect_done(sender, true);
        } while (poll(&told, 1, 300) == 0 && pressure_now_ms() < until);
        for (int i = 0; i < EACH; i++)
                close(fds[i]);
        marshal_deinit(&body);
        expect_owner_change(watcher, name, name, "");
        assert_true(log_tells(scene, name));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest forgives[] = {
                TEST(test_sender_to_a_non_reader_is_forgiven),
                TEST(test_forgiven_messages_arrive_up_to_the_limit),
        };
        const struct CMUnitTest closes[] = {
                TEST(test_greedy_non_reader_is_closed_a_modest_one_is_not),
                TEST(test_non_reader_of_fds_is_closed),
        };
        const struct CMUnitTest neither[] = {
                TEST(test_without_forgiving_the_sender_is_held),
        };
        int r = scene_run("wire/stalled (forgive)", forgives, start_that_forgives);

        r += scene_run("wire/stalled (close)", closes, start_that_closes);
        return r + scene_run("wire/stalled (neither)", neither, start_that_does_neither);
}
