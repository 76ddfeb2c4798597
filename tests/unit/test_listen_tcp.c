/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp: and nonce-tcp: on real sockets. Expected texts are those that dbus-daemon 1.14 prints, but
 * for the port, which is always the real one here.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "listen_fixture.h"

static unsigned read_port(int fd)
{
        struct sockaddr_storage name;
        socklen_t size = sizeof(name);

        assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
        return ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                                : ((struct sockaddr_in *)&name)->sin_port);
}

static int connect_to(int family, unsigned port)
{
        struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        six.sin6_addr = in6addr_loopback;
        r = family == AF_INET ? connect(fd, (struct sockaddr *)&four, sizeof(four))
                              : connect(fd, (struct sockaddr *)&six, sizeof(six));
        assert_int_equal(r, 0);
        return fd;
}

static int read_option(int fd, int level, int option)
{
        int value = -1;
        socklen_t size = sizeof(value);

        assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
        return value;
}

static void test_listen_tcp_printed_with_the_real_port(void **state)
{
        static const struct {
                const char *address;
                const char *host;
        } cases[] = {
                {"tcp:host=127.0.0.1", "127.0.0.1"},
                {"tcp:host=127.0.0.1,port=0", "127.0.0.1"},
                {"tcp:host=127.0.0.1,port=00", "127.0.0.1"},
                {"tcp:host=%31%32%37.0.0.1,family=ipv4", "127.0.0.1"},
                {"tcp:host=a%2cb,bind=127.0.0.1", "a%2cb"},
                {"tcp:bind=127.0.0.1", "localhost"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Listeners *listeners = listen_fixture_open_one(cases[i].address);
                int fd = listeners->items[0].fd;
                char expected[128];
                int client;

                assert_int_equal(listeners->n, 1);
                snprintf(expected, sizeof(expected), "tcp:host=%s,port=%u,family=ipv4",
                         cases[i].host, read_port(fd));
                assert_string_equal(listen_fixture_skip_address(listeners->address, expected,
                                                                listeners->items[0].guid),
                                    "");
                assert_true(listeners->items[0].is_tcp);
                assert_false(listeners->items[0].has_nonce);
                assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
                assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
                client = connect_to(AF_INET, read_port(fd));
                close(client);
                listen_close(listeners);
                assert_int_equal(fcntl(fd, F_GETFD), -1);
        }
}

static void test_listen_tcp_given_port_is_kept_and_free_again_afterwards(void **state)
{
        enum { TRIES = 20 };
        Listeners *listeners;
        ListenError error;
        char text[64];
        const char *address = text;
        unsigned port = 0;
        int r = -EADDRINUSE;

        (void)state;
        /* Somebody else on this machine may be given the port in between. */
        for (int i = 0; i < TRIES && r == -EADDRINUSE; i++) {
                int client, server;

                listeners = listen_fixture_open_one("tcp:host=127.0.0.1");
                port = read_port(listeners->items[0].fd);
                client = connect_to(AF_INET, port);
                server = listen_fixture_accept(listeners->items[0].fd);
                listen_close(listeners);
                close(server); /* first: its end stays behind in TIME_WAIT */
                close(client);
                snprintf(text, sizeof(text), "tcp:host=127.0.0.1,port=%u", port);
                r = listen_open(&address, 1, &listeners, &error);
        }
        assert_int_equal(r, 0);
        assert_int_equal(read_port(listeners->items[0].fd), port);
        listen_fixture_assert_refused(address, -EADDRINUSE, "cannot bind \"127.0.0.1\" port");
        listen_close(listeners);
}

static void test_listen_tcp_connections_inherit_their_options(void **state)
{
        Listeners *listeners = listen_fixture_open_one("tcp:host=127.0.0.1");
        int client = connect_to(AF_INET, read_port(listeners->items[0].fd));
        int server = listen_fixture_accept(listeners->items[0].fd);

        (void)state;
        assert_true(read_option(server, IPPROTO_TCP, TCP_NODELAY) != 0);
        assert_true(read_option(server, SOL_SOCKET, SO_KEEPALIVE) != 0);
        assert_int_equal(read_option(server, IPPROTO_TCP, TCP_KEEPIDLE), 120);
        assert_int_equal(read_option(server, IPPROTO_TCP, TCP_KEEPINTVL), 30);
        assert_int_equal(read_option(server, IPPROTO_TCP, TCP_KEEPCNT), 4);
        close(server);
        close(client);
        listen_close(listeners);
}

/* "*" is every address of both families; one port, one guid, one printed address. */
static void test_listen_tcp_star_is_both_families(void **state)
{
        Listeners *listeners = listen_fixture_open_one("tcp:host=example.org,bind=*");
        static const int families[] = {AF_INET, AF_INET6};
        char expected[128];
        const unsigned port = read_port(listeners->items[0].fd);

        (void)state;
        assert_true(listeners->n == 2 || !listen_fixture_has_ipv6());
        if (listeners->n < 2) {
                listen_close(listeners);
                skip();
        }
        assert_int_equal(read_port(listeners->items[1].fd), port);
        assert_string_equal(listeners->items[0].guid, listeners->items[1].guid);
        assert_null(listeners->items[1].address);
        snprintf(expected, sizeof(expected), "tcp:host=example.org,port=%u,family=ipv4", port);
        assert_string_equal(
                listen_fixture_skip_address(listeners->address, expected, listeners->items[0].guid),
                "");
        for (size_t i = 0; i < (listen_fixture_has_ipv6() ? ARRAY_SIZE(families) : 1); i++) {
                int client = connect_to(families[i], port);

                close(listen_fixture_accept(listeners->items[i].fd));
                close(client);
        }
        listen_close(listeners);
}

static void test_listen_tcp_family_is_kept_to(void **state)
{
        static const struct {
                const char *address;
                int family;
                const char *host;
        } cases[] = {
                {"tcp:bind=*,family=ipv4", AF_INET, "localhost"},
                {"tcp:bind=*,family=ipv6", AF_INET6, "localhost"},
                {"tcp:host=%3a%3a1", AF_INET6, "%3a%3a1"},
        };

        (void)state;
        for (size_t i = 0; i < (listen_fixture_has_ipv6() ? ARRAY_SIZE(cases) : 1); i++) {
                Listeners *listeners = listen_fixture_open_one(cases[i].address);
                char expected[128];
                struct sockaddr_storage name;
                socklen_t size = sizeof(name);

                assert_int_equal(listeners->n, 1);
                assert_int_equal(
                        getsockname(listeners->items[0].fd, (struct sockaddr *)&name, &size), 0);
                assert_int_equal(name.ss_family, cases[i].family);
                snprintf(expected, sizeof(expected), "tcp:host=%s,port=%u,family=%s", cases[i].host,
                         read_port(listeners->items[0].fd),
                         cases[i].family == AF_INET ? "ipv4" : "ipv6");
                assert_string_equal(listen_fixture_skip_address(listeners->address, expected,
                                                                listeners->items[0].guid),
                                    "");
                listen_close(listeners);
        }
        listen_fixture_assert_refused("tcp:host=127.0.0.1,family=ipv6", -EHOSTUNREACH,
                                      "cannot find the host \"127.0.0.1\"");
}

static void test_listen_tcp_wrong_addresses_refused(void **state)
{
        static const struct {
                const char *address;
                int result;
                const char *reason;
        } cases[] = {
                {"tcp:host=127.0.0.1,family=ipx", -EINVAL, "unknown address family \"ipx\""},
                {"tcp:host=127.0.0.1,port=65536", -EINVAL, "port 65536 is too large"},
                {"tcp:host=127.0.0.1,port=99999999999999999999", -EINVAL, "is too large"},
                {"tcp:host=127.0.0.1,port=-1", -EHOSTUNREACH, "port -1"},
                {"tcp:host=127.0.0.1,port=nonesuch", -EHOSTUNREACH, "port nonesuch"},
                {"tcp:host=127.0.0.1,port=1%00", -EINVAL, "NUL"},
                {"tcp:host=a%00", -EINVAL, "NUL"},
                {"tcp:host=192.0.2.77", -EADDRNOTAVAIL, "cannot bind \"192.0.2.77\" port 0 (ipv4)"},
                {"nonce-tcp:host=192.0.2.77", -EADDRNOTAVAIL, "cannot bind"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                listen_fixture_assert_refused(cases[i].address, cases[i].result, cases[i].reason);
}

/* The path of the printed address. */
static void find_nonce_file(const Listeners *listeners, char *path, size_t size)
{
        static const char key[] = ",noncefile=";
        const char *at = strstr(listeners->address, key);

        assert_non_null(at);
        at += sizeof(key) - 1;
        snprintf(path, size, "%.*s", (int)strcspn(at, ","), at);
}

static void test_listen_tcp_nonce_file_is_private_and_goes_with_the_bus(void **state)
{
        Listeners *listeners;
        struct stat status;
        char path[128], beginning[192];
        uint8_t nonce[32];
        int fd;

        (void)state;
        setenv("TMPDIR", listen_fixture_folder, 1);
        listeners = listen_fixture_open_one("nonce-tcp:host=127.0.0.1,noncefile=/ignored");
        unsetenv("TMPDIR");
        assert_true(listeners->items[0].has_nonce);
        snprintf(beginning, sizeof(beginning),
                 "nonce-tcp:host=127.0.0.1,port=%u,family=ipv4,noncefile=%s/",
                 read_port(listeners->items[0].fd), listen_fixture_folder);
        assert_memory_equal(listeners->address, beginning, strlen(beginning));
        assert_non_null(strstr(listeners->address, ",guid="));
        find_nonce_file(listeners, path, sizeof(path));
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode, S_IFREG | 0600);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(read(fd, nonce, sizeof(nonce)), 16);
        close(fd);
        assert_memory_equal(nonce, listeners->items[0].nonce, 16);
        *strrchr(path, '/') = '\0';
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode, S_IFDIR | 0700);
        listen_close(listeners);
        assert_int_equal(listen_fixture_count_files(), 0);
}

/* The bus is to run as another user: that one reads the file, and may remove it with its folder. */
static void test_listen_tcp_nonce_file_is_given_away(void **state)
{
        enum { OTHER_UID = 65534, OTHER_GID = 65533 };
        uid_t uid = geteuid() == 0 ? OTHER_UID : geteuid();
        gid_t gid = geteuid() == 0 ? OTHER_GID : getegid();
        Listeners *listeners = listen_fixture_open_one("nonce-tcp:host=127.0.0.1");
        ListenError error = {.text = ""};
        char path[256];
        struct stat stat;

        (void)state;
        find_nonce_file(listeners, path, sizeof(path));
        assert_int_equal(listen_give(listeners, uid, gid, &error), 0);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(lstat(path, &stat), 0);
                assert_int_equal(stat.st_uid, uid);
                assert_int_equal(stat.st_gid, gid);
                assert_int_equal(stat.st_mode & 07777, i == 0 ? 0600 : 0700);
                if (i == 0)
                        *strrchr(path, '/') = '\0';
        }
        /* Somebody has taken it away: told, not ignored. */
        assert_int_equal(unlink(listeners->items[0].nonce_file), 0);
        assert_int_equal(listen_give(listeners, uid, gid, &error), -ENOENT);
        assert_non_null(strstr(error.text, "cannot be given to uid"));
        assert_non_null(strstr(error.text, listeners->items[0].nonce_file));
        listen_close(listeners);
        assert_int_equal(lstat(path, &stat), -1);

        listeners = listen_fixture_open_one("tcp:host=127.0.0.1");
        assert_int_equal(listen_give(listeners, uid, gid, &error), 0);
        listen_close(listeners);
}

