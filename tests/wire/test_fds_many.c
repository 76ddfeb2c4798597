/* SPDX-License-Identifier: Apache-2.0 */

/* A configured limit of fds above what the kernel takes in one sendmsg(2). */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/rawsocket.h"
#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

enum { FDS_MAX = RAWSOCKET_FDS_MAX };

static int start_with_a_limit_above_the_kernels(void **state)
{
        return scene_start_with(state, "<limit name=\"max_message_unix_fds\">300</limit>"
                                       "<limit name=\"max_incoming_unix_fds\">1000</limit>"
                                       "<limit name=\"max_outgoing_unix_fds\">1000</limit>");
}

/* Sends a message in two writes: with as many fds as the kernel allows, and with `n_more`. */
static void send_fds(RawClient *sender, const RawHeader *header, size_t n_more)
{
        RawHeader full = *header;
        int fds[FDS_MAX], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        Marshal bytes, end;

        assert_true(null >= 0 && n_more <= FDS_MAX);
        for (size_t i = 0; i < FDS_MAX; i++)
                fds[i] = null;
        full.serial = rawclient_serial(sender);
        full.unix_fds = (uint32_t)(FDS_MAX + n_more);
        marshal_init(&bytes, false);
        rawmessage_build(&full, NULL, &bytes);
        end = bytes;
        end.data += --bytes.size;
        end.size = 1;
        assert_int_equal(rawsocket_write_fds(sender->fd, &bytes, fds, FDS_MAX), 0);
        assert_int_equal(rawsocket_write_fds(sender->fd, &end, fds, n_more), 0);
        marshal_deinit(&bytes);
        close(null);
}

static void test_fds_as_many_as_the_kernel_takes_arrive(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader call = scene_method(receiver->unique_name, "Fds", NULL);

        send_fds(sender, &call, 0);
        assert_int_equal(expect_call(receiver, sender->unique_name, "Fds")->n_fds, FDS_MAX);
        assert_false(receiver->truncated);
        expect_nothing(receiver);
        expect_nothing(sender);
}

/* The bus could not hand such a message on: sendmsg(2) would fail, which ends a receiver. */
static void test_fds_more_than_the_kernel_takes_close_their_sender_only(void **state)
{
        Scene *scene = *state;
        RawClient *receiver = scene_join(scene), *listener = scene_join(scene);
        const RawHeader call = scene_method(receiver->unique_name, "Fds", NULL);
        const RawHeader signal = scene_signal(NULL, "Fds", NULL);
        const RawHeader *headers[] = {&call, &signal};

        scene_match(listener, "member='Fds'");
        for (size_t i = 0; i < 2; i++) {
                RawClient *sender = scene_join(scene);

                send_fds(sender, headers[i], 1);
                expect_closed(sender);
                expect_nothing(receiver);
                expect_nothing(listener);
        }
}

static void test_fds_limit_above_the_kernels_is_reported_at_start(void **state)
{
        const Scene *scene = *state;
        char path[160], line[1024];
        int n_lines = 0;
        FILE *log;

        if (!scene->bus.is_ringbus) /* the reference does not say so */
                return;
        snprintf(path, sizeof(path), "%s/log", scene->bus.directory);
        log = fopen(path, "re");
        assert_non_null(log);
        while (fgets(line, sizeof(line), log))
                n_lines += strstr(line, "max_message_unix_fds") && strstr(line, "253");
        fclose(log);
        assert_int_equal(n_lines, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_fds_as_many_as_the_kernel_takes_arrive),
                TEST(test_fds_more_than_the_kernel_takes_close_their_sender_only),
                TEST(test_fds_limit_above_the_kernels_is_reported_at_start),
        };

        return scene_run("wire/fds_many", tests, start_with_a_limit_above_the_kernels);
}
