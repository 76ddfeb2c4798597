/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_LOOP_H
#define RINGBUS_BENCH_LOAD_ENGINE_LOOP_H

/*
 * One thread's event loop: epoll, timers, tasks that other threads post, and what is flushed at the
 * end of a turn. A turn: wait, events, posted tasks, timers, flushes.
 *
 * Owner: the thread that runs it; only loop_post() and loop_end() may be called by others.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "broker/base/timers.h"

typedef struct Loop Loop;

/* Something with a file descriptor. Embedded in what owns the descriptor. */
typedef struct LoopSource LoopSource;
struct LoopSource {
        void (*handle)(LoopSource *source, uint32_t events); /* EPOLLIN... */
};

/* Work for another thread's loop. Embedded; the poster's until it has run, then free to reuse. */
typedef struct LoopTask LoopTask;
struct LoopTask {
        LoopTask *next;
        void (*run)(LoopTask *task, Loop *loop);
};

/* Something that has output for the end of the turn. Embedded. */
typedef struct LoopFlush LoopFlush;
struct LoopFlush {
        LoopFlush *next;
        bool is_queued;
        void (*flush)(LoopFlush *flush);
};

enum {
        LOOP_BUFFER_SIZE = 256 * 1024,
        LOOP_EVENTS = 128, /* handled in one turn */
};

struct Loop {
        int epoll_fd;
        int event_fd;
        LoopSource wake_source;
        uint64_t now_ns; /* CLOCK_MONOTONIC, as of the last event */
        Timers timers;   /* arm with loop_arm() */
        LoopFlush *to_flush;
        uint8_t *buffer;      /* LOOP_BUFFER_SIZE bytes that all connections receive into */
        pthread_mutex_t lock; /* of the two below */
        LoopTask *posted, **posted_end;
        bool has_ended; /* owner's: leave loop_run() */
        uint64_t n_turns;
        int next_event, n_events; /* of the batch that is being handled */
        struct epoll_event events[LOOP_EVENTS];
};

/* 0 or a negative errno. */
int loop_init(Loop *loop);
void loop_deinit(Loop *loop);

/* Runs until loop_end() or until CLOCK_MONOTONIC reaches `deadline_ns` (UINT64_MAX: never). */
void loop_run(Loop *loop, uint64_t deadline_ns);

/* The running loop_run() returns after this turn. Owner only; others post a task. */
void loop_end(Loop *loop);

/* Any thread: `task` runs once on the loop's thread. It must not be posted already. */
void loop_post(Loop *loop, LoopTask *task);

/* The time of the current event; loop_refresh() reads the clock. */
static inline uint64_t loop_now_ns(const Loop *loop)
{
        return loop->now_ns;
}
uint64_t loop_refresh(Loop *loop);

/* 0 or a negative errno. `events` as in epoll_ctl(2), level-triggered. */
int loop_watch(Loop *loop, int fd, uint32_t events, LoopSource *source);
int loop_rewatch(Loop *loop, int fd, uint32_t events, LoopSource *source);
void loop_unwatch(Loop *loop, int fd, LoopSource *source);

/* Arms or moves; out of memory ends the program. timer->fire gets the Loop as its context. */
void loop_arm(Loop *loop, Timer *timer, uint64_t deadline_ns);
void loop_disarm(Loop *loop, Timer *timer);

/* Once in this turn, at its end. */
void loop_flush_later(Loop *loop, LoopFlush *flush);
void loop_flush_never(Loop *loop, LoopFlush *flush);

#endif
