/* SPDX-License-Identifier: Apache-2.0 */
/* The gate without a file descriptor left for a new connection. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/base/clock.h"
#include "tests/unit/gate_fixture.h"

/* Lets this process have exactly as many fds as it has now. */
static void set_fd_limit(bool limited)
{
        struct rlimit limit;
        int lowest = fcntl(STDERR_FILENO, F_DUPFD, 0);

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        if (lowest >= 0)
                close(lowest);
        limit.rlim_cur = limited ? (rlim_t)lowest : limit.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int make_socket(void)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        return fd;
}

static void connect_socket(const Fixture *fixture, int fd)
{
        assert_int_equal(connect(fd, (const struct sockaddr *)&fixture->listeners[0].address,
                                 fixture->listeners[0].address_size),
                         0);
}

/* What was written to the file that took the place of standard error. */
static unsigned count_in_log(int log, const char *text)
{
        static char buffer[65536];
        ssize_t size = pread(log, buffer, sizeof(buffer) - 1, 0);
        unsigned n = 0;

        assert_true(size >= 0);
        buffer[size] = '\0';
        for (const char *p = buffer; (p = strstr(p, text)); p++)
                n++;
        return n;
}

static void run_out_of_fds(Fixture *fixture)
{
        int log = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        int clients[] = {make_socket(), make_socket(), make_socket()};
        GateConnection *connection;
        uint64_t begin_ns;
        int inside;

        assert_true(log >= 0);
        assert_true(dup2(log, STDERR_FILENO) >= 0);
        fixture_start(fixture);
        inside = fixture_connect_half_open(fixture);
        fixture_expect(inside, "DATA\r\n");
        set_fd_limit(true);

        /* New ones wait; as it lasts, they are told. */
        begin_ns = clock_now_ns();
        connect_socket(fixture, clients[0]);
        connect_socket(fixture, clients[1]);
        fixture_expect_closed(clients[0]);
        assert_true(clock_now_ns() - begin_ns >= 90 * CLOCK_NS_PER_MS);
        fixture_expect_closed(clients[1]);
        assert_true(clock_now_ns() - begin_ns >= 190 * CLOCK_NS_PER_MS);

        /* Who is inside goes on, and is admitted: that needs no fd. */
        fixture_say(inside, "DATA\r\nBEGIN\r\n");
        fixture_expect(inside, FIXTURE_OK);
        connection = fixture_take(fixture);
        assert_int_equal(connection->credentials.uid, getuid());

        /* It ends by itself when there are fds again. */
        set_fd_limit(false);
        connect_socket(fixture, clients[2]);
        fixture_say(clients[2], FIXTURE_OPENING);
        fixture_expect(clients[2], FIXTURE_OPENING_REPLIES);
        fixture_complete(fixture, fixture_take(fixture));
        fixture_complete(fixture, connection);
        fixture_expect_idle(200);

        assert_int_equal(count_in_log(log, "\n"), 1);
        assert_int_equal(count_in_log(log, "(EMFILE)"), 1);
        assert_int_equal(count_in_log(log, "LimitNOFILE="), 1);
        assert_true(fixture_counters(fixture).refused >= 2);
        fixture->gate = gate_free(fixture->gate);
}

/* In a process of its own, because of the limit. */
static void test_gate_shortage_of_fds_pauses_and_resumes(void **state)
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                setenv("CMOCKA_TEST_ABORT", "1", 1);
                run_out_of_fds(*state);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_gate_shortage_of_fds_pauses_and_resumes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
