/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of listening addresses share. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "listen_fixture.h"

enum { GUID_DIGITS = 32, WAIT_MS = 60000 };

char listen_fixture_folder[64];

int listen_fixture_set_up(void **state)
{
        (void)state;
        strcpy(listen_fixture_folder, "/tmp/test-listen-XXXXXX");
        return mkdtemp(listen_fixture_folder) ? 0 : -1;
}

/* Also checks that nothing was left behind. */
int listen_fixture_tear_down(void **state)
{
        (void)state;
        return rmdir(listen_fixture_folder);
}

Listeners *listen_fixture_open(const char *const *addresses, size_t n)
{
        Listeners *listeners = NULL;
        ListenError error = {{0}};
        int r = listen_open(addresses, n, &listeners, &error);

        if (r < 0)
                fail_msg("%s", error.text);
        assert_non_null(listeners);
        return listeners;
}

Listeners *listen_fixture_open_one(const char *address)
{
        return listen_fixture_open(&address, 1);
}

void listen_fixture_assert_refused(const char *address, int expected, const char *reason)
{
        Listeners *listeners = NULL;
        ListenError error = {{0}};
        int r = listen_open(&address, 1, &listeners, &error);

        assert_null(listeners);
        if (r != expected || !strstr(error.text, reason))
                fail_msg("%s: %d \"%s\", expected %d \"%s\"", address, r, error.text, expected,
                         reason);
}

/* Checks that `printed` begins with `expected`, then ",guid=" and the listener's guid. */
const char *listen_fixture_skip_address(const char *printed, const char *expected, const char *guid)
{
        char whole[256];

        snprintf(whole, sizeof(whole), "%s,guid=%s", expected, guid);
        assert_memory_equal(printed, whole, strlen(whole));
        assert_int_equal(strspn(guid, "0123456789abcdef"), GUID_DIGITS);
        return printed + strlen(whole);
}

void listen_fixture_assert_connects(const char *path)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
        assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
        close(fd);
}

int listen_fixture_accept(int listener)
{
        struct pollfd ready = {.fd = listener, .events = POLLIN};
        int fd;

        assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

void listen_fixture_path(char *out, size_t size, const char *before, const char *name)
{
        snprintf(out, size, "%s%s/%s", before, listen_fixture_folder, name);
}

unsigned listen_fixture_count_files(void)
{
        DIR *open_folder = opendir(listen_fixture_folder);
        unsigned n = 0;

        assert_non_null(open_folder);
        while (readdir(open_folder))
                n++;
        closedir(open_folder);
        return n - 2;
}

bool listen_fixture_has_ipv6(void)
{
        struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool has_it = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0;

        if (fd >= 0)
                close(fd);
        if (!has_it)
                print_message("this machine has no ::1: IPv6 is not looked at\n");
        return has_it;
}