static void test_listen_tcp_nonces_differ_but_not_by_family(void **state)
{
        const char *addresses[] = {"nonce-tcp:bind=*", "nonce-tcp:host=127.0.0.1"};
        Listeners *listeners = listen_fixture_open(addresses, 2);

        (void)state;
        assert_int_equal(listeners->n, 3);
        assert_memory_equal(listeners->items[0].nonce, listeners->items[1].nonce, 16);
        assert_true(listeners->items[1].has_nonce);
        assert_null(listeners->items[1].nonce_file);
        assert_memory_not_equal(listeners->items[0].nonce, listeners->items[2].nonce, 16);
        assert_non_null(strchr(listeners->address, ';'));
        assert_ptr_equal(strchr(listeners->address, ';'), strrchr(listeners->address, ';'));
        listen_close(listeners);
}

static void test_listen_tcp_no_place_for_the_nonce_is_refused(void **state)
{
        (void)state;
        setenv("TMPDIR", "/nonexistent", 1);
        listen_fixture_assert_refused("nonce-tcp:host=127.0.0.1", -ENOENT, "No such file");
        unsetenv("TMPDIR");
}

/* What the log says when `address` is listened on. */
static void read_log(const char *address, char *text, size_t size)
{
        FILE *file = tmpfile();
        int saved = dup(STDERR_FILENO);
        ssize_t n;

        assert_non_null(file);
        dup2(fileno(file), STDERR_FILENO);
        listen_close(listen_fixture_open_one(address));
        dup2(saved, STDERR_FILENO);
        close(saved);
        n = pread(fileno(file), text, size - 1, 0);
        assert_true(n >= 0);
        text[n] = '\0';
        fclose(file);
}

