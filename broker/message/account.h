/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_MESSAGE_ACCOUNT_H
#define RINGBUS_MESSAGE_ACCOUNT_H

/*
 * Account: what one sender has in the bus's memory, wherever it is queued: bytes and fds of its
 * messages that are not freed yet. Over the limit its input is paused; the free that brings it
 * below resumes it (max_incoming_bytes, max_incoming_unix_fds).
 *
 * Owner: atomic. Outlives its peer as long as messages refer to it; `owner` is cleared when the
 * peer leaves, and whoever reads it is inside a read-side section.
 */

#include "broker/sync/cell.h"
#include "broker/sync/counter.h"
#include "broker/sync/switch.h"
#include "broker/sync/tally.h"
#include "broker/sync/pool.h"
#include "broker/sync/refcount.h"

typedef struct Account Account;
struct Account {
        RefCount references;
        Switch paused;
        Counter bytes;
        Counter fds;
        uint64_t bytes_max; /* pause above */
        uint64_t fds_max;
        Tally peak_bytes;            /* home worker, which alone charges */
        Cell owner;                  /* the peer's own pointer, NULL once it left */
        void (*resume)(void *owner); /* any thread: the account fell below its limits */
        Tally peak_fds;
};

/* One reference, the caller's; NULL when out of memory. */
Account *account_new(Pool *pool, void *owner, void (*resume)(void *owner), uint64_t bytes_max,
                     uint64_t fds_max);

void account_unref(Pool *mine, Account *account);

/* Home worker. */
static inline void account_charge(Account *account, uint64_t bytes, uint64_t fds)
{
        tally_raise(&account->peak_bytes, counter_add(&account->bytes, bytes));
        if (fds > 0)
                tally_raise(&account->peak_fds, counter_add(&account->fds, fds));
}

/* Any thread: how many messages refer to it, while its peer has not left. */
static inline uint64_t account_n_messages(const Account *account)
{
        return refcount_read(&account->references) - 1;
}

/* Any thread, inside a read-side section. */
void account_discharge(Account *account, uint64_t bytes, uint64_t fds);

static inline bool account_is_over(const Account *account)
{
        return counter_read(&account->bytes) > account->bytes_max ||
               counter_read(&account->fds) > account->fds_max;
}

/* The home worker, when the account is over its limits: true if it is paused now; false if what it
 * waits for has just happened. */
bool account_pause(Account *account);

#endif
