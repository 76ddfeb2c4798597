/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Fds that no message claims, and fds that wait because the bus has stopped reading: the first are
 * closed with their connection, the second wait as long as it takes.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

enum {
        FDS_MAX = 16,      /* max_message_unix_fds */
        BUFFERS_MAX = 512, /* receive buffers of a worker */
        N_HOARDERS = 20,
        N_PAIRS = 8,
        N_FULL = 60,
        PENDING_MS = 500,
};

static int start_with_a_short_pending_fd_timeout(void **state)
{
        return scene_start_with(state, "<limit name=\"max_incoming_bytes\">1000</limit>"
                                       "<limit name=\"pending_fd_timeout\">500</limit>");
}

/* At once, not never. */
static int start_without_patience(void **state)
{
        return scene_start_with(state, "<limit name=\"pending_fd_timeout\">0</limit>");
}

/* Senders are paused by their fds, and never forgiven. */
static int start_with_one_worker(void **state)
{
        const char *const arguments[] = {"--stall-forgive=0", "--stall-close=0", NULL};
        const BusOptions options = {.config = "<limit name=\"max_incoming_unix_fds\">8</limit>",
                                    .arguments = arguments};

        return pressure_start_one_worker(state, &options);
}

/* Sends a message with `n` fds attached, of which it claims `n_said`. */
static int send_fds(RawClient *sender, const RawHeader *header, size_t n, uint32_t n_said)
{
        RawHeader full = *header;
        int fds[FDS_MAX], null = open("/dev/null", O_RDONLY | O_CLOEXEC), r;

        assert_true(null >= 0 && n <= FDS_MAX);
        full.unix_fds = n_said;
        for (size_t i = 0; i < n; i++)
                fds[i] = null;
        r = rawclient_send_body(sender, &full, NULL, fds, n);
        close(null);
        return r;
}

static void expect_fd_count_back(Scene *scene, int before)
{
        int64_t end = pressure_now_ms() + RAWCLIENT_TIMEOUT_MS;
        const struct timespec pause = {.tv_nsec = 1000000};

        while (pressure_count_fds(&scene->bus) > before && pressure_now_ms() < end)
                nanosleep(&pause, NULL);
        assert_true(pressure_count_fds(&scene->bus) <= before);
}

static void test_hostile_fds_up_to_the_limit_may_wait_unclaimed(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);

        for (int i = 0; i < FDS_MAX; i++) {
                assert_int_equal(send_fds(sender, &signal, 1, 0), 0);
                assert_int_equal(expect_signal(receiver, sender->unique_name, "S")->n_fds, 0);
        }
        assert_int_equal(send_fds(sender, &signal, 0, FDS_MAX), 0);
        assert_int_equal(expect_signal(receiver, sender->unique_name, "S")->n_fds, FDS_MAX);
        expect_nothing(sender);
}

static void test_hostile_fds_hoarded_beyond_the_limit_close(void **state)
{
        Scene *scene = *state;
        RawClient *other = scene_join(scene);
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        int before = pressure_count_fds(&scene->bus);

        for (int i = 0; i < N_HOARDERS; i++) {
                RawClient *hoarder = scene_join(scene);

                /* Read one by one or many at a time: the bus sees both. */
                for (int n = 0; n <= FDS_MAX; n++) {
                        if (send_fds(hoarder, &signal, 1, 0) < 0)
                                break;
                        if (i % 2 == 0)
                                expect_nothing(other);
                }
                expect_closed(hoarder);
                scene_leave(scene, hoarder);
        }
        expect_nothing(other);
        expect_fd_count_back(scene, before);
}

