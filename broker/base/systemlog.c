/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/systemlog.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static const char *systemlog_path = _PATH_LOG;
static int systemlog_fd = -1;

void systemlog_set_path(const char *path)
{
        systemlog_path = path ? path : _PATH_LOG;
        if (systemlog_fd >= 0)
                close(systemlog_fd);
        systemlog_fd = -1;
}

static bool open_socket(void)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};

        if (strlen(systemlog_path) >= sizeof(name.sun_path))
                return false;
        strcpy(name.sun_path, systemlog_path);
        systemlog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (systemlog_fd < 0)
                return false;
        if (connect(systemlog_fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
                return true;
        systemlog_set_path(systemlog_path);
        return false;
}

static bool send_parts(struct iovec *parts, size_t n)
{
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = n};

        if (systemlog_fd < 0 && !open_socket())
                return false;
        return sendmsg(systemlog_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

bool systemlog_send(int priority, const char *line, size_t size)
{
        char head[64];
        char date[24] = "";
        time_t now = time(NULL);
        struct tm local;
        struct iovec parts[2] = {{.iov_base = head}};

        /* Nobody calls setlocale(), so the month is in English, as it must be. */
        if (localtime_r(&now, &local))
                strftime(date, sizeof(date), "%b %e %T", &local);
        parts[0].iov_len = (size_t)snprintf(head, sizeof(head),
                                            "<%d>%s dbus-daemon[%ld]: ", LOG_DAEMON | priority,
                                            date, (long)getpid());
        parts[1] = (struct iovec){.iov_base = (void *)(unsigned long)line, .iov_len = size};
        if (send_parts(parts, 2))
                return true;
        /* The logger may have been restarted, with another socket in the place of the old one. */
        systemlog_set_path(systemlog_path);
        return send_parts(parts, 2);
}
