/* SPDX-License-Identifier: Apache-2.0 */
/* Listening addresses, on real sockets. Expected texts are those that dbus-daemon 1.14 prints. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "listen_fixture.h"

static void test_listen_path_accepts_and_unlinks_at_close(void **state)
{
        char address[128];
        char path[128];
        struct stat status;
        Listeners *listeners;
        mode_t mask = umask(077);
        int type = 0;
        socklen_t size = sizeof(type);
        int fd;

        (void)state;
        listen_fixture_path(address, sizeof(address), "unix:path=", "bus");
        listen_fixture_path(path, sizeof(path), "", "bus");
        listeners = listen_fixture_open_one(address);
        umask(mask);
        assert_int_equal(listeners->n, 1);
        fd = listeners->items[0].fd;
        assert_string_equal(
                listen_fixture_skip_address(listeners->address, address, listeners->items[0].guid),
                "");
        assert_string_equal(listeners->address, listeners->items[0].address);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode, S_IFSOCK | 0777);
        listen_fixture_assert_connects(path);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size), 0);
        assert_int_equal(type, SOCK_STREAM);
        assert_null(listen_close(listeners));
        assert_int_equal(stat(path, &status), -1);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_listen_path_stale_socket_replaced(void **state)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char address[128];

        (void)state;
        listen_fixture_path(name.sun_path, sizeof(name.sun_path), "", "bus");
        listen_fixture_path(address, sizeof(address), "unix:path=", "bus");
        assert_int_equal(bind(stale, (struct sockaddr *)&name, sizeof(name)), 0);
        close(stale);
        Listeners *listeners = listen_fixture_open_one(address);
        listen_fixture_assert_connects(name.sun_path);
        listen_close(listeners);
}

static void test_listen_path_other_file_kept(void **state)
{
        char address[128];
        char path[128];
        char reason[256];

        (void)state;
        listen_fixture_path(address, sizeof(address), "unix:path=", "file");
        listen_fixture_path(path, sizeof(path), "", "file");
        close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        snprintf(reason, sizeof(reason), "\"%s\": Address already in use", path);
        listen_fixture_assert_refused(address, -EADDRINUSE, reason);
        assert_int_equal(unlink(path), 0);
}

/* Somebody else's socket at the same path outlives us. */
static void test_listen_close_spares_foreign_socket(void **state)
{
        char address[128];
        char path[128];
        struct stat status;
        Listeners *first;
        Listeners *second;

        (void)state;
        listen_fixture_path(address, sizeof(address), "unix:path=", "bus");
        listen_fixture_path(path, sizeof(path), "", "bus");
        first = listen_fixture_open_one(address);
        second = listen_fixture_open_one(address);
        listen_close(first);
        assert_int_equal(stat(path, &status), 0);
        listen_close(second);
        assert_int_equal(stat(path, &status), -1);
}

static void test_listen_abstract_accepts(void **state)
{
        char address[128];
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        Listeners *listeners;

        (void)state;
        listen_fixture_path(address, sizeof(address), "unix:abstract=", "bus");
        listen_fixture_path(name.sun_path + 1, sizeof(name.sun_path) - 1, "", "bus");
        listeners = listen_fixture_open_one(address);
        assert_string_equal(
                listen_fixture_skip_address(listeners->address, address, listeners->items[0].guid),
                "");
        assert_int_equal(connect(fd, (struct sockaddr *)&name,
                                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                             strlen(name.sun_path + 1))),
                         0);
        close(fd);
        assert_int_equal(listen_fixture_count_files(), 0);
        listen_close(listeners);
}

static void test_listen_folder_makes_random_path(void **state)
{
        static const char *const keys[] = {"unix:dir=", "unix:tmpdir="};
        static const char letters[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                char address[128];
                char prefix[128];
                Listeners *listeners;
                const char *name;

                snprintf(address, sizeof(address), "%s%s", keys[i], listen_fixture_folder);
                listen_fixture_path(prefix, sizeof(prefix), "unix:path=", "dbus-");
                listeners = listen_fixture_open_one(address);
                assert_memory_equal(listeners->address, prefix, strlen(prefix));
                name = listeners->address + strlen(prefix);
                assert_int_equal(strspn(name, letters), 10);
                assert_memory_equal(name + 10, ",guid=", 6);
                assert_int_equal(listen_fixture_count_files(), 1);
                listen_close(listeners);
                assert_int_equal(listen_fixture_count_files(), 0);
        }
}