static void test_listen_tcp_off_loopback_warns(void **state)
{
        static const char *const quiet[] = {"tcp:host=127.0.0.1", "tcp:host=127.3.2.1",
                                            "tcp:host=%3a%3a1"};
        char text[2048];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(quiet) - !listen_fixture_has_ipv6(); i++) {
                read_log(quiet[i], text, sizeof(text));
                assert_string_equal(text, "");
        }
        read_log("tcp:host=localhost,bind=*", text, sizeof(text));
        assert_non_null(strstr(text, "the bus listens on 0.0.0.0 port "));
        assert_true(strstr(text, "the bus listens on :: port ") || !listen_fixture_has_ipv6());
        assert_non_null(strstr(text, "not this machine alone"));
        assert_non_null(strstr(text, "bind=127.0.0.1"));
}

#define LISTEN_TEST(name)                                                                          \
        cmocka_unit_test_setup_teardown(name, listen_fixture_set_up, listen_fixture_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                LISTEN_TEST(test_listen_tcp_printed_with_the_real_port),
                LISTEN_TEST(test_listen_tcp_given_port_is_kept_and_free_again_afterwards),
                LISTEN_TEST(test_listen_tcp_connections_inherit_their_options),
                LISTEN_TEST(test_listen_tcp_star_is_both_families),
                LISTEN_TEST(test_listen_tcp_family_is_kept_to),
                LISTEN_TEST(test_listen_tcp_wrong_addresses_refused),
                LISTEN_TEST(test_listen_tcp_nonce_file_is_private_and_goes_with_the_bus),
                LISTEN_TEST(test_listen_tcp_nonce_file_is_given_away),
                LISTEN_TEST(test_listen_tcp_nonces_differ_but_not_by_family),
                LISTEN_TEST(test_listen_tcp_no_place_for_the_nonce_is_refused),
                LISTEN_TEST(test_listen_tcp_off_loopback_warns),
        };

        return cmocka_run_group_tests_name("listen_tcp", tests, NULL, NULL);
}
