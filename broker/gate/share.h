/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_GATE_SHARE_H
#define RINGBUS_GATE_SHARE_H

/*
 * ShareTable: how many incomplete connections each uid has, so that one uid cannot take them
 * all. A plain array: it is as long as there are different uids among them at this moment.
 *
 * Owner: the gate's thread. Zero-initialised. Invariant: every entry's count is at least 1.
 */

#include <sys/types.h>

typedef struct Share {
        uid_t uid;
        unsigned n;
} Share;

typedef struct ShareTable {
        Share *shares;
        unsigned n_shares;
        unsigned n_allocated;
} ShareTable;

/* Takes one of `max` for `uid`. 0, -EUSERS (it has all of its share already) or -ENOMEM. */
int share_take(ShareTable *table, uid_t uid, unsigned max);

/* Gives one back that share_take() took. */
void share_return(ShareTable *table, uid_t uid);

void share_deinit(ShareTable *table);

#endif
