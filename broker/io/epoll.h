/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_IO_EPOLL_H
#define RINGBUS_IO_EPOLL_H

/*
 * Epoll: the epoll backend's state. Two epoll sets, because a socket that one Io receives from may
 * be one that it, or another Io, sends to: `fd` watches receives and the wake, level-triggered, and
 * `out_fd`, nested in it, the sends that wait for room, one-shot.
 *
 * Owner: the Io's thread. epoll.c turns the loop and receives, epoll_send.c sends.
 */

#include <sys/epoll.h>

#include "broker/io/backend.h"

enum {
        EPOLL_EVENTS = 128, /* per look; what is left comes first the next time */
};

typedef struct Epoll {
        int fd;
        int out_fd;
        struct iovec vectors[IO_IOVECS_MAX]; /* the rest of a send that is resumed */
        struct epoll_event events[EPOLL_EVENTS];
        struct epoll_event out_events[EPOLL_EVENTS];
} Epoll;

/* Sends everything that is queued, until nothing is; results go to on_sent(). */
void epoll_send_queued(Io *io);

/* out_fd is readable: goes on with the sends whose sockets have room. */
void epoll_send_resume(Io *io);

#endif
