/* SPDX-License-Identifier: Apache-2.0 */

/* See scale_source.h. */

#include "tests/clients/scale_source.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

int scale_source_watch(ScaleSource *source, int epoll_fd)
{
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, source->client->fd, &event) < 0) {
                perror("epoll_ctl");
                return -1;
        }
        return 0;
}

int scale_source_dispatch(int epoll_fd, int timeout_ms)
{
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, timeout_ms);

        if (n < 0 && errno != EINTR) {
                perror("epoll_wait");
                return -1;
        }
        for (int i = 0; i < n; i++) {
                ScaleSource *source = events[i].data.ptr;

                if (source->ready(source) < 0)
                        return -1;
        }
        return 0;
}
