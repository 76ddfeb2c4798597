/* SPDX-License-Identifier: Apache-2.0 */
/* --print-address and --print-pid. */

#include "broker/announce.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/cleanup.h"

static int write_whole(int fd, const char *data, size_t size)
{
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n >= 0) {
                        data += n;
                        size -= (size_t)n;
                } else if (errno == EAGAIN) {
                        struct pollfd ready = {.fd = fd, .events = POLLOUT};

                        if (poll(&ready, 1, -1) < 0 && errno != EINTR)
                                return -errno;
                } else if (errno != EINTR) {
                        return -errno;
                }
        }
        return 0;
}

static int write_line(int fd, char *line)
{
        CLEANUP_ALLOC char *owned = line;

        if (!owned)
                return -ENOMEM;
        return write_whole(fd, owned, strlen(owned));
}

static void close_if_private(int fd)
{
        if (fd > STDERR_FILENO)
                close(fd);
}

int announce(int address_fd, const char *address, int pid_fd, pid_t pid)
{
        int r = 0;

        if (address_fd >= 0)
                r = write_line(address_fd, alloc_format("%s\n", address));
        if (pid_fd >= 0 && r == 0)
                r = write_line(pid_fd, alloc_format("%ld\n", (long)pid));
        close_if_private(address_fd);
        if (pid_fd != address_fd)
                close_if_private(pid_fd);
        return r;
}
