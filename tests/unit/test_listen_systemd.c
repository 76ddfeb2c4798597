/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets passed as systemd passes them: from fd 3 on, announced in the environment. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listen_fixture.h"

static int bound_socket(const char *name)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        listen_fixture_path(address.sun_path, sizeof(address.sun_path), "", name);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                _exit(90);
        return fd;
}

/* In the child: sockets become fds 3 and up as systemd passes them; exit code 0 is success. */
static int pass_sockets(bool second_listens)
{
        const char *address = "systemd:";
        Listeners *listeners = NULL;
        ListenError error;
        char pid[32];
        int fds[2] = {bound_socket("a b"), bound_socket("b")};
        int r;

        listen(fds[0], 1);
        if (second_listens)
                listen(fds[1], 1);
        for (int i = 0; i < 2; i++)
                fds[i] = fcntl(fds[i], F_DUPFD, 50);
        for (int i = 0; i < 2; i++)
                dup2(fds[i], 3 + i);
        snprintf(pid, sizeof(pid), "%ld", (long)getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "2", 1);
        r = listen_open(&address, 1, &listeners, &error);
        if (!second_listens)
                return r == -EINVAL && strstr(error.text, "fd 4 is not a listening") ? 0 : 91;
        if (r < 0 || listeners->n != 2 || getenv("LISTEN_FDS"))
                return 92;
        char expected[512];
        snprintf(expected, sizeof(expected), "unix:path=%s/a%%20b,guid=%s;unix:path=%s/b,guid=%s",
                 listen_fixture_folder, listeners->items[0].guid, listen_fixture_folder,
                 listeners->items[1].guid);
        if (strcmp(listeners->address, expected) != 0)
                return 93;
        if (!(fcntl(3, F_GETFL) & O_NONBLOCK) || !(fcntl(4, F_GETFD) & FD_CLOEXEC))
                return 94;
        listen_close(listeners);
        return 0;
}

/* In the child: a TCP socket of each family. */
static int pass_tcp_sockets(void)
{
        struct sockaddr_in four = {.sin_family = AF_INET};
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        int fds[2] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET6, SOCK_STREAM, 0)};
        socklen_t size = sizeof(four);
        const char *address = "systemd:";
        char pid[32], expected[512];
        Listeners *listeners;
        ListenError error;
        int value = 0;

        four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(fds[0], (struct sockaddr *)&four, sizeof(four)) < 0 || listen(fds[0], 1) < 0 ||
            bind(fds[1], (struct sockaddr *)&six, sizeof(six)) < 0 || listen(fds[1], 1) < 0)
                return 95;
        getsockname(fds[0], (struct sockaddr *)&four, &size);
        size = sizeof(six);
        getsockname(fds[1], (struct sockaddr *)&six, &size);
        for (int i = 0; i < 2; i++)
                fds[i] = fcntl(fds[i], F_DUPFD, 50);
        for (int i = 0; i < 2; i++)
                dup2(fds[i], 3 + i);
        snprintf(pid, sizeof(pid), "%ld", (long)getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "2", 1);
        if (listen_open(&address, 1, &listeners, &error) < 0 || listeners->n != 2)
                return 96;
        snprintf(expected, sizeof(expected),
                 "tcp:host=127.0.0.1,port=%u,family=ipv4,guid=%s;"
                 "tcp:host=%%3a%%3a1,port=%u,family=ipv6,guid=%s",
                 ntohs(four.sin_port), listeners->items[0].guid, ntohs(six.sin6_port),
                 listeners->items[1].guid);
        if (strcmp(listeners->address, expected) != 0)
                return 97;
        size = sizeof(value);
        getsockopt(3, IPPROTO_TCP, TCP_NODELAY, &value, &size);
        if (!listeners->items[0].is_tcp || !(fcntl(4, F_GETFL) & O_NONBLOCK) || !value)
                return 98;
        listen_close(listeners);
        return 0;
}

static void test_listen_systemd_tcp_sockets_taken(void **state)
{
        pid_t child;
        int status;

        (void)state;
        if (!listen_fixture_has_ipv6())
                skip();
        child = fork();
        if (child == 0)
                _exit(pass_tcp_sockets());
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void check_systemd(bool second_listens)
{
        char path[128];
        pid_t child = fork();
        int status;

        if (child == 0)
                _exit(pass_sockets(second_listens));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        listen_fixture_path(path, sizeof(path), "", "a b"); /* not ours to unlink */
        assert_int_equal(unlink(path), 0);
        listen_fixture_path(path, sizeof(path), "", "b");
        assert_int_equal(unlink(path), 0);
}

static void test_listen_systemd_sockets_taken(void **state)
{
        (void)state;
        check_systemd(true);
}

static void test_listen_systemd_wrong_socket_refused(void **state)
{
        (void)state;
        check_systemd(false);
}

#define LISTEN_TEST(name)                                                                          \
        cmocka_unit_test_setup_teardown(name, listen_fixture_set_up, listen_fixture_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                LISTEN_TEST(test_listen_systemd_sockets_taken),
                LISTEN_TEST(test_listen_systemd_tcp_sockets_taken),
                LISTEN_TEST(test_listen_systemd_wrong_socket_refused),
        };

        return cmocka_run_group_tests_name("listen_systemd", tests, NULL, NULL);
}
