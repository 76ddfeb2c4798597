/* SPDX-License-Identifier: Apache-2.0 */
/* See share.h. */

#include "broker/gate/share.h"

#include <errno.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"

static Share *find_share(ShareTable *table, uid_t uid)
{
        for (unsigned i = 0; i < table->n_shares; i++)
                if (table->shares[i].uid == uid)
                        return &table->shares[i];
        return NULL;
}

int share_take(ShareTable *table, uid_t uid, unsigned max)
{
        Share *share = find_share(table, uid);

        if (share) {
                if (share->n >= max)
                        return -EUSERS;
                share->n++;
                return 0;
        }
        if (max == 0)
                return -EUSERS;
        if (table->n_shares == table->n_allocated) {
                unsigned n = table->n_allocated ? table->n_allocated * 2 : 8;
                Share *shares = alloc_resize(table->shares, n * sizeof(Share));

                if (!shares)
                        return -ENOMEM;
                table->shares = shares;
                table->n_allocated = n;
        }
        table->shares[table->n_shares++] = (Share){.uid = uid, .n = 1};
        return 0;
}

void share_return(ShareTable *table, uid_t uid)
{
        Share *share = find_share(table, uid);

        ASSERT(share);
        if (--share->n == 0)
                *share = table->shares[--table->n_shares];
}

void share_deinit(ShareTable *table)
{
        table->shares = alloc_free(table->shares);
        table->n_shares = 0;
        table->n_allocated = 0;
}
