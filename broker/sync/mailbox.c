/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/sync/mailbox.h"

#include <stddef.h>

#include "broker/base/assert.h"
#include "broker/base/stage.h"

/*
 * Word: bits 0-1 state, bits 2-45 node address / 16, bits 46-63 epoch. User addresses have 47 bits
 * on x86-64 and, without asking for more, 48 on AArch64.
 */
enum { STATE_EMPTY = 0, STATE_BUSY = 1, STATE_LIST = 2, STATE_CLOSED = 3 };

#define STATE_MASK UINT64_C(3)
#define EPOCH_SHIFT 46
#define NODE_MASK ((UINT64_C(1) << EPOCH_SHIFT) - 4)
#define EPOCH_ONE (UINT64_C(1) << EPOCH_SHIFT)
#define EPOCH_MASK (~(EPOCH_ONE - 1))

static uint64_t mailbox_pack_node(const MailNode *node)
{
        uint64_t address = (uint64_t)(uintptr_t)node;

        ASSERT(address % MAILBOX_NODE_ALIGNMENT == 0 && address >> 48 == 0);
        return address / MAILBOX_NODE_ALIGNMENT << 2;
}

static MailNode *mailbox_unpack_node(uint64_t word)
{
        return (MailNode *)(uintptr_t)((word & NODE_MASK) * (MAILBOX_NODE_ALIGNMENT / 4));
}

void mailbox_init(Mailbox *mailbox)
{
        /* Pairs with: nothing; not shared yet. */
        atomic_store_explicit(&mailbox->word, STATE_EMPTY, memory_order_relaxed);
}

/* The one push loop: `wanted` is the epoch that must hold (when checked), `raise` what to add. */
static inline MailboxPush mailbox_push_word(Mailbox *mailbox, MailNode *node, bool checked,
                                            uint64_t wanted, uint64_t raise)
{
        const uint64_t packed = mailbox_pack_node(node);
        /* Pairs with: nothing; only a guess for the CAS, which is checked. */
        uint64_t word = atomic_load_explicit(&mailbox->word, memory_order_relaxed);
        uint64_t state, next;

        do {
                state = word & STATE_MASK;
                if (state == STATE_CLOSED)
                        return MAILBOX_REFUSED;
                if (checked && (word & EPOCH_MASK) != wanted)
                        return MAILBOX_EPOCH_PASSED;
                node->next = state == STATE_LIST ? mailbox_unpack_node(word) : NULL;
                next = ((word & EPOCH_MASK) + raise) | packed | STATE_LIST;
                /* Pairs with: mailbox_take() and mailbox_close() (release: they see the node), and
                 * with mailbox_release() (acquire: a pusher that gets the duty sees the output
                 * state that the last holder left). */
        } while (!atomic_compare_exchange_weak_explicit(
                &mailbox->word, &word, next, memory_order_acq_rel, memory_order_relaxed));
        return state == STATE_EMPTY ? MAILBOX_PUSHED_DUTY : MAILBOX_PUSHED;
}

MailboxPush mailbox_push(Mailbox *mailbox, MailNode *node)
{
        return mailbox_push_word(mailbox, node, false, 0, 0);
}

uint32_t mailbox_epoch(const Mailbox *mailbox)
{
        /* Pairs with: mailbox_push_raising_epoch(): whoever sees the raised epoch then also sees
         * the name entry's mark, which was set before. */
        return (uint32_t)(atomic_load_explicit(&mailbox->word, memory_order_acquire) >>
                          EPOCH_SHIFT);
}

MailboxPush mailbox_push_in_epoch(Mailbox *mailbox, MailNode *node, uint32_t epoch)
{
        return mailbox_push_word(mailbox, node, true, (uint64_t)epoch << EPOCH_SHIFT, 0);
}

MailboxPush mailbox_push_raising_epoch(Mailbox *mailbox, MailNode *node)
{
        return mailbox_push_word(mailbox, node, false, 0, EPOCH_ONE);
}

void mailbox_raise_epoch(Mailbox *mailbox)
{
        /* Pairs with: nothing; only a guess for the CAS. */
        uint64_t word = atomic_load_explicit(&mailbox->word, memory_order_relaxed);

        do {
                if ((word & STATE_MASK) == STATE_CLOSED)
                        return;
                /* Pairs with: mailbox_epoch(), as a push that raises it. */
        } while (!atomic_compare_exchange_weak_explicit(&mailbox->word, &word, word + EPOCH_ONE,
                                                        memory_order_acq_rel,
                                                        memory_order_relaxed));
}

/* What take must not do: it would overwrite CLOSED and raised epochs. */
static inline uint64_t mailbox_exchange(Mailbox *mailbox, uint64_t word)
{
        /* Pairs with: mailbox_push_word()'s release. */
        return atomic_exchange_explicit(&mailbox->word, word, memory_order_acquire);
}

MailNode *mailbox_take(Mailbox *mailbox)
{
        /* Pairs with: the CAS below checks it. */
        uint64_t word = atomic_load_explicit(&mailbox->word, memory_order_relaxed);
        MailNode *newest, *oldest = NULL;

        do {
                if ((word & STATE_MASK) != STATE_LIST)
                        return NULL;
                STAGE_STOP(MAILBOX_TAKE, (uintptr_t)mailbox);
                if (STAGE_MUTANT(TAKE_BY_EXCHANGE)) {
                        word = mailbox_exchange(mailbox, (word & EPOCH_MASK) | STATE_BUSY);
                        break;
                }
                /* Pairs with: mailbox_push_word()'s release: the nodes come with it. */
        } while (!atomic_compare_exchange_weak_explicit(
                &mailbox->word, &word, (word & EPOCH_MASK) | STATE_BUSY, memory_order_acquire,
                memory_order_relaxed));
        newest = mailbox_unpack_node(word); /* NULL in other states: they have no address */
        while (newest) {
                MailNode *next = newest->next;

                newest->next = oldest;
                oldest = newest;
                newest = next;
        }
        return oldest;
}

bool mailbox_release(Mailbox *mailbox)
{
        /* Pairs with: the CAS below checks it. */
        uint64_t word = atomic_load_explicit(&mailbox->word, memory_order_relaxed);

        do {
                if ((word & STATE_MASK) != STATE_BUSY)
                        return false;
                /* Pairs with: the acquire of mailbox_push_word() and mailbox_close(): the next
                 * holder, or who closes when there is none, sees our output state. */
        } while (!atomic_compare_exchange_weak_explicit(
                &mailbox->word, &word, (word & EPOCH_MASK) | STATE_EMPTY, memory_order_release,
                memory_order_relaxed));
        return true;
}

bool mailbox_close(Mailbox *mailbox, MailNode **ret_nodes)
{
        /* Pairs with: mailbox_push_word() and mailbox_release() (acquire: we own the nodes, and
         * the output if nobody has the duty) and mailbox_is_closed() (release). */
        uint64_t word =
                atomic_exchange_explicit(&mailbox->word, STATE_CLOSED, memory_order_acq_rel);
        uint64_t state = word & STATE_MASK;

        *ret_nodes = state == STATE_LIST ? mailbox_unpack_node(word) : NULL;
        return state == STATE_LIST || state == STATE_BUSY;
}

bool mailbox_is_closed(const Mailbox *mailbox)
{
        /* Pairs with: mailbox_close(). */
        return (atomic_load_explicit(&mailbox->word, memory_order_acquire) & STATE_MASK) ==
               STATE_CLOSED;
}
