/* SPDX-License-Identifier: Apache-2.0 */
/* The gate and file descriptors that clients send along; each teardown counts what is open. */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/gate_fixture.h"

/* Stands for a message: the gate does not look into it. */
#define MESSAGE "l\1\0\1 and so on"
enum { MESSAGE_SIZE = sizeof(MESSAGE) - 1, FDS_MAX = 20 };

static int connect_negotiated(Fixture *fixture)
{
        int fd = fixture_connect(fixture);

        fixture_say(fd, "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\n");
        fixture_expect(fd, FIXTURE_OPENING_REPLIES);
        return fd;
}

/* The same open file, close-on-exec. */
static void expect_same(int received, int sent)
{
        struct stat a;
        struct stat b;

        assert_int_equal(fstat(received, &a), 0);
        assert_int_equal(fstat(sent, &b), 0);
        assert_int_equal(a.st_dev, b.st_dev);
        assert_int_equal(a.st_ino, b.st_ino);
        assert_true(fcntl(received, F_GETFD) & FD_CLOEXEC);
}

static void send_many(int fd, unsigned n, int file)
{
        int fds[FDS_MAX];

        for (unsigned i = 0; i < n; i++)
                fds[i] = file;
        fixture_send_fds(fd, MESSAGE, MESSAGE_SIZE, fds, n);
}

/* BEGIN and the message come in two writes, which the gate reads at once. */
static void test_gate_fds_behind_begin_kept(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int pipe_fds[2];
        int fd;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        fixture_start(fixture);
        fd = connect_negotiated(fixture);
        fixture_hold(fixture);
        fixture_say(fd, "BEGIN\r\n");
        fixture_send_fds(fd, MESSAGE, MESSAGE_SIZE,
                         (int[]){pipe_fds[1], fixture->listeners[0].fd, pipe_fds[0]}, 3);
        fixture_release(fixture);
        connection = fixture_take(fixture);
        assert_true(connection->passes_fds);
        assert_int_equal(connection->n_bytes, MESSAGE_SIZE);
        assert_memory_equal(connection->bytes, MESSAGE, MESSAGE_SIZE);
        assert_int_equal(connection->n_fds, 3);
        expect_same(connection->fds[0], pipe_fds[1]);
        expect_same(connection->fds[1], fixture->listeners[0].fd);
        expect_same(connection->fds[2], pipe_fds[0]);
        fixture_complete(fixture, connection);
        close(fd);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
}

/* In one write with BEGIN. */
static void test_gate_fds_in_the_write_of_begin_kept(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture_start(fixture);
        fd = connect_negotiated(fixture);
        fixture_send_fds(fd, "BEGIN\r\n" MESSAGE, 7 + MESSAGE_SIZE, &fd, 1);
        connection = fixture_take(fixture);
        assert_int_equal(connection->n_bytes, MESSAGE_SIZE);
        assert_int_equal(connection->n_fds, 1);
        expect_same(connection->fds[0], fd);
        fixture_complete(fixture, connection);
        close(fd);
}

/* A read ends behind a write with fds: the second message with fds is left in the socket. */
static void test_gate_fds_of_later_messages_left_in_socket(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        char buffer[64];
        int fd;

        fixture_start(fixture);
        fd = connect_negotiated(fixture);
        fixture_hold(fixture);
        fixture_say(fd, "BEGIN\r\n");
        send_many(fd, 2, fd);
        send_many(fd, 3, fd);
        fixture_release(fixture);
        connection = fixture_take(fixture);
        assert_int_equal(connection->n_bytes, MESSAGE_SIZE);
        assert_int_equal(connection->n_fds, 2);
        assert_int_equal(recv(connection->fd, buffer, sizeof(buffer), 0), MESSAGE_SIZE);
        fixture_complete(fixture, connection);
        close(fd);
}

/* Nobody has agreed to fds: they are dropped, as by the reference, and the client goes on. */
static void test_gate_fds_not_negotiated_dropped(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_send_fds(fd, "\0AUTH EXTERNAL\r\n", 16, &fd, 1);
        fixture_expect(fd, "DATA\r\n");
        fixture_send_fds(fd, "DATA\r\nBEGIN\r\n" MESSAGE, 13 + MESSAGE_SIZE, &fd, 1);
        connection = fixture_take(fixture);
        assert_false(connection->passes_fds);
        assert_int_equal(connection->n_bytes, MESSAGE_SIZE);
        assert_int_equal(connection->n_fds, 0);
        fixture_complete(fixture, connection);
        close(fd);
}

