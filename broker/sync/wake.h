/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_WAKE_H
#define RINGBUS_SYNC_WAKE_H

/*
 * Wake: an eventfd with a sleeping flag: at most one wake-up for each sleep, none for a thread that
 * is awake.
 *
 * Protocol. Sleeper: wake_prepare(), look at every source of work once more, sleep with the
 * eventfd among the things waited for if there is none, and wake_finish() in either case.
 * Waker: publish the work, then wake_up(). Store-buffering between "flag, look" and "work, flag" is
 * excluded because both sides do a sequentially consistent read-modify-write on the flag in
 * between.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Wake {
        _Atomic(uint32_t) sleeping; /* 1: asleep or about to be, nobody has woken it yet */
        int fd;                     /* eventfd, non-blocking, close-on-exec */
} Wake;

/* 0 or -errno (EMFILE, ENFILE, ENOMEM). */
int wake_init(Wake *wake);

/* Closes the eventfd; no other thread may use `wake` any more. Idempotent after wake_init(). */
void wake_deinit(Wake *wake);

/* Owner: from now on wake_up() writes the eventfd. */
void wake_prepare(Wake *wake);

/* Owner: awake again (whether it slept or not); drains nothing: the eventfd's reader does. */
void wake_finish(Wake *wake);

/* Any thread: wakes the owner if it sleeps. Returns whether it did write the eventfd. */
bool wake_up(Wake *wake);

/* Owner: empties the eventfd. */
void wake_drain(Wake *wake);

#endif
