/* SPDX-License-Identifier: Apache-2.0 */
/* Ready: a thin layer over epoll; see ready.h. */
#include "broker/io/ready.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/base/cleanup.h"
#include "broker/base/clock.h"

enum { N_MAX = 64 };

int ready_init(Ready *ready)
{
        ready->fd = epoll_create1(EPOLL_CLOEXEC);
        return ready->fd < 0 ? -errno : 0;
}

void ready_deinit(Ready *ready)
{
        ready->fd = cleanup_close(ready->fd);
}

static int control(Ready *ready, int operation, int fd, struct epoll_event *event)
{
        return epoll_ctl(ready->fd, operation, fd, event) < 0 ? -errno : 0;
}

static struct epoll_event event_for(bool for_read, bool for_write, void *cookie)
{
        return (struct epoll_event){
                .events = (for_read ? EPOLLIN : 0u) | (for_write ? EPOLLOUT : 0u),
                .data.ptr = cookie,
        };
}

int ready_add(Ready *ready, int fd, bool for_read, bool for_write, void *cookie)
{
        struct epoll_event event = event_for(for_read, for_write, cookie);

        return control(ready, EPOLL_CTL_ADD, fd, &event);
}

int ready_modify(Ready *ready, int fd, bool for_read, bool for_write, void *cookie)
{
        struct epoll_event event = event_for(for_read, for_write, cookie);

        return control(ready, EPOLL_CTL_MOD, fd, &event);
}

void ready_remove(Ready *ready, int fd)
{
        struct epoll_event event = {.events = 0};

        /* It may be closed already, which has removed it. */
        (void)control(ready, EPOLL_CTL_DEL, fd, &event);
}

static int to_ms(uint64_t timeout_ns)
{
        if (timeout_ns == UINT64_MAX)
                return -1;
        if (timeout_ns / CLOCK_NS_PER_MS >= INT_MAX)
                return INT_MAX;
        return (int)((timeout_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS);
}

int ready_wait(Ready *ready, uint64_t timeout_ns, ReadyEvent *ret_events, unsigned n_max)
{
        struct epoll_event events[N_MAX];
        int n;

        ASSERT(n_max > 0 && n_max <= N_MAX);
        n = epoll_wait(ready->fd, events, (int)n_max, to_ms(timeout_ns));
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        for (int i = 0; i < n; i++) {
                uint32_t flags = events[i].events;

                ret_events[i] = (ReadyEvent){
                        .cookie = events[i].data.ptr,
                        .readable = (flags & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0,
                        .writable = (flags & EPOLLOUT) != 0,
                };
        }
        return n;
}
