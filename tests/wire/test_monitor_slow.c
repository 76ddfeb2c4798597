/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Those who watch and do not read: nobody else notices. A monitor is closed when it is over its
 * limit, for it would miss something; an eavesdropper does miss it. (The reference queues for a
 * monitor without a limit, and stops the senders.)
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/monitoring.h"
#include "tests/wire/pressure.h"

enum {
        BODY_SIZE = 16384,
        CHUNK = 16,
        N_CHUNKS = 80, /* 20 MiB: twenty times what a sender may have under way */
        MS_LONG = 20000,
};

static int start(void **state)
{
        const BusOptions options = {.config = "<limit name=\"max_incoming_bytes\">1000000</limit>"
                                              "<limit name=\"max_outgoing_bytes\">4000000</limit>"};

        return scene_start_bus(state, &options);
}

static void push_chunk(RawClient *sender, const char *to, uint32_t first)
{
        const RawHeader signal = {.type = RAWMESSAGE_SIGNAL,
                                  .path = "/t",
                                  .interface = "t.Slow",
                                  .member = "M",
                                  .destination = to,
                                  .signature = "s"};
        Marshal body, bytes;
        size_t n;

        marshal_init(&bytes, false);
        pressure_body(&body, BODY_SIZE);
        pressure_build(&bytes, &signal, &body, first, CHUNK);
        n = pressure_push(sender, &bytes, MS_LONG);
        assert_int_equal(n, bytes.size);
        marshal_deinit(&body);
        marshal_deinit(&bytes);
}

static void expect_chunk(RawClient *client, uint32_t first)
{
        RawMessage *message;

        for (uint32_t i = 0; i < CHUNK; i++) {
                assert_int_equal(rawclient_receive(client, MS_LONG, &message), 0);
                assert_int_equal(message->serial, first + i);
        }
}

/* What others send and receive, and see, meanwhile: unicasts and broadcasts. */
static void flood(RawClient *sender, RawClient *receiver, RawClient *monitor)
{
        for (uint32_t i = 0; i < N_CHUNKS; i++) {
                const uint32_t first = 1000 + i * CHUNK;

                push_chunk(sender, i % 2 ? receiver->unique_name : NULL, first);
                expect_chunk(receiver, first);
                expect_chunk(monitor, first);
        }
}

/* The worker of that monitor closes it, in its own time. */
static void await_log(const Scene *scene, const char *line)
{
        const int64_t until = pressure_now_ms() + RAWCLIENT_TIMEOUT_MS;

        while (!bus_log_contains(&scene->bus, line)) {
                if (pressure_now_ms() > until)
                        fail_msg("the log does not say: %s", line);
                usleep(2000);
        }
}

static void test_slow_monitor_is_closed_and_nobody_else_notices(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene),
                  *silent = monitoring_join(scene, "interface='t.Slow'"),
                  *monitor = monitoring_join(scene, "interface='t.Slow'");
        const long before_kib = bus_resident_kib(&scene->bus);
        uint32_t serial = 1000;
        RawMessage *message;
        char line[100];
        int r;

        scene_match(receiver, "interface='t.Slow'");
        flood(sender, receiver, monitor);
        snprintf(line, sizeof(line), "closing the monitor %s of process %d", silent->unique_name,
                 (int)getpid());
        await_log(scene, line);
        /* What it did get has no hole. */
        while ((r = rawclient_receive(silent, MS_LONG, &message)) == 0)
                assert_int_equal(message->serial, serial++);
        assert_int_equal(r, -ECONNRESET);
        assert_true(serial < 1000 + N_CHUNKS * CHUNK);
        if (pressure_limit_ms(1) == 1) /* sanitizers need more memory for everything */
                assert_true(bus_resident_kib(&scene->bus) - before_kib < 16 * 1024);
        expect_nothing(sender);
        snprintf(line, sizeof(line), "closing the monitor %s ", monitor->unique_name);
        assert_false(bus_log_contains(&scene->bus, line));
}

/* The same for one that eavesdrops on unicasts: it is not meant. */
static void test_slow_eavesdropper_holds_up_nobody(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene),
                  *silent = scene_join(scene);

        scene_match(silent, "eavesdrop='true',interface='t.Slow',destination='t.Receiver'");
        scene_own(receiver, "t.Receiver");
        for (uint32_t i = 0; i < N_CHUNKS; i++) {
                push_chunk(sender, receiver->unique_name, 1000 + i * CHUNK);
                expect_chunk(receiver, 1000 + i * CHUNK);
        }
        expect_nothing(sender);
        /* It is still there, though it has missed something. */
        expect_bool(sender, scene_call(sender, "NameHasOwner", "s", silent->unique_name), true);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_slow_monitor_is_closed_and_nobody_else_notices),
                TEST(test_slow_eavesdropper_holds_up_nobody),
        };

        return scene_run("wire/monitor_slow", tests, start);
}