/* The reference prints '=' in the listen_fixture_folder's name escaped (test-dbus-daemon,
 * unix-runtime-is-default). */
static void test_listen_runtime_makes_bus_only(void **state)
{
        char runtime[128];
        char expected[256];
        char path[256];
        Listeners *listeners;

        (void)state;
        listen_fixture_path(runtime, sizeof(runtime), "", "a=b c");
        assert_int_equal(mkdir(runtime, 0700), 0);
        setenv("XDG_RUNTIME_DIR", runtime, 1);
        listen_fixture_path(expected, sizeof(expected), "unix:path=", "a%3db%20c/bus");
        listeners = listen_fixture_open_one("unix:runtime=yes");
        unsetenv("XDG_RUNTIME_DIR");
        assert_string_equal(
                listen_fixture_skip_address(listeners->address, expected, listeners->items[0].guid),
                "");
        snprintf(path, sizeof(path), "%s/bus", runtime);
        listen_fixture_assert_connects(path);
        listen_close(listeners);
        assert_int_equal(rmdir(runtime), 0); /* it is empty */
}

static void test_listen_runtime_unset_refused(void **state)
{
        (void)state;
        unsetenv("XDG_RUNTIME_DIR");
        listen_fixture_assert_refused("unix:runtime=yes", -EOPNOTSUPP,
                                      "\"XDG_RUNTIME_DIR\" is not set");
        setenv("XDG_RUNTIME_DIR", "", 1);
        listen_fixture_assert_refused("unix:runtime=yes", -EOPNOTSUPP,
                                      "\"XDG_RUNTIME_DIR\" is not set");
        unsetenv("XDG_RUNTIME_DIR");
}

static void test_listen_wrong_addresses_refused(void **state)
{
        static const struct {
                const char *address;
                int result;
                const char *reason;
        } cases[] = {
                {"unix:runtime=no", -EINVAL, "the only value of runtime= is \"yes\""},
                {"unix:", -EINVAL, "one of path="},
                {"unix:guid=00", -EINVAL, "one of path="},
                {"unix:path=/a,dir=/b", -EINVAL, "path= and dir= exclude each other"},
                {"unix:abstract=a,runtime=yes", -EINVAL, "abstract= and runtime= exclude"},
                {"unix:dir=/a,tmpdir=/b", -EINVAL, "dir= and tmpdir= exclude"},
                {"unix:path=%00", -EINVAL, "NUL"},
                {"unix:abstract=a%00b", -EINVAL, "NUL"},
                {"unix:path=/nonexistent/bus", -ENOENT, "\"/nonexistent/bus\": No such file"},
                {"unix:dir=/nonexistent", -ENOENT, "\"/nonexistent\": No such file"},
                {"unix:path=a b", -EINVAL, "bad address"},
                {"unix:path=", -EINVAL, "bad address"},
                {"", -EINVAL, "bad address"},
                {"garbage", -EINVAL, "bad address"},
                {"autolaunch:", -EINVAL, "unknown address type \"autolaunch\""},
                {"unixexec:path=/bin/true", -EINVAL, "unknown address type \"unixexec\""},
                {"launchd:env=A", -EINVAL, "unknown address type \"launchd\""},
                {" unix:path=/a", -EINVAL, "unknown address type \" unix\""},
                {"systemd:", -ENOENT, "no socket received"},
                {"launchd:;bees:", -EINVAL, "unknown address type \"launchd\""},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                listen_fixture_assert_refused(cases[i].address, cases[i].result, cases[i].reason);
}

/* sun_path holds 107 bytes and a NUL, or a NUL and 107 bytes. */
static void test_listen_longest_names(void **state)
{
        static const char *const keys[] = {"unix:path=", "unix:abstract="};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                char address[256];
                size_t at;

                listen_fixture_path(address, sizeof(address), keys[i], "");
                at = strlen(address);
                memset(address + at, 'a', 107 - (at - strlen(keys[i])));
                address[strlen(keys[i]) + 107] = '\0';
                listen_close(listen_fixture_open_one(address));
                strcat(address, "a");
                listen_fixture_assert_refused(address, -EINVAL,
                                              "is too long; the most is 107 bytes");
        }
        char dir[256];
        snprintf(dir, sizeof(dir), "unix:dir=/%091d", 0);
        listen_fixture_assert_refused(dir, -EINVAL, "is too long; the most is 91 bytes");
}

