/* SPDX-License-Identifier: Apache-2.0 */
/* The gate and one client at a time: how connections are opened, and how they fail. */

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/gate_fixture.h"

/* The Hello of sd-bus 252 as recorded from busctl. */
#define HELLO                                                                                      \
        "l\1\0\1\0\0\0\0\1\0\0\0m\0\0\0\1\1o\0\25\0\0\0/org/freedesktop/DBus\0\0\0\3\1s\0\5\0\0"   \
        "\0Hello\0\0\0\2\1s\0\24\0\0\0org.freedesktop.DBus\0\0\0\0\6\1s\0\24\0\0\0org."            \
        "freedesktop.DBus\0\0\0\0"
enum { HELLO_SIZE = sizeof(HELLO) - 1 };

/* "AUTH EXTERNAL <own uid>" as libdbus and GDBus send it; returns its size. */
static size_t format_auth(char *buffer, size_t size)
{
        char uid[16];
        size_t n = (size_t)snprintf(buffer, size, "AUTH EXTERNAL ");

        snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
        for (const char *p = uid; *p; p++)
                n += (size_t)snprintf(buffer + n, size - n, "%02x", (unsigned)*p);
        return n + (size_t)snprintf(buffer + n, size - n, "\r\n");
}

static void send_auth(int fd)
{
        char line[64];

        fixture_send(fd, line, format_auth(line, sizeof(line)));
}

static void expect_bytes(const GateConnection *connection, const void *bytes, size_t size)
{
        assert_int_equal(connection->n_bytes, size);
        if (size)
                assert_memory_equal(connection->bytes, bytes, size);
        else
                assert_null(connection->bytes);
}

/* What every delivered connection is like. */
static void expect_sound(const GateConnection *connection)
{
        int on = -1;
        socklen_t size = sizeof(on);

        assert_true(fcntl(connection->fd, F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(connection->fd, F_GETFL) & O_NONBLOCK);
        assert_int_equal(getsockopt(connection->fd, SOL_SOCKET, SO_PASSCRED, &on, &size), 0);
        assert_int_equal(on, 0);
        assert_int_equal(connection->credentials.uid, geteuid());
        assert_int_equal(connection->credentials.pid, getpid());
        assert_true(connection->credentials.n_groups >= 1);
}

/* dbus-send 1.14, as recorded: each command waits for its answer, Hello comes with BEGIN. */
static void test_gate_libdbus_opening_admitted(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0");
        send_auth(fd);
        fixture_expect(fd, FIXTURE_OK);
        fixture_say(fd, "NEGOTIATE_UNIX_FD\r\n");
        fixture_expect(fd, "AGREE_UNIX_FD\r\n");
        fixture_say(fd, "BEGIN\r\n" HELLO);
        connection = fixture_take(fixture);
        expect_sound(connection);
        expect_bytes(connection, HELLO, HELLO_SIZE);
        assert_true(connection->passes_fds);
        assert_int_equal(connection->n_fds, 0);
        fixture_complete(fixture, connection);
        fixture_expect_closed(fd);
        close(fd);
}

/* gdbus 2.74, as recorded: asks for the list first, BEGIN comes alone. */
static void test_gate_gdbus_opening_admitted(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0AUTH\r\n");
        fixture_expect(fd, "REJECTED EXTERNAL\r\n");
        send_auth(fd);
        fixture_expect(fd, FIXTURE_OK);
        fixture_say(fd, "NEGOTIATE_UNIX_FD\r\n");
        fixture_expect(fd, "AGREE_UNIX_FD\r\n");
        fixture_say(fd, "BEGIN\r\n");
        connection = fixture_take(fixture);
        expect_sound(connection);
        expect_bytes(connection, "", 0);
        /* What comes now is the new owner's to read. */
        fixture_send(fd, HELLO, HELLO_SIZE);
        fixture_complete(fixture, connection);
        close(fd);
}

/* busctl 252, as recorded, and with Hello in the same write. */
static void test_gate_pipelined_opening_admitted(void **state)
{
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, FIXTURE_OPENING HELLO);
        fixture_expect(fd, FIXTURE_OPENING_REPLIES);
        connection = fixture_take(fixture);
        expect_sound(connection);
        expect_bytes(connection, HELLO, HELLO_SIZE);
        assert_true(connection->passes_fds);
        assert_int_equal(fixture_counters(fixture).admitted, 1);
        assert_int_equal(fixture_counters(fixture).incomplete, 1);
        fixture_complete(fixture, connection);
        fixture_wait_incomplete(fixture, 0);
        close(fd);
}

