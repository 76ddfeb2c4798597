/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_IO_READY_H
#define RINGBUS_IO_READY_H

/*
 * Ready: a small readiness loop (epoll, level-triggered) for the threads that are not hot: gate,
 * control and clerk. These hand file descriptors on to others, so they must never have a kernel
 * request outstanding on one, which rules out completions.
 *
 * Owner: one thread.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Ready {
        int fd;
} Ready;

typedef struct ReadyEvent {
        void *cookie;
        bool readable; /* or hung up, or in error: a read tells */
        bool writable;
} ReadyEvent;

int ready_init(Ready *ready); /* 0 or -errno */
void ready_deinit(Ready *ready);

/* 0 or -errno. `cookie` comes back with each event. */
int ready_add(Ready *ready, int fd, bool for_read, bool for_write, void *cookie);
int ready_modify(Ready *ready, int fd, bool for_read, bool for_write, void *cookie);
void ready_remove(Ready *ready, int fd);

/*
 * Waits at most `timeout_ns` (UINT64_MAX: for ever; rounded up to ms) for at most `n_max` (<= 64)
 * events. Returns how many were stored; 0 on a timeout or a signal; -errno.
 */
int ready_wait(Ready *ready, uint64_t timeout_ns, ReadyEvent *ret_events, unsigned n_max);

#endif
