/* SPDX-License-Identifier: Apache-2.0 */

/* File descriptors: they arrive with their message, whole and in order, or the bus says so. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/wire/expect.h"
#include "tests/wire/refusal.h"
#include "tests/wire/scene.h"

enum {
        FDS_MAX = 16, /* max_message_unix_fds */
};

/* A pipe that holds one byte; returns its reading end. */
static int make_marked_fd(unsigned char mark)
{
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(write(ends[1], &mark, 1), 1);
        close(ends[1]);
        return ends[0];
}

static void expect_mark(int fd, unsigned char mark)
{
        unsigned char came;

        assert_int_equal(read(fd, &came, 1), 1);
        assert_int_equal(came, mark);
}

static int count_fds(const Scene *scene)
{
        char path[64];
        DIR *directory;
        int n = 0;

        snprintf(path, sizeof(path), "/proc/%d/fd", scene->bus.pid);
        directory = opendir(path);
        assert_non_null(directory);
        while (readdir(directory))
                n++;
        closedir(directory);
        return n;
}

/* Sends a message with fds marked first, first + 1, ...; UNIX_FDS says `n_said`. */
static void send_fds(RawClient *sender, const RawHeader *header, unsigned char first, size_t n,
                     uint32_t n_said)
{
        RawHeader full = *header;
        int fds[64] = {-1};

        full.unix_fds = n_said;
        for (size_t i = 0; i < n; i++)
                fds[i] = make_marked_fd((unsigned char)(first + i));
        assert_int_equal(rawclient_send_body(sender, &full, NULL, fds, n), 0);
        for (size_t i = 0; i < n; i++)
                close(fds[i]);
}

static void expect_fds(RawClient *receiver, const char *sender, unsigned char first, size_t n)
{
        RawMessage *message = expect_call(receiver, sender, "Fds");

        assert_int_equal(message->unix_fds, n);
        assert_int_equal(message->n_fds, n);
        for (size_t i = 0; i < n; i++)
                expect_mark(message->fds[i], (unsigned char)(first + i));
}

static void test_fds_of_any_number_arrive_with_their_message(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader call = scene_method(receiver->unique_name, "Fds", NULL);

        for (size_t n = 0; n <= FDS_MAX; n++) {
                send_fds(sender, &call, (unsigned char)(n * 8), n, (uint32_t)n);
                expect_fds(receiver, sender->unique_name, (unsigned char)(n * 8), n);
        }
        assert_int_equal(receiver->n_fds, 0);
}

static void test_fds_of_many_messages_stay_in_order(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader call = scene_method(receiver->unique_name, "Fds", NULL);

        for (unsigned i = 0; i < 60; i++)
                send_fds(sender, &call, (unsigned char)i, i % 4, i % 4);
        for (unsigned i = 0; i < 60; i++)
                expect_fds(receiver, sender->unique_name, (unsigned char)i, i % 4);
        expect_nothing(receiver);
        assert_int_equal(receiver->n_fds, 0);
}

static void test_fds_index_in_the_body_is_relayed(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawHeader call = scene_method(receiver->unique_name, "Fds", "h");
        int fd = make_marked_fd(9);
        RawMessage *message;
        uint32_t index;
        Marshal body;

        marshal_init(&body, false);
        marshal_u32(&body, 0);
        call.unix_fds = 1;
        assert_int_equal(rawclient_send_body(sender, &call, &body, &fd, 1), 0);
        marshal_deinit(&body);
        close(fd);
        message = expect_call(receiver, sender->unique_name, "Fds");
        assert_true(rawmessage_read(message, "h", &index));
        assert_int_equal(index, 0);
        expect_mark(message->fds[0], 9);
}

static void test_fds_in_a_reply_and_a_signal_arrive(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        uint32_t serial = scene_send(caller, &call);
        RawHeader reply;

        scene_match(caller, "member='S'");
        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
        send_fds(callee, &signal, 5, 2, 2);
        send_fds(callee, &reply, 7, 1, 1);
        expect_mark(expect_signal(caller, callee->unique_name, "S")->fds[1], 6);
        expect_mark(expect_return(caller, serial)->fds[0], 7);
}

static void test_fds_to_a_recipient_without_them_is_not_supported(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene);
        RawClient *receiver = scene_join_with(scene, RAWCLIENT_NO_FDS);
        RawHeader call = scene_method(receiver->unique_name, "Fds", NULL);

        call.serial = 500;
        send_fds(sender, &call, 1, 1, 1);
        expect_error(sender, 500, "NotSupported", NULL);
        expect_nothing(receiver);
        call.serial = 0;
        call.destination = scene->janitor->unique_name;
        send_fds(sender, &call, 1, 1, 1);
        (void)expect_call(scene->janitor, sender->unique_name, "Fds");
}

