/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_QSBR_H
#define RINGBUS_SYNC_QSBR_H

/*
 * Grace periods: userspace-rcu's quiescent-state flavour behind one file. A registered thread is
 * inside a read-side section from one qsbr_quiescent() (or qsbr_online()) to the next; whatever it
 * looks up there stays allocated that long. Removed objects are retired; the control thread waits
 * for a grace period and then calls their functions.
 *
 * Nothing looked up is touched across a wait. Nobody waits for a grace period under a lock.
 */

#include "broker/sync/stack.h"
#include "broker/sync/wake.h"

typedef struct Retired Retired;
struct Retired {
        StackNode node;
        void (*free)(Retired *retired);
};

/* The reclaimer's side. `wake` (borrowed) wakes it, see qsbr_kick(). */
typedef struct Qsbr {
        Stack retired;
        Wake *wake;
} Qsbr;

void qsbr_init(Qsbr *qsbr, Wake *wake);

/* Each thread that looks anything up, at its start and end. Registered threads begin online. */
void qsbr_register_thread(void);
void qsbr_unregister_thread(void);

/* Registered thread: holds nothing that it looked up. */
void qsbr_quiescent(void);

/* Around a wait that may sleep. */
void qsbr_offline(void);
void qsbr_online(void);

/* Any thread, also under a lock: `free` is called by the reclaimer after a grace period. */
void qsbr_retire(Qsbr *qsbr, Retired *retired, void (*free)(Retired *retired));

/* Any thread, under no lock, once in a while: wakes the reclaimer if it sleeps and has work. */
void qsbr_kick(Qsbr *qsbr);

/* The control thread, not registered: waits for a grace period and frees what had been retired
 * before. Returns how many objects it freed. May block as long as a worker's turn lasts. */
unsigned qsbr_reclaim(Qsbr *qsbr);

bool qsbr_has_retired(Qsbr *qsbr);

#endif