static void test_gate_bytes_one_at_a_time_admitted(void **state)
{
        static const char opening[] = FIXTURE_OPENING;
        Fixture *fixture = *state;
        GateConnection *connection;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        for (size_t i = 0; i < sizeof(opening) - 1; i++) {
                fixture_send(fd, &opening[i], 1);
                usleep(500); /* most bytes are read alone */
        }
        fixture_expect(fd, FIXTURE_OPENING_REPLIES);
        connection = fixture_take(fixture);
        expect_bytes(connection, "", 0);
        fixture_complete(fixture, connection);
        close(fd);
}

/* More than one read, with BEGIN in the middle: what the gate did not take is still in the socket.
 */
static void test_gate_much_behind_begin_kept_exactly(void **state)
{
        static uint8_t sent[20000];
        static uint8_t received[sizeof(sent) + 1];
        Fixture *fixture = *state;
        GateConnection *connection;
        size_t n;
        int fd;

        for (size_t i = 0; i < sizeof(sent); i++)
                sent[i] = (uint8_t)(i * 7 + i / 251);
        fixture_start(fixture);
        fixture_hold(fixture); /* so that everything is there when the gate accepts */
        fd = fixture_connect(fixture);
        fixture_say(fd, FIXTURE_OPENING);
        fixture_send(fd, sent, sizeof(sent));
        shutdown(fd, SHUT_WR);
        fixture_release(fixture);
        connection = fixture_take(fixture);
        assert_true(connection->n_bytes > 0 && connection->n_bytes <= sizeof(sent));
        memcpy(received, connection->bytes, connection->n_bytes);
        n = connection->n_bytes;
        while (n < sizeof(received)) {
                ssize_t r = recv(connection->fd, received + n, sizeof(received) - n, 0);

                assert_true(r >= 0);
                if (r == 0)
                        break;
                n += (size_t)r;
        }
        assert_int_equal(n, sizeof(sent));
        assert_memory_equal(received, sent, sizeof(sent));
        fixture_complete(fixture, connection);
        close(fd);
}

static void test_gate_wrong_first_byte_closed(void **state)
{
        static const char *const first[] = {"x", "AUTH EXTERNAL\r\n", "\1", "\r\n"};
        Fixture *fixture = *state;

        fixture_start(fixture);
        for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
                int fd = fixture_connect(fixture);

                fixture_send(fd, first[i], strlen(first[i]));
                fixture_expect_closed(fd);
                close(fd);
        }
        fixture_wait_refused(fixture, ARRAY_SIZE(first));
        fixture_wait_incomplete(fixture, 0);
}

static void test_gate_wrong_uid_rejected_then_admitted(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0AUTH EXTERNAL 3939393939\r\n"); /* 99999 */
        fixture_expect(fd, "REJECTED EXTERNAL\r\n");
        send_auth(fd);
        fixture_expect(fd, FIXTURE_OK);
        fixture_say(fd, "BEGIN\r\n");
        fixture_complete(fixture, fixture_take(fixture));
        close(fd);
}

static void test_gate_sixth_rejection_sent_then_closed(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0");
        for (unsigned i = 0; i < SASL_REJECTIONS_MAX; i++) {
                fixture_say(fd, "AUTH\r\n");
                fixture_expect(fd, "REJECTED EXTERNAL\r\n");
        }
        fixture_expect_closed(fd);
        close(fd);
}

static void test_gate_early_begin_closed(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0BEGIN\r\n" HELLO);
        fixture_expect_closed(fd);
        fixture_wait_refused(fixture, 1);
        fixture_expect_none_delivered(fixture);
        close(fd);
}

/* As measured at the reference: 16 KiB may wait for their CRLF, not a byte more. */
static void test_gate_unfinished_line_limited(void **state)
{
        static char line[SASL_LINE_MAX];
        Fixture *fixture = *state;
        int fd;

        memset(line, 'x', sizeof(line));
        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0");
        fixture_send(fd, line, sizeof(line));
        fixture_expect_silence(fd, 100);
        fixture_say(fd, "x");
        fixture_expect_closed(fd);
        close(fd);

        fd = fixture_connect(fixture);
        fixture_say(fd, "\0");
        fixture_send(fd, line, sizeof(line) - 2);
        fixture_say(fd, "\r\n");
        fixture_expect(fd, "ERROR \"Unknown command\"\r\n");
        fixture_say(fd, "\xff\r\n\r\nAUTH\r\n");
        fixture_expect(fd, "ERROR \"Command contained non-ASCII\"\r\n"
                           "ERROR \"Unknown command\"\r\nREJECTED EXTERNAL\r\n");
        close(fd);
}