static void test_listen_alternatives_first_possible_wins(void **state)
{
        char address[256];
        char expected[128];
        Listeners *listeners;

        (void)state;
        listen_fixture_path(expected, sizeof(expected), "unix:path=", "bus");
        snprintf(address, sizeof(address), "bees:;unix:path=/nonexistent/x;%s;unix:dir=%s",
                 expected, listen_fixture_folder);
        listeners = listen_fixture_open_one(address);
        assert_int_equal(listeners->n, 1);
        assert_string_equal(
                listen_fixture_skip_address(listeners->address, expected, listeners->items[0].guid),
                "");
        listen_close(listeners);
        snprintf(address, sizeof(address), "%s;garbage", expected);
        listen_fixture_assert_refused(address, -EINVAL, "bad address");
}

static void test_listen_several_printed_last_first(void **state)
{
        char path_a[128];
        char path_b[128];
        char abstract[128];
        const char *addresses[] = {path_a, abstract, path_b};
        Listeners *listeners;
        const char *rest;

        (void)state;
        listen_fixture_path(path_a, sizeof(path_a), "unix:path=", "a");
        listen_fixture_path(path_b, sizeof(path_b), "unix:path=", "b");
        listen_fixture_path(abstract, sizeof(abstract), "unix:abstract=", "q");
        listeners = listen_fixture_open(addresses, 3);
        assert_int_equal(listeners->n, 3);
        rest = listen_fixture_skip_address(listeners->address, path_b, listeners->items[2].guid);
        assert_int_equal(*rest, ';');
        rest = listen_fixture_skip_address(rest + 1, abstract, listeners->items[1].guid);
        assert_int_equal(*rest, ';');
        rest = listen_fixture_skip_address(rest + 1, path_a, listeners->items[0].guid);
        assert_string_equal(rest, "");
        assert_string_not_equal(listeners->items[0].guid, listeners->items[1].guid);
        listen_close(listeners);
}

static void test_listen_one_failure_undoes_all(void **state)
{
        char path[128];
        const char *addresses[] = {path, "bees:"};
        Listeners *listeners = NULL;
        ListenError error;

        (void)state;
        listen_fixture_path(path, sizeof(path), "unix:path=", "a");
        assert_int_equal(listen_open(addresses, 2, &listeners, &error), -EINVAL);
        assert_null(listeners);
        assert_int_equal(listen_fixture_count_files(), 0);
}

#define LISTEN_TEST(name)                                                                          \
        cmocka_unit_test_setup_teardown(name, listen_fixture_set_up, listen_fixture_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                LISTEN_TEST(test_listen_path_accepts_and_unlinks_at_close),
                LISTEN_TEST(test_listen_path_stale_socket_replaced),
                LISTEN_TEST(test_listen_path_other_file_kept),
                LISTEN_TEST(test_listen_close_spares_foreign_socket),
                LISTEN_TEST(test_listen_abstract_accepts),
                LISTEN_TEST(test_listen_folder_makes_random_path),
                LISTEN_TEST(test_listen_runtime_makes_bus_only),
                LISTEN_TEST(test_listen_runtime_unset_refused),
                LISTEN_TEST(test_listen_wrong_addresses_refused),
                LISTEN_TEST(test_listen_longest_names),
                LISTEN_TEST(test_listen_alternatives_first_possible_wins),
                LISTEN_TEST(test_listen_several_printed_last_first),
                LISTEN_TEST(test_listen_one_failure_undoes_all),
        };

        return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
