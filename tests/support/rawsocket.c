/* SPDX-License-Identifier: Apache-2.0 */

/* See rawsocket.h. */

#include "tests/support/rawsocket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Undoes the %XX escapes of an address value that ends at a comma, a semicolon or the end. */
static size_t rawsocket_unescape(const char *from, char *to, size_t size)
{
        size_t n = 0;

        while (*from && *from != ',' && *from != ';' && n + 1 < size) {
                unsigned byte;

                if (from[0] == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
                        to[n++] = (char)byte;
                        from += 3;
                } else {
                        to[n++] = *from++;
                }
        }
        to[n] = '\0';
        return n;
}

static _Thread_local const struct sockaddr *rawsocket_next_address;
static _Thread_local socklen_t rawsocket_next_size;

void rawsocket_bind_next(const struct sockaddr *address, socklen_t size)
{
        rawsocket_next_address = address;
        rawsocket_next_size = size;
}

static int rawsocket_bind(int fd)
{
        const struct sockaddr *address = rawsocket_next_address;

        rawsocket_next_address = NULL;
        return address ? bind(fd, address, rawsocket_next_size) : 0;
}

int rawsocket_connect_with(const char *address, int flags)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        const char *path = strstr(address, "unix:path=");
        const char *abstract = strstr(address, "unix:abstract=");
        size_t length;
        int fd, error;

        if (path)
                length = 1 + rawsocket_unescape(path + 10, to.sun_path, sizeof(to.sun_path));
        else if (abstract)
                length = 1 + rawsocket_unescape(abstract + 14, to.sun_path + 1,
                                                sizeof(to.sun_path) - 1);
        else
                return -EINVAL;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
        if (fd < 0)
                return -errno;
        if (rawsocket_bind(fd) < 0 ||
            connect(fd, (struct sockaddr *)&to,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0) {
                error = errno;
                close(fd);
                return -error;
        }
        return fd;
}

int rawsocket_connect(const char *address)
{
        return rawsocket_connect_with(address, 0);
}

int rawsocket_write(int fd, const void *data, size_t size)
{
        const uint8_t *from = data;

        while (size > 0) {
                ssize_t n = send(fd, from, size, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EPIPE ? -ECONNRESET : -errno;
                from += n;
                size -= (size_t)n;
        }
        return 0;
}

int rawsocket_write_fds(int fd, const Marshal *bytes, const int *fds, size_t n_fds)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(RAWSOCKET_FDS_MAX * sizeof(int))];
        } control = {.bytes = {0}};
        struct iovec data = {.iov_base = bytes->data, .iov_len = bytes->size};
        struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};
        ssize_t n;

        if (n_fds > RAWSOCKET_FDS_MAX)
                return -EINVAL;
        if (n_fds > 0) {
                header.msg_control = control.bytes;
                header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                control.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
                                                 .cmsg_level = SOL_SOCKET,
                                                 .cmsg_type = SCM_RIGHTS};
                memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
        }
        do
                n = sendmsg(fd, &header, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EPIPE ? -ECONNRESET : -errno;
        return rawsocket_write(fd, bytes->data + n, bytes->size - (size_t)n);
}