/* The documented choice: before AGREE_UNIX_FD there is no room for fds. */
static void test_gate_fds_before_agreement_dropped(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_send_fds(fd, FIXTURE_OPENING MESSAGE, sizeof(FIXTURE_OPENING MESSAGE) - 1, &fd, 1);
        connection = fixture_take(fixture);
        assert_true(connection->passes_fds);
        assert_int_equal(connection->n_bytes, MESSAGE_SIZE);
        assert_int_equal(connection->n_fds, 0);
        fixture_complete(fixture, connection);
        close(fd);
}

/* Fds that come with lines of the handshake belong to no message. */
static void test_gate_fds_with_lines_closed(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture_start(fixture);
        fd = connect_negotiated(fixture);
        fixture_send_fds(fd, "NEGOTIATE_UNIX_FD\r\nBEG", 22, &fd, 1);
        fixture_expect(fd, "AGREE_UNIX_FD\r\n");
        fixture_say(fd, "IN\r\n" MESSAGE);
        connection = fixture_take(fixture);
        assert_int_equal(connection->n_bytes, MESSAGE_SIZE);
        assert_int_equal(connection->n_fds, 0);
        fixture_complete(fixture, connection);
        close(fd);

        fd = connect_negotiated(fixture);
        fixture_send_fds(fd, "BEGIN\r\n", 7, &fd, 1);
        connection = fixture_take(fixture);
        assert_int_equal(connection->n_bytes, 0);
        assert_int_equal(connection->n_fds, 0);
        assert_null(connection->fds);
        fixture_complete(fixture, connection);
        close(fd);
}

/* An odd limit: alignment must not let one more through. */
static void test_gate_fds_limit_exact(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture->options.max_message_unix_fds = 3;
        fixture_start(fixture);
        fd = connect_negotiated(fixture);
        fixture_hold(fixture);
        fixture_say(fd, "BEGIN\r\n");
        send_many(fd, 3, fd);
        fixture_release(fixture);
        connection = fixture_take(fixture);
        assert_int_equal(connection->n_fds, 3);
        fixture_complete(fixture, connection);
        close(fd);

        fd = connect_negotiated(fixture);
        fixture_hold(fixture);
        fixture_say(fd, "BEGIN\r\n");
        send_many(fd, 4, fd);
        fixture_release(fixture);
        fixture_expect_closed(fd);
        fixture_wait_refused(fixture, 1);
        fixture_expect_none_delivered(fixture);
        close(fd);
}

/* A limit of 0, and one beyond what one write can carry. */
static void test_gate_fds_extreme_limits_held(void **state)
{
        static const unsigned limits[] = {0, 4096};
        Fixture *fixture = *state;

        for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
                GateConnection *connection;
                int fd;

                fixture->options.max_message_unix_fds = limits[i];
                fixture_start(fixture);
                fd = connect_negotiated(fixture);
                fixture_hold(fixture);
                fixture_say(fd, "BEGIN\r\n");
                send_many(fd, FDS_MAX, fd);
                fixture_release(fixture);
                if (limits[i] == 0) {
                        fixture_expect_closed(fd);
                } else {
                        connection = fixture_take(fixture);
                        assert_int_equal(connection->n_fds, FDS_MAX);
                        fixture_complete(fixture, connection);
                }
                close(fd);
                fixture->gate = gate_free(fixture->gate);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_gate_fds_behind_begin_kept),
                TEST(test_gate_fds_in_the_write_of_begin_kept),
                TEST(test_gate_fds_of_later_messages_left_in_socket),
                TEST(test_gate_fds_not_negotiated_dropped),
                TEST(test_gate_fds_before_agreement_dropped),
                TEST(test_gate_fds_with_lines_closed),
                TEST(test_gate_fds_limit_exact),
                TEST(test_gate_fds_extreme_limits_held),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
