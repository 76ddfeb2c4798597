/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/sync/lock.h"

#include "broker/base/assert.h"

void lock_init(Lock *lock)
{
        pthread_mutexattr_t attributes;
        int r;

        r = pthread_mutexattr_init(&attributes);
        ASSERT(r == 0);
        r = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
        ASSERT(r == 0);
        r = pthread_mutex_init(&lock->mutex, &attributes);
        ASSERT(r == 0);
        pthread_mutexattr_destroy(&attributes);
}

void lock_deinit(Lock *lock)
{
        int r = pthread_mutex_destroy(&lock->mutex);

        ASSERT(r == 0);
}

void lock_acquire(Lock *lock) LOCK_UNCHECKED
{
        int r = pthread_mutex_lock(&lock->mutex);

        ASSERT(r == 0);
}

void lock_release(Lock *lock) LOCK_UNCHECKED
{
        int r = pthread_mutex_unlock(&lock->mutex);

        ASSERT(r == 0);
}
