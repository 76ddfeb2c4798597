/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/relay.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 65536 };

/* Copies what is there; small messages fit the other socket, so a blocking write does not wait. */
static int copy(int from, int to)
{
        char bytes[CHUNK];
        ssize_t n = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -1;
        if (n == 0)
                return -1;
        for (ssize_t done = 0, sent; done < n; done += sent) {
                sent = send(to, bytes + done, (size_t)(n - done), MSG_NOSIGNAL);
                if (sent < 0)
                        return -1;
        }
        return 0;
}

static int run(void *context)
{
        const int *inner = context;
        int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

        for (unsigned i = 0; i < 2; i++) {
                struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

                if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, inner[i], &event) < 0)
                        return 1;
        }
        for (;;) {
                struct epoll_event events[2];
                int n = epoll_wait(epoll_fd, events, 2, -1);

                for (int i = 0; i < n; i++) {
                        unsigned side = events[i].data.u32;

                        if (copy(inner[side], inner[1 - side]) < 0)
                                return 0;
                }
        }
}

int relay_start(Relay *relay)
{
        int left[2], right[2], inner[2], r;

        *relay = (Relay){.ends = {-1, -1}};
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, left) < 0)
                return -1;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, right) < 0) {
                close(left[0]);
                close(left[1]);
                return -1;
        }
        inner[0] = left[1];
        inner[1] = right[1];
        r = process_start(&relay->process, run, inner);
        close(inner[0]);
        close(inner[1]);
        relay->ends[0] = left[0];
        relay->ends[1] = right[0];
        if (r < 0)
                relay_stop(relay);
        return r;
}

void relay_close_ends(Relay *relay)
{
        for (unsigned i = 0; i < 2; i++) {
                if (relay->ends[i] >= 0)
                        close(relay->ends[i]);
                relay->ends[i] = -1;
        }
}

void relay_stop(Relay *relay)
{
        relay_close_ends(relay);
        process_kill(&relay->process);
}
