/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate on a TCP listener: nothing is known of the other end, so EXTERNAL and fds are refused;
 * the nonce comes before everything else; strangers leave room for the users of this machine.
 */

#include "tests/unit/gate_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_INCOMPLETE = 8 };

static const uint8_t nonce[GATE_NONCE_SIZE] = {0, 'A', 'U', 'T', 'H', '\r', '\n', 200,
                                               8, 9,   10,  11,  12,  13,   14,   15};

typedef struct Tcp {
        Fixture *fixture;
        int fd; /* listening */
        struct sockaddr_in name;
} Tcp;

static int set_up(void **state)
{
        Tcp *tcp = calloc(1, sizeof(*tcp));
        socklen_t size = sizeof(tcp->name);
        void *fixture;

        signal(SIGPIPE, SIG_IGN);
        assert_non_null(tcp);
        if (fixture_setup(&fixture) < 0)
                return -1;
        tcp->fixture = fixture;
        tcp->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        tcp->name.sin_family = AF_INET;
        tcp->name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *state = tcp;
        if (bind(tcp->fd, (struct sockaddr *)&tcp->name, sizeof(tcp->name)) < 0 ||
            listen(tcp->fd, 512) < 0)
                return -1;
        return getsockname(tcp->fd, (struct sockaddr *)&tcp->name, &size);
}

static int tear_down(void **state)
{
        Tcp *tcp = *state;
        void *fixture = tcp->fixture;

        gate_stop(tcp->fixture->gate);
        close(tcp->fd);
        free(tcp);
        return fixture_teardown(&fixture);
}

/* The gate listens on the TCP socket and on the fixture's first one. */
static void start(Tcp *tcp, bool with_nonce)
{
        Fixture *fixture = tcp->fixture;
        GateListener listeners[] = {
                {.fd = tcp->fd, .guid = FIXTURE_GUID, .is_tcp = true, .has_nonce = with_nonce},
                {.fd = fixture->listeners[0].fd, .guid = FIXTURE_GUID},
        };

        memcpy(listeners[0].nonce, nonce, sizeof(nonce));
        fixture->options.mechanisms = 0; /* all that there are */
        fixture->options.listeners = listeners;
        fixture->options.n_listeners = ARRAY_SIZE(listeners);
        assert_int_equal(gate_new(&fixture->options, &fixture->gate), 0);
        fixture->options.listeners = NULL;
}

static int connect_tcp(const Tcp *tcp)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, (const struct sockaddr *)&tcp->name, sizeof(tcp->name)), 0);
        return fd;
}

static void test_gate_tcp_external_refused_whatever_is_claimed(void **state)
{
        static const char *const claims[] = {"AUTH EXTERNAL 30\r\n", "AUTH EXTERNAL\r\n",
                                             "AUTH EXTERNAL 36353533342d\r\n", "AUTH\r\n"};
        Tcp *tcp = *state;
        int fd;

        start(tcp, false);
        fd = connect_tcp(tcp);
        fixture_send(fd, "", 1);
        for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
                fixture_send(fd, claims[i], strlen(claims[i]));
                fixture_expect(fd, "REJECTED ANONYMOUS\r\n");
        }
        fixture_say(fd, "DATA\r\n");
        fixture_expect(fd, "ERROR \"Not currently in an auth conversation\"\r\n");
        fixture_say(fd, "BEGIN\r\n");
        fixture_expect_closed(fd);
        close(fd);
        fixture_wait_refused(tcp->fixture, 1);
        fixture_expect_none_delivered(tcp->fixture);
}

static void test_gate_tcp_nonce_first_then_the_handshake(void **state)
{
        Tcp *tcp = *state;
        int fd;

        start(tcp, true);
        fd = connect_tcp(tcp);
        fixture_send(fd, nonce, sizeof(nonce));
        fixture_say(fd, "\0AUTH\r\n");
        fixture_expect(fd, "REJECTED ANONYMOUS\r\n");
        close(fd);
        /* byte by byte: the nonce may come in any pieces */
        fd = connect_tcp(tcp);
        for (size_t i = 0; i < sizeof(nonce); i++)
                fixture_send(fd, nonce + i, 1);
        fixture_expect_silence(fd, 50);
        fixture_send(fd, "", 1);
        fixture_say(fd, "AUTH\r\n");
        fixture_expect(fd, "REJECTED ANONYMOUS\r\n");
        close(fd);
}

static void test_gate_tcp_wrong_nonce_closes_without_a_word(void **state)
{
        Tcp *tcp = *state;
        uint64_t n = 0;

        start(tcp, true);
        for (size_t i = 0; i < sizeof(nonce); i++) {
                uint8_t wrong[sizeof(nonce)];
                int fd = connect_tcp(tcp);

                memcpy(wrong, nonce, sizeof(nonce));
                wrong[i] ^= 1;
                fixture_send(fd, wrong, sizeof(wrong));
                fixture_expect_closed(fd);
                close(fd);
                fixture_wait_refused(tcp->fixture, ++n);
        }
        fixture_expect_none_delivered(tcp->fixture);
}

