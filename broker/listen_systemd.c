/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd: the listening sockets that the service manager passed, from fd 3 on. Their files stay
 * when the bus ends: they are the manager's.
 */

#include "broker/listen_systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "broker/listen_socket.h"
#include "broker/listen_tcp.h"

/* The name that a passed unix socket is bound to. 0 and a string of the caller's, or -errno. */
static int read_unix_address(int fd, char **ret_address)
{
        struct sockaddr_un name;
        socklen_t size = sizeof(name);
        const size_t offset = offsetof(struct sockaddr_un, sun_path);

        memset(&name, 0, sizeof(name));
        if (getsockname(fd, (struct sockaddr *)&name, &size) < 0)
                return -errno;
        if (size <= offset)
                return -EADDRNOTAVAIL; /* not bound: nobody could ever connect */
        if (name.sun_path[0] == '\0')
                *ret_address = listen_socket_format_unix(
                        "abstract", (Text){name.sun_path + 1, (size_t)size - offset - 1});
        else
                *ret_address = listen_socket_format_unix(
                        "path", (Text){name.sun_path, strnlen(name.sun_path, size - offset)});
        return *ret_address ? 0 : -ENOMEM;
}

/* Whether the bus can listen on what systemd passed. */
static int check_passed(int fd, ListenError *ret_error)
{
        int stream = sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1);

        if (stream < 0)
                return listen_socket_fail(ret_error, stream, "fd %d: %s", fd, strerror(-stream));
        if (stream == 0)
                return listen_socket_fail(ret_error, -EINVAL,
                                          "fd %d is not a listening stream socket", fd);
        return 0;
}

/* Makes it non-blocking and finds out where clients reach it. 0 or -errno. */
static int prepare_passed(Listener *listener)
{
        const int flags = fcntl(listener->fd, F_GETFL);

        if (flags < 0 || fcntl(listener->fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        if (sd_is_socket(listener->fd, AF_UNIX, SOCK_STREAM, 1) > 0)
                return read_unix_address(listener->fd, &listener->address);
        return listen_tcp_adopt(listener);
}

/* One socket that systemd passed; it is taken, also on failure. */
static int adopt_socket(int fd, Listeners *listeners, ListenError *ret_error)
{
        Listener listener = {.fd = fd};
        int r = check_passed(fd, ret_error);

        if (r == 0) {
                r = prepare_passed(&listener);
                if (r < 0)
                        listen_socket_fail(ret_error, r, "fd %d: %s", fd, strerror(-r));
        }
        if (r < 0) {
                listen_socket_deinit(&listener);
                return r;
        }
        return listen_socket_append(listeners, &listener, ret_error);
}

int listen_systemd_open(Listeners *listeners, ListenError *ret_error)
{
        size_t n_before = listeners->n;
        int n = sd_listen_fds(1);
        int r = 0;

        if (n < 0)
                return listen_socket_fail(ret_error, n, "cannot read LISTEN_FDS: %s", strerror(-n));
        if (n == 0)
                return listen_socket_fail(ret_error, -ENOENT,
                                          "no socket received; systemd passes them to a service "
                                          "with a socket unit");
        for (int i = 0; i < n; i++) {
                if (r < 0)
                        close(SD_LISTEN_FDS_START + i);
                else
                        r = adopt_socket(SD_LISTEN_FDS_START + i, listeners, ret_error);
        }
        while (r < 0 && listeners->n > n_before)
                listen_socket_deinit(&listeners->items[--listeners->n]);
        return r;
}
