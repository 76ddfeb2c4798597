/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waits with epoll_pwait2(2), because an open loop's timers need more than milliseconds. What is
 * unwatched while a batch of events is handled is struck out of the batch, so handlers may stop any
 * connection.
 */

#include "bench/load/engine/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/cleanup.h"
#include "broker/base/clock.h"

static void handle_wake(LoopSource *source, uint32_t events)
{
        Loop *loop = CONTAINER_OF(source, Loop, wake_source);
        uint64_t n;

        (void)events;
        /* EAGAIN: somebody's second wake-up was read with the first */
        if (read(loop->event_fd, &n, sizeof(n)) < 0)
                ASSERT(errno == EAGAIN || errno == EINTR);
}

int loop_init(Loop *loop)
{
        int r;

        *loop = (Loop){.epoll_fd = -1, .event_fd = -1, .wake_source = {.handle = handle_wake}};
        loop->posted_end = &loop->posted;
        timers_init(&loop->timers);
        pthread_mutex_init(&loop->lock, NULL);
        loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        loop->buffer = alloc_bytes(LOOP_BUFFER_SIZE);
        r = loop->buffer ? -errno : -ENOMEM;
        if (loop->epoll_fd >= 0 && loop->event_fd >= 0 && loop->buffer)
                r = loop_watch(loop, loop->event_fd, EPOLLIN, &loop->wake_source);
        if (r < 0)
                loop_deinit(loop);
        else
                loop_refresh(loop);
        return r;
}

void loop_deinit(Loop *loop)
{
        loop->epoll_fd = cleanup_close(loop->epoll_fd);
        loop->event_fd = cleanup_close(loop->event_fd);
        loop->buffer = alloc_free(loop->buffer);
        timers_deinit(&loop->timers);
        pthread_mutex_destroy(&loop->lock);
}

uint64_t loop_refresh(Loop *loop)
{
        loop->now_ns = clock_now_ns();
        return loop->now_ns;
}

static int control(Loop *loop, int operation, int fd, uint32_t events, LoopSource *source)
{
        struct epoll_event event = {.events = events, .data.ptr = source};

        return epoll_ctl(loop->epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

int loop_watch(Loop *loop, int fd, uint32_t events, LoopSource *source)
{
        return control(loop, EPOLL_CTL_ADD, fd, events, source);
}

int loop_rewatch(Loop *loop, int fd, uint32_t events, LoopSource *source)
{
        return control(loop, EPOLL_CTL_MOD, fd, events, source);
}

void loop_unwatch(Loop *loop, int fd, LoopSource *source)
{
        control(loop, EPOLL_CTL_DEL, fd, 0, NULL);
        for (int i = loop->next_event; i < loop->n_events; i++)
                if (loop->events[i].data.ptr == source)
                        loop->events[i].data.ptr = NULL;
}

void loop_post(Loop *loop, LoopTask *task)
{
        const uint64_t one = 1;
        bool must_wake;

        task->next = NULL;
        pthread_mutex_lock(&loop->lock);
        must_wake = loop->posted == NULL;
        *loop->posted_end = task;
        loop->posted_end = &task->next;
        pthread_mutex_unlock(&loop->lock);
        /* The counter cannot overflow: it is read before the list is emptied. */
        if (must_wake && write(loop->event_fd, &one, sizeof(one)) < 0)
                ASSERT(errno == EAGAIN);
}

static void run_posted(Loop *loop)
{
        LoopTask *task;

        pthread_mutex_lock(&loop->lock);
        task = loop->posted;
        loop->posted = NULL;
        loop->posted_end = &loop->posted;
        pthread_mutex_unlock(&loop->lock);
        while (task) {
                LoopTask *next = task->next; /* the task may be posted again as soon as it runs */

                task->run(task, loop);
                task = next;
        }
}

void loop_flush_later(Loop *loop, LoopFlush *flush)
{
        if (flush->is_queued)
                return;
        flush->is_queued = true;
        flush->next = loop->to_flush;
        loop->to_flush = flush;
}

void loop_flush_never(Loop *loop, LoopFlush *flush)
{
        if (!flush->is_queued)
                return;
        flush->is_queued = false;
        for (LoopFlush **link = &loop->to_flush; *link; link = &(*link)->next) {
                if (*link == flush) {
                        *link = flush->next;
                        return;
                }
        }
}

static void run_flushes(Loop *loop)
{
        LoopFlush *flush;

        while ((flush = loop->to_flush)) {
                loop->to_flush = flush->next;
                flush->is_queued = false;
                flush->flush(flush);
        }
}

void loop_arm(Loop *loop, Timer *timer, uint64_t deadline_ns)
{
        if (timers_arm(&loop->timers, timer, deadline_ns) < 0)
                abort();
}

void loop_disarm(Loop *loop, Timer *timer)
{
        timers_disarm(&loop->timers, timer);
}

void loop_end(Loop *loop)
{
        loop->has_ended = true;
}

static void wait_for_events(Loop *loop, uint64_t deadline_ns)
{
        uint64_t timeout_ns = timers_timeout(&loop->timers, loop->now_ns);
        struct timespec timeout;

        if (deadline_ns != UINT64_MAX && deadline_ns - loop->now_ns < timeout_ns)
                timeout_ns = deadline_ns - loop->now_ns;
        timeout.tv_sec = (time_t)(timeout_ns / CLOCK_NS_PER_S);
        timeout.tv_nsec = (long)(timeout_ns % CLOCK_NS_PER_S);
        loop->next_event = 0;
        loop->n_events = epoll_pwait2(loop->epoll_fd, loop->events, LOOP_EVENTS,
                                      timeout_ns == UINT64_MAX ? NULL : &timeout, NULL);
        if (loop->n_events < 0) {
                ASSERT(errno == EINTR);
                loop->n_events = 0;
        }
}

void loop_run(Loop *loop, uint64_t deadline_ns)
{
        loop_refresh(loop);
        loop->has_ended = false;
        run_flushes(loop);
        while (!loop->has_ended && loop->now_ns < deadline_ns) {
                wait_for_events(loop, deadline_ns);
                loop_refresh(loop);
                while (loop->next_event < loop->n_events) {
                        struct epoll_event *event = &loop->events[loop->next_event++];
                        LoopSource *source = event->data.ptr;

                        if (source)
                                source->handle(source, event->events);
                }
                run_posted(loop);
                timers_fire(&loop->timers, loop_refresh(loop), loop);
                run_flushes(loop);
                loop->n_turns++;
        }
}
