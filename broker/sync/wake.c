/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/sync/wake.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "broker/base/assert.h"

int wake_init(Wake *wake)
{
        /* Pairs with: nothing; not shared yet. */
        atomic_store_explicit(&wake->sleeping, 0, memory_order_relaxed);
        wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        return wake->fd < 0 ? -errno : 0;
}

void wake_deinit(Wake *wake)
{
        if (wake->fd >= 0)
                close(wake->fd);
        wake->fd = -1;
}

void wake_prepare(Wake *wake)
{
        /* Pairs with: wake_up()'s exchange. Sequentially consistent: either the waker sees 1, or
         * our look at the sources behind this sees its work. */
        atomic_exchange_explicit(&wake->sleeping, 1, memory_order_seq_cst);
}

void wake_finish(Wake *wake)
{
        /* Pairs with: wake_up()'s exchange: what a waker published before it is seen before the
         * next wake_prepare(), whose own exchange may read our 0 and not the waker's. */
        atomic_exchange_explicit(&wake->sleeping, 0, memory_order_acq_rel);
}

bool wake_up(Wake *wake)
{
        const uint64_t one = 1;
        ssize_t n;

        /* Pairs with: wake_prepare()'s exchange. A read-modify-write and not a load, so that the
         * work published before it is ordered before the look at the flag. */
        if (atomic_exchange_explicit(&wake->sleeping, 0, memory_order_seq_cst) == 0)
                return false;
        n = write(wake->fd, &one, sizeof(one));
        /* EAGAIN: the counter is full, so it is readable already. */
        ASSERT(n == (ssize_t)sizeof(one) || errno == EAGAIN);
        return true;
}

void wake_drain(Wake *wake)
{
        uint64_t count;
        ssize_t n = read(wake->fd, &count, sizeof(count));

        ASSERT(n == (ssize_t)sizeof(count) || errno == EAGAIN || errno == EINTR);
}
