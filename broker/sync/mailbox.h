/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_MAILBOX_H
#define RINGBUS_SYNC_MAILBOX_H

/*
 * Mailbox: the heart of the router. Many threads push, one at a time flushes, nobody locks.
 *
 * One atomic word: state, pointer to the newest pushed node, and the name epoch.
 *
 *      EMPTY   nothing queued, nobody has the duty to flush
 *      BUSY    somebody has the duty; nothing was pushed since it took the list
 *      LIST    nodes wait; somebody has the duty
 *      CLOSED  for ever
 *
 *      push:    EMPTY -> LIST (the pusher gets the duty), BUSY -> LIST, LIST -> LIST
 *      take:    LIST -> BUSY   by compare-and-swap, never an exchange, which would overwrite CLOSED
 *      release: BUSY -> EMPTY  the duty ends
 *      close:   any -> CLOSED
 *
 * Invariant: at most one thread has the duty; it exists exactly while the word is BUSY or LIST, or
 * CLOSED with a holder that has not noticed yet (mailbox_close() tells).
 * No ABA: only whole lists are taken, and a push that loses a race merely links to the newer top.
 *
 * The name epoch (rule R3) counts how often the owner lost a name. A sender by well-known name
 * remembers the epoch it saw before it re-checked the name's owner, and pushes only if it still
 * holds: so no message addressed to a name follows its NameLost. It is also raised everywhere when
 * somebody begins to eavesdrop, so that no unicast is pushed that has not seen that. 18 bits: to be
 * fooled, a sender would have to stall between two instructions for exactly 2^18 losses of the same
 * connection.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAILBOX_NODE_ALIGNMENT = 16 }; /* as small as the word's bits allow: many share a line */

typedef struct MailNode MailNode;
struct MailNode {
        MailNode *next; /* plain: written before the push publishes it */
} __attribute__((aligned(MAILBOX_NODE_ALIGNMENT)));

typedef struct Mailbox {
        _Atomic(uint64_t) word;
} Mailbox;

typedef enum MailboxPush {
        MAILBOX_PUSHED,       /* somebody else will flush */
        MAILBOX_PUSHED_DUTY,  /* the caller has to flush now */
        MAILBOX_REFUSED,      /* CLOSED: nothing was pushed */
        MAILBOX_NO_MEMORY,    /* there was no node to push; never from this file */
        MAILBOX_EPOCH_PASSED, /* mailbox_push_in_epoch(): the epoch moved: nothing was pushed */
} MailboxPush;

void mailbox_init(Mailbox *mailbox);

/* Any thread. */
MailboxPush mailbox_push(Mailbox *mailbox, MailNode *node);

/* Any thread: the current epoch. Read it before re-checking what it protects. */
uint32_t mailbox_epoch(const Mailbox *mailbox);

/* Any thread: pushes only while the epoch is `epoch`. */
MailboxPush mailbox_push_in_epoch(Mailbox *mailbox, MailNode *node, uint32_t epoch);

/* Any thread inside the turn: pushes and raises the epoch in the same step. */
MailboxPush mailbox_push_raising_epoch(Mailbox *mailbox, MailNode *node);

/* Any thread inside the turn: raises the epoch alone, when there was no memory for the message. */
void mailbox_raise_epoch(Mailbox *mailbox);

/* Duty holder: everything pushed so far, oldest first; NULL when there is nothing or it is closed.
 */
MailNode *mailbox_take(Mailbox *mailbox);

/* Duty holder: gives the duty up. False: nodes wait (the caller keeps the duty) or it is closed
 * (mailbox_is_closed(): the duty is over all the same). */
bool mailbox_release(Mailbox *mailbox);

/*
 * Closes for ever; idempotent, any thread. Returns whether another thread holds the duty and will
 * notice. *ret_nodes is what waited, newest first, now the caller's.
 */
bool mailbox_close(Mailbox *mailbox, MailNode **ret_nodes);

bool mailbox_is_closed(const Mailbox *mailbox);

#endif