static void test_fds_broadcast_skips_recipients_without_them(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *with = scene_join(scene);
        RawClient *without = scene_join_with(scene, RAWCLIENT_NO_FDS);
        const RawHeader signal = scene_signal(NULL, "S", NULL);

        scene_match(with, "member='S'");
        scene_match(without, "member='S'");
        send_fds(sender, &signal, 1, 1, 1);
        expect_mark(expect_signal(with, sender->unique_name, "S")->fds[0], 1);
        expect_nothing(sender);
        expect_nothing(without);
}

static void test_fds_to_an_absent_name_are_an_error_and_closed(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene);
        RawHeader call = scene_method("t.Absent", "Fds", NULL);
        int before = count_fds(scene);

        for (uint32_t i = 0; i < 10; i++) {
                call.serial = 500 + i;
                send_fds(sender, &call, 1, 3, 3);
                expect_error(sender, 500 + i, "ServiceUnknown", NULL);
        }
        expect_nothing(sender);
        assert_true(count_fds(scene) <= before);
}

static void test_fds_fewer_than_said_close(void **state)
{
        Scene *scene = *state;
        RawClient *other = scene_join(scene), *sender = scene_join(scene);
        const RawHeader call = scene_method(other->unique_name, "Fds", NULL);

        send_fds(sender, &call, 1, 1, 2);
        expect_closed(sender);
        expect_nothing(other);
}

static void test_fds_said_but_never_sent_close(void **state)
{
        Scene *scene = *state;
        RawClient *other = scene_join(scene), *sender = scene_join(scene);
        const RawHeader call = scene_method(other->unique_name, "Fds", NULL);

        send_fds(sender, &call, 1, 0, 1);
        expect_closed(sender);
        expect_nothing(other);
}

static void test_fds_excess_wait_for_the_next_message(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader call = scene_method(receiver->unique_name, "Fds", NULL);

        send_fds(sender, &call, 1, 3, 1);
        expect_fds(receiver, sender->unique_name, 1, 1);
        send_fds(sender, &call, 0, 0, 2);
        expect_fds(receiver, sender->unique_name, 2, 2);
        expect_nothing(receiver);
        assert_int_equal(receiver->n_fds, 0);
}

static void test_fds_more_than_the_limit_in_one_message_close(void **state)
{
        Scene *scene = *state;
        RawClient *other = scene_join(scene), *sender = scene_join(scene);
        const RawHeader call = scene_method(other->unique_name, "Fds", NULL);

        send_fds(sender, &call, 1, FDS_MAX + 1, FDS_MAX + 1);
        expect_closed(sender);
        expect_nothing(other);
}

static void test_fds_without_negotiation_are_never_received(void **state)
{
        Scene *scene = *state;
        RawClient *other = scene_join(scene);
        RawClient *sender = scene_join_with(scene, RAWCLIENT_NO_FDS);
        const RawHeader call = scene_method(other->unique_name, "Fds", NULL);
        int before = count_fds(scene);

        send_fds(sender, &call, 1, 2, 0);
        assert_int_equal(expect_call(other, sender->unique_name, "Fds")->n_fds, 0);
        assert_int_equal(other->n_fds, 0);
        assert_true(count_fds(scene) <= before);
        send_fds(sender, &call, 1, 1, 1);
        expect_closed(sender);
        expect_nothing(other);
}

static void test_fds_unread_are_closed_with_their_receiver(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *watcher = scene_join(scene), *receiver;
        RawHeader call = scene_method(NULL, "Fds", NULL);
        char name[RAWCLIENT_NAME_MAX];
        int before;

        scene_match(watcher, "member='NameOwnerChanged',arg2=''");
        before = count_fds(scene);
        receiver = scene_join(scene);
        memcpy(name, receiver->unique_name, sizeof(name));
        call.destination = name;
        call.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        for (unsigned i = 0; i < 20; i++)
                send_fds(sender, &call, 1, 2, 2);
        expect_nothing(sender);
        scene_leave(scene, receiver);
        expect_owner_change(watcher, name, name, "");
        expect_nothing(watcher);
        for (int n = 0; n < RAWCLIENT_TIMEOUT_MS && count_fds(scene) > before; n++)
                usleep(1000);
        assert_true(count_fds(scene) <= before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_fds_of_any_number_arrive_with_their_message),
                TEST(test_fds_of_many_messages_stay_in_order),
                TEST(test_fds_index_in_the_body_is_relayed),
                TEST(test_fds_in_a_reply_and_a_signal_arrive),
                TEST(test_fds_to_a_recipient_without_them_is_not_supported),
                TEST(test_fds_broadcast_skips_recipients_without_them),
                TEST(test_fds_to_an_absent_name_are_an_error_and_closed),
                TEST(test_fds_fewer_than_said_close),
                TEST(test_fds_said_but_never_sent_close),
                TEST(test_fds_excess_wait_for_the_next_message),
                TEST(test_fds_more_than_the_limit_in_one_message_close),
                TEST(test_fds_without_negotiation_are_never_received),
                TEST(test_fds_unread_are_closed_with_their_receiver),
        };

        return scene_run("wire/fds", tests, scene_start);
}