static void test_hostile_fds_flooded_unclaimed_stay_few(void **state)
{
        Scene *scene = *state;
        RawClient *hoarder, *other = scene_join(scene);
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        const RawHeader call = scene_method(other->unique_name, "Fds", NULL);
        int before = pressure_count_fds(&scene->bus), most = 0, n_sent = 0;

        hoarder = scene_join(scene);
        while (n_sent < 2000 && send_fds(hoarder, &signal, FDS_MAX, 0) == 0) {
                int now = pressure_count_fds(&scene->bus);

                n_sent++;
                most = now > most ? now : most;
        }
        assert_true(n_sent < 2000);
        /* io_uring may fill all buffers of a worker before the worker looks at the first. */
        assert_true(most <= before + BUFFERS_MAX * FDS_MAX);
        scene_leave(scene, hoarder);
        expect_fd_count_back(scene, before);
        assert_int_equal(send_fds(scene->janitor, &call, FDS_MAX, FDS_MAX), 0);
        assert_int_equal(expect_call(other, scene->janitor->unique_name, "Fds")->n_fds, FDS_MAX);
}

/* `n` large signals, then one with an fd, to a receiver that does not read. */
static void send_late_fd(RawClient *sender, const char *receiver, uint32_t n)
{
        const RawHeader large = scene_signal(receiver, "Large", "s");
        const RawHeader fd = scene_signal(receiver, "Fd", NULL);
        Marshal body, bytes;

        pressure_body(&body, 30000);
        marshal_init(&bytes, false);
        pressure_build(&bytes, &large, &body, 1000, n);
        assert_int_equal(pressure_push(sender, &bytes, RAWCLIENT_TIMEOUT_MS), bytes.size);
        assert_int_equal(send_fds(sender, &fd, 1, 1), 0);
        marshal_deinit(&bytes);
        marshal_deinit(&body);
}

/* From what one socket holds to a little less than what two do, on all kernels. */
static uint32_t n_large(size_t pair)
{
        return (uint32_t)(3 + pair * 3 / 4);
}

static void test_hostile_fds_of_a_paused_sender_are_not_timed_out(void **state)
{
        const struct timespec pause = {.tv_sec = 3 * PENDING_MS / 1000,
                                       .tv_nsec = 3 * PENDING_MS % 1000 * 1000000L};
        Scene *scene = *state;
        RawClient *senders[N_PAIRS], *receivers[N_PAIRS];

        for (size_t i = 0; i < N_PAIRS; i++) {
                senders[i] = scene_join(scene);
                receivers[i] = scene_join(scene);
                send_late_fd(senders[i], receivers[i]->unique_name, n_large(i));
        }
        nanosleep(&pause, NULL);
        for (size_t i = 0; i < N_PAIRS; i++) {
                const char *name = senders[i]->unique_name;

                for (size_t n = 0; n < n_large(i); n++)
                        (void)expect_signal(receivers[i], name, "Large");
                /* The reference leaves a message that it has read already until more comes. */
                if (!scene->bus.is_ringbus)
                        expect_nothing(senders[i]);
                assert_int_equal(expect_signal(receivers[i], name, "Fd")->n_fds, 1);
                expect_nothing(senders[i]);
        }
}

static void test_hostile_fds_without_their_message_are_timed_out(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader signal = scene_signal(receiver->unique_name, "Fd", NULL);
        int before = pressure_count_fds(&scene->bus);
        int64_t start = pressure_now_ms();

        assert_int_equal(send_fds(sender, &signal, 1, 0), 0);
        assert_int_equal(expect_signal(receiver, sender->unique_name, "Fd")->n_fds, 0);
        expect_closed(sender);
        assert_true(pressure_now_ms() - start >= PENDING_MS - 20);
        expect_fd_count_back(scene, before);
}

static void test_hostile_fds_without_their_message_and_no_time_close(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene);
        const RawHeader signal = scene_signal(sender->unique_name, "Fd", NULL);

        assert_int_equal(send_fds(sender, &signal, 1, 0), 0);
        (void)expect_signal(sender, sender->unique_name, "Fd");
        expect_closed(sender);
}

/* More clients than a Scene keeps. */
static RawClient *paused[N_FULL];

static int leave_paused(void **state)
{
        for (size_t i = 0; i < N_FULL; i++)
                paused[i] = rawclient_free(paused[i]);
        return scene_clear(state);
}

