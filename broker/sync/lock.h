/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_LOCK_H
#define RINGBUS_SYNC_LOCK_H

/*
 * Lock: glibc's adaptive mutex (a short spin, then a futex). There are two in the routing code: the
 * registry and the turn, taken in this order (rule R4). Under either only pushes and look-ups: no
 * system call, no wake-up, no general heap, no wait.
 */

#include <pthread.h>
#include <stdbool.h>

#if defined(__clang__)
#define LOCK_CAPABILITY __attribute__((capability("mutex")))
#define LOCK_ACQUIRES(x) __attribute__((acquire_capability(x)))
#define LOCK_RELEASES(x) __attribute__((release_capability(x)))
#define LOCK_REQUIRES(x) __attribute__((requires_capability(x)))
#define LOCK_UNCHECKED __attribute__((no_thread_safety_analysis))
#else
#define LOCK_CAPABILITY
#define LOCK_ACQUIRES(x)
#define LOCK_RELEASES(x)
#define LOCK_REQUIRES(x)
#define LOCK_UNCHECKED
#endif

typedef struct LOCK_CAPABILITY Lock {
        pthread_mutex_t mutex;
} Lock;

void lock_init(Lock *lock);
void lock_deinit(Lock *lock);
void lock_acquire(Lock *lock) LOCK_ACQUIRES(*lock);
void lock_release(Lock *lock) LOCK_RELEASES(*lock);

#endif
