/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/message/account.h"

Account *account_new(Pool *pool, void *owner, void (*resume)(void *owner), uint64_t bytes_max,
                     uint64_t fds_max)
{
        Account *account = pool_alloc(pool, sizeof(*account));

        if (!account)
                return NULL;
        *account = (Account){.resume = resume, .bytes_max = bytes_max, .fds_max = fds_max};
        refcount_init(&account->references, 1);
        cell_init(&account->owner, owner);
        return account;
}

void account_unref(Pool *mine, Account *account)
{
        if (refcount_drop(&account->references, 1))
                pool_free(mine, account, sizeof(*account));
}

void account_discharge(Account *account, uint64_t bytes, uint64_t fds)
{
        void *owner;

        counter_subtract(&account->bytes, bytes);
        if (fds > 0)
                counter_subtract(&account->fds, fds);
        if (LIKELY(!switch_is_on(&account->paused)) || account_is_over(account))
                return;
        if (!switch_clear(&account->paused))
                return;
        owner = cell_get(&account->owner);
        if (owner)
                account->resume(owner);
}

bool account_pause(Account *account)
{
        switch_set(&account->paused);
        if (account_is_over(account))
                return true;
        /* It fell below in between; whoever clears the switch resumes. */
        return !switch_clear(&account->paused);
}