/* The handshake of an ordinary client is no nonce. */
static void test_gate_tcp_missing_nonce_is_refused(void **state)
{
        Tcp *tcp = *state;
        int fd;

        start(tcp, true);
        fd = connect_tcp(tcp);
        fixture_say(fd, "\0AUTH EXTERNAL\r\nDATA\r\n"); /* 22 bytes at once: the rest is unread */
        assert_true(read(fd, &(char){0}, 1) <= 0);
        close(fd);
        fixture_wait_refused(tcp->fixture, 1);
        fd = connect_tcp(tcp);
        fixture_send(fd, nonce, sizeof(nonce) - 1);
        close(fd); /* one byte is missing */
        fixture_wait_refused(tcp->fixture, 2);
        fixture_expect_none_delivered(tcp->fixture);
}

/* Strangers without a uid have one share between them; this machine's users get in. */
static void test_gate_tcp_half_open_strangers_leave_room(void **state)
{
        Tcp *tcp = *state;
        Fixture *fixture = tcp->fixture;
        int strangers[MAX_INCOMPLETE];
        GateConnection *connection;
        int fd;

        fixture->options.max_incomplete = MAX_INCOMPLETE;
        start(tcp, false);
        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
                strangers[i] = connect_tcp(tcp);
                fixture_wait_accepted(fixture, i + 1);
        }
        fixture_wait_refused(fixture, MAX_INCOMPLETE / 2);
        assert_int_equal(fixture_counters(fixture).incomplete, MAX_INCOMPLETE / 2);
        fd = fixture_connect(fixture);
        fixture_say(fd, FIXTURE_OPENING);
        fixture_expect(fd, FIXTURE_OPENING_REPLIES);
        connection = fixture_take(fixture);
        assert_int_equal(connection->credentials.pid, getpid());
        fixture_complete(fixture, connection);
        close(fd);
        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
                close(strangers[i]);
}

/* A client that resets its connection at any moment is nobody's problem. */
static void test_gate_tcp_reset_ends_one_handshake(void **state)
{
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};
        Tcp *tcp = *state;

        start(tcp, false);
        for (uint64_t i = 1; i <= 20; i++) {
                int fd = connect_tcp(tcp);

                if (i % 2)
                        fixture_say(fd, "\0AUTH\r\n");
                assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
                close(fd);
                fixture_wait_refused(tcp->fixture, i);
        }
        fixture_wait_incomplete(tcp->fixture,
                                0); /* a refusal is counted before its place is free */
}

/* Nothing is known of it, and no fds: on a unix socket the same client would have a pid at least.
 */
static void test_gate_tcp_anonymous_has_no_credentials_and_no_fds(void **state)
{
        Tcp *tcp = *state;
        GateConnection *connection;
        int fd;

        tcp->fixture->options.allow_anonymous = true;
        start(tcp, true);
        fd = connect_tcp(tcp);
        fixture_send(fd, nonce, sizeof(nonce));
        fixture_say(fd, "\0AUTH ANONYMOUS\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\nl\1");
        fixture_expect(fd, FIXTURE_OK "ERROR \"Unix FD passing not supported, not authenticated or "
                                      "otherwise not possible\"\r\n");
        connection = fixture_take(tcp->fixture);
        assert_false(connection->passes_fds);
        assert_int_equal(connection->n_bytes, 2);
        assert_memory_equal(connection->bytes, "l\1", 2);
        assert_int_equal(connection->credentials.uid, CREDENTIALS_NO_UID);
        assert_int_equal(connection->credentials.gid, (gid_t)-1);
        assert_int_equal(connection->credentials.pid, 0);
        assert_null(connection->credentials.groups);
        assert_null(connection->credentials.security_label);
        assert_int_equal(credentials_open_pidfd(connection->fd), -1);
        fixture_complete(tcp->fixture, connection);
        close(fd);
}

#define TCP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TCP_TEST(test_gate_tcp_external_refused_whatever_is_claimed),
                TCP_TEST(test_gate_tcp_nonce_first_then_the_handshake),
                TCP_TEST(test_gate_tcp_wrong_nonce_closes_without_a_word),
                TCP_TEST(test_gate_tcp_missing_nonce_is_refused),
                TCP_TEST(test_gate_tcp_anonymous_has_no_credentials_and_no_fds),
                TCP_TEST(test_gate_tcp_half_open_strangers_leave_room),
                TCP_TEST(test_gate_tcp_reset_ends_one_handshake),
        };

        return cmocka_run_group_tests_name("gate_tcp", tests, NULL, NULL);
}