static void test_hostile_fds_unread_leave_buffers_for_newcomers(void **state)
{
        Scene *scene = *state;
        RawClient *innocent = scene_join(scene);
        Marshal body;
        int error;

        pressure_body(&body, 12000);
        for (size_t i = 0; i < N_FULL; i++) {
                RawHeader fds, large;
                Marshal bytes;

                paused[i] = rawclient_open(scene->bus.address, 0, &error);
                assert_non_null(paused[i]);
                assert_int_equal(rawclient_hello(paused[i]), 0);
                fds = scene_signal(paused[i]->unique_name, "Fds", NULL);
                large = scene_signal(paused[i]->unique_name, "Large", "s");
                marshal_init(&bytes, false);
                for (int n = 0; n < 2; n++)
                        assert_int_equal(send_fds(paused[i], &fds, 8, 8), 0);
                pressure_build(&bytes, &large, &body, 1000, 40);
                (void)pressure_push(paused[i], &bytes, 50);
                marshal_deinit(&bytes);
        }
        marshal_deinit(&body);
        expect_nothing(innocent);
        expect_nothing(scene_join(scene));
}

/* A bus that can have few fds, and limits that would let one client have them all. */
static int start_with_few_fds(void **state)
{
        int r;

        setenv("RINGBUS_TEST_FDS", "512", 1);
        r = scene_start_with(state, "<limit name=\"max_incoming_unix_fds\">100000</limit>"
                                    "<limit name=\"max_outgoing_unix_fds\">100000</limit>");
        unsetenv("RINGBUS_TEST_FDS");
        return r;
}

/* One hoards as sender, one as receiver; the fds of others still pass. */
static void test_hostile_fds_hoarded_in_queues_leave_a_reserve(void **state)
{
        Scene *scene = *state;
        RawClient *hoarder = scene_join(scene), *hoard = scene_join(scene);
        RawClient *friend = scene_join(scene), *sender = scene_join(scene),
                  *receiver = scene_join(scene);
        const RawHeader to_hoard = scene_signal(hoard->unique_name, "S", NULL);
        const RawHeader call = scene_method(receiver->unique_name, "Fds", NULL);

        for (int i = 0; i < 60; i++) {
                const RawHeader to_self = scene_signal(hoarder->unique_name, "S", NULL);

                (void)send_fds(hoarder, &to_self, FDS_MAX, FDS_MAX);
                (void)send_fds(friend, &to_hoard, FDS_MAX, FDS_MAX);
                assert_int_equal(send_fds(sender, &call, FDS_MAX, FDS_MAX), 0);
                assert_int_equal(expect_call(receiver, sender->unique_name, "Fds")->n_fds, FDS_MAX);
        }
        expect_nothing(sender);
        expect_nothing(receiver);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest plain[] = {
                TEST(test_hostile_fds_up_to_the_limit_may_wait_unclaimed),
                TEST(test_hostile_fds_hoarded_beyond_the_limit_close),
                TEST(test_hostile_fds_flooded_unclaimed_stay_few),
        };
        const struct CMUnitTest pending[] = {
                TEST(test_hostile_fds_of_a_paused_sender_are_not_timed_out),
                TEST(test_hostile_fds_without_their_message_are_timed_out),
        };
        const struct CMUnitTest at_once[] = {
                TEST(test_hostile_fds_without_their_message_and_no_time_close),
        };
        const struct CMUnitTest crowded[] = {
                cmocka_unit_test_teardown(test_hostile_fds_unread_leave_buffers_for_newcomers,
                                          leave_paused),
        };
        const struct CMUnitTest few[] = {
                TEST(test_hostile_fds_hoarded_in_queues_leave_a_reserve),
        };
        int r = scene_run("wire/hostile_fds", plain, scene_start);

        r += scene_run("wire/hostile_fds (few fds)", few, start_with_few_fds);

        r += scene_run("wire/hostile_fds (pending)", pending,
                       start_with_a_short_pending_fd_timeout);
        r += scene_run("wire/hostile_fds (at once)", at_once, start_without_patience);
        return r + scene_run("wire/hostile_fds (one worker)", crowded, start_with_one_worker);
}