/* Many lines in one write: their answers are more than one buffer of replies. */
static void test_gate_many_lines_all_answered(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0");
        for (int i = 0; i < 400; i++)
                fixture_say(fd, "\r\n");
        for (int i = 0; i < 400; i++)
                fixture_expect(fd, "ERROR \"Unknown command\"\r\n");
        fixture_expect_silence(fd, 20);
        close(fd);
}

/* A client that sends and never reads fills the socket with replies. */
static void test_gate_client_that_never_reads_closed(void **state)
{
        static char lines[4096];
        Fixture *fixture = *state;
        ssize_t n;
        int fd;

        for (size_t i = 0; i < sizeof(lines); i++)
                lines[i] = i % 2 ? '\n' : '\r';
        fixture_start(fixture);
        fd = fixture_connect(fixture);
        fixture_say(fd, "\0");
        do {
                n = send(fd, lines, sizeof(lines), MSG_NOSIGNAL);
        } while (n == sizeof(lines));
        fixture_wait_refused(fixture, 1);
        close(fd);
}

static void test_gate_each_listener_has_its_guid(void **state)
{
        Fixture *fixture = *state;
        int fd;

        fixture_start(fixture);
        fd = fixture_connect_to(&fixture->listeners[1]);
        fixture_say(fd, "\0AUTH EXTERNAL\r\nDATA\r\n");
        fixture_expect(fd, "DATA\r\nOK " FIXTURE_OTHER_GUID "\r\n");
        close(fd);
}

/* The client goes away behind each byte of its opening; nothing stays behind. */
static void test_gate_disconnect_anywhere_cleaned_up(void **state)
{
        Fixture *fixture = *state;
        uint64_t n = sizeof(FIXTURE_OPENING HELLO) - 1;
        GateCounters counters;

        fixture->completes = true;
        fixture_start(fixture);
        for (size_t size = 0; size <= n; size++) {
                int fd = fixture_connect(fixture);

                fixture_send(fd, FIXTURE_OPENING HELLO, size);
                if (size % 3 == 0)
                        shutdown(fd, SHUT_WR);
                close(fd);
        }
        fixture_wait_accepted(fixture, n + 1);
        fixture_wait_incomplete(fixture, 0);
        counters = fixture_counters(fixture);
        assert_int_equal(counters.accepted, n + 1);
        assert_int_equal(counters.admitted + counters.refused, n + 1);
        /* A reply to a client that has gone fails, so some of the admissible ones may be refused.
         */
        assert_true(counters.admitted <= HELLO_SIZE + 1);
}

/* Freed with connections in every state; the teardown counts the fds. */
static void test_gate_free_closes_handshakes(void **state)
{
        Fixture *fixture = *state;
        int fds[3];

        fixture_start(fixture);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                fds[i] = fixture_connect(fixture);
        fixture_say(fds[1], "\0AUTH EXTER");
        fixture_say(fds[2], "\0AUTH EXTERNAL\r\nDATA\r\n");
        fixture_expect(fds[2], "DATA\r\n" FIXTURE_OK);
        fixture_wait_accepted(fixture, 3);
        fixture->gate = gate_free(fixture->gate);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                fixture_expect_closed(fds[i]);
                close(fds[i]);
        }
        assert_null(gate_free(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_gate_libdbus_opening_admitted),
                TEST(test_gate_gdbus_opening_admitted),
                TEST(test_gate_pipelined_opening_admitted),
                TEST(test_gate_bytes_one_at_a_time_admitted),
                TEST(test_gate_much_behind_begin_kept_exactly),
                TEST(test_gate_wrong_first_byte_closed),
                TEST(test_gate_wrong_uid_rejected_then_admitted),
                TEST(test_gate_sixth_rejection_sent_then_closed),
                TEST(test_gate_early_begin_closed),
                TEST(test_gate_unfinished_line_limited),
                TEST(test_gate_many_lines_all_answered),
                TEST(test_gate_client_that_never_reads_closed),
                TEST(test_gate_each_listener_has_its_guid),
                TEST(test_gate_disconnect_anywhere_cleaned_up),
                TEST(test_gate_free_closes_handshakes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
