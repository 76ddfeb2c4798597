/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both tables are chained hashes that grow from 16 buckets; consumed records are dropped when they
 * are met, when they come to the front, and by a sweep when half of a table may be dead, so the
 * work per call is constant on average and dead records never outnumber the living by more than a
 * few.
 */
#include "broker/router/replies.h"

#include <string.h>

#include "broker/base/hash.h"
#include "broker/base/stage.h"

enum {
        BUCKETS_MIN = 16,
        BUCKETS_MAX =
                POOL_SIZE_MAX / sizeof(Owed *), /* never the general heap; then longer chains */
        SWEEP_SLACK = 32,
        COLLECT_AT = 1024, /* records on a callee's list that its home has not seen */
};

static uint32_t replies_hash(uint64_t caller_id, uint32_t serial)
{
        return (uint32_t)hash_mix(caller_id, serial);
}

void replies_unref(Pool *mine, Owed *owed)
{
        if (refcount_drop(&owed->references, 1))
                pool_free(mine, owed, sizeof(*owed));
}

bool replies_settle(Owed *owed)
{
        Endpoint *caller = owed->caller;

        if (!owed_state_consume(&owed->state))
                return false;
        /* The caller cannot have left: leaving settles all its records first, and its memory stays
         * until a grace period after that. */
        counter_subtract(&caller->n_owed_to, 1);
        return true;
}

/* Allocates a larger hash; false: as large as it gets, or out of memory: the old one stays and its
 * chains get longer. */
static bool replies_new_buckets(Pool *pool, uint32_t old_mask, Owed ***ret_buckets,
                                uint32_t *ret_mask)
{
        uint32_t n = old_mask > 0 ? (old_mask + 1) * 2 : BUCKETS_MIN;
        Owed **buckets = n > BUCKETS_MAX ? NULL : pool_alloc(pool, n * sizeof(Owed *));

        if (!buckets)
                return false;
        memset(buckets, 0, n * sizeof(Owed *));
        *ret_buckets = buckets;
        *ret_mask = n - 1;
        return true;
}

static void replies_free_buckets(Pool *pool, Owed **buckets, uint32_t mask)
{
        if (mask > 0) /* else it is the one bucket inside the endpoint */
                pool_free(pool, buckets, (mask + 1) * sizeof(Owed *));
}

/* The caller's side. */

void replies_forget_call(RouterThread *thread, Endpoint *caller, Owed *owed)
{
        Owed **link = &caller->owed_by_serial[replies_hash(caller->id, owed->serial) &
                                              caller->owed_by_serial_mask];

        while (*link != owed)
                link = &(*link)->caller_next;
        *link = owed->caller_next;
        list_remove(&owed->caller_node);
        caller->n_owed_calls--;
        replies_unref(&thread->pool, owed);
}

static void replies_grow_calls(RouterThread *thread, Endpoint *caller)
{
        Owed **old = caller->owed_by_serial, **buckets;
        uint32_t old_mask = caller->owed_by_serial_mask, mask;

        if (!replies_new_buckets(&thread->pool, old_mask, &buckets, &mask))
                return;
        LIST_FOREACH(&caller->owed_calls, node)
        {
                Owed *owed = CONTAINER_OF(node, Owed, caller_node);

                uint32_t at = replies_hash(caller->id, owed->serial) & mask;

                owed->caller_next = buckets[at];
                buckets[at] = owed;
        }
        caller->owed_by_serial = buckets;
        caller->owed_by_serial_mask = mask;
        replies_free_buckets(&thread->pool, old, old_mask);
}

/* Drops dead records at the front, and everywhere when too many hide behind a living one. */
static void replies_sweep_calls(RouterThread *thread, Endpoint *caller)
{
        const bool all = caller->n_owed_calls > 2 * counter_read(&caller->n_owed_to) + SWEEP_SLACK;

        LIST_FOREACH(&caller->owed_calls, node)
        {
                Owed *owed = CONTAINER_OF(node, Owed, caller_node);

                if (owed_state_is_consumed(&owed->state))
                        replies_forget_call(thread, caller, owed);
                else if (!all)
                        break;
        }
}

static bool replies_is_outstanding(const Endpoint *caller, uint64_t callee_id, uint32_t serial)
{
        Owed *owed = caller->owed_by_serial[replies_hash(caller->id, serial) &
                                            caller->owed_by_serial_mask];

        for (; owed; owed = owed->caller_next)
                if (owed->serial == serial && owed->callee_id == callee_id &&
                    !owed_state_is_consumed(&owed->state))
                        return true;
        return false;
}

RepliesResult replies_expect(RouterThread *thread, Endpoint *caller, uint64_t callee_id,
                             uint32_t serial, Owed **ret_owed)
{
        const uint64_t n_max = thread->root->limits.max_replies_per_connection;
        Owed *owed, **head;

        replies_sweep_calls(thread, caller);
        if (caller->n_owed_calls > caller->owed_by_serial_mask)
                replies_grow_calls(thread, caller);
        if (replies_is_outstanding(caller, callee_id, serial))
                return REPLIES_DUPLICATE;
        if (counter_read(&caller->n_owed_to) >= n_max)
                return REPLIES_TOO_MANY;
        owed = pool_alloc(&thread->pool, sizeof(*owed));
        if (!owed)
                return REPLIES_NO_MEMORY;
        memset(owed, 0, sizeof(*owed));
        refcount_init(&owed->references, 2);
        owed_state_init(&owed->state);
        owed->caller = caller;
        owed->caller_id = caller->id;
        owed->callee_id = callee_id;
        owed->serial = serial;
        tally_set(&owed->deadline_ns,
                  callee_id == ENDPOINT_NO_ID ? REPLIES_NEVER : replies_deadline(thread));
        head = &caller->owed_by_serial[replies_hash(caller->id, serial) &
                                       caller->owed_by_serial_mask];
        owed->caller_next = *head;
        *head = owed;
        list_push_back(&caller->owed_calls, &owed->caller_node);
        caller->n_owed_calls++;
        counter_add(&caller->n_owed_to, 1);
        *ret_owed = owed;
        return REPLIES_OK;
}

bool replies_assign(RouterThread *thread, Owed *owed, Endpoint *callee)
{
        if (owed->callee_id == ENDPOINT_NO_ID) /* it is delivered only now */
                tally_set(&owed->deadline_ns, replies_deadline(thread));
        if (!owed_list_add(&callee->owed_incoming, &owed->added))
                return false;
        /* Signed: a record may be collected before its adder has counted it. */
        if (UNLIKELY((int64_t)counter_add(&callee->n_owed_incoming, 1) >= COLLECT_AT) &&
            switch_clear(&callee->may_post_collect))
                routerthread_add_collect(thread, callee);
        return true;
}

void replies_forget_calls(RouterThread *thread, Endpoint *caller)
{
        LIST_FOREACH(&caller->owed_calls, node)
        {
                Owed *owed = CONTAINER_OF(node, Owed, caller_node);

                replies_settle(owed);
                list_remove(node);
                replies_unref(&thread->pool, owed);
        }
        caller->n_owed_calls = 0;
        replies_free_buckets(&thread->pool, caller->owed_by_serial, caller->owed_by_serial_mask);
        caller->owed_by_serial_first = NULL;
        caller->owed_by_serial = &caller->owed_by_serial_first;
        caller->owed_by_serial_mask = 0;
}

/* The callee's side. */

static void replies_sweep_owes(RouterThread *thread, Endpoint *callee)
{
        for (uint32_t i = 0; i <= callee->owes_mask; i++) {
                Owed **link = &callee->owes[i];

                while (*link) {
                        Owed *owed = *link;

                        if (!owed_state_is_consumed(&owed->state)) {
                                link = &owed->callee_next;
                                continue;
                        }
                        *link = owed->callee_next;
                        callee->n_owes--;
                        replies_unref(&thread->pool, owed);
                }
        }
        callee->n_owes_sweep = 2 * callee->n_owes + SWEEP_SLACK;
}

static void replies_grow_owes(RouterThread *thread, Endpoint *callee)
{
        Owed **old = callee->owes, **buckets;
        uint32_t old_mask = callee->owes_mask, mask;

        if (!replies_new_buckets(&thread->pool, old_mask, &buckets, &mask))
                return;
        for (uint32_t i = 0; i <= old_mask; i++) {
                while (old[i]) {
                        Owed *owed = old[i];
                        uint32_t at = replies_hash(owed->caller_id, owed->serial) & mask;

                        old[i] = owed->callee_next;
                        owed->callee_next = buckets[at];
                        buckets[at] = owed;
                }
        }
        callee->owes = buckets;
        callee->owes_mask = mask;
        replies_free_buckets(&thread->pool, old, old_mask);
}

/* Enters what callers' workers have added into the callee's own hash. */
void replies_collect(RouterThread *thread, Endpoint *callee)
{
        StackNode *node = owed_list_take(&callee->owed_incoming);
        uint64_t n = 0;

        while (node) {
                StackNode *next = node->next;
                Owed *owed = CONTAINER_OF(node, Owed, added);
                uint32_t at;

                if (callee->n_owes >= callee->n_owes_sweep)
                        replies_sweep_owes(thread, callee);
                if (callee->n_owes > callee->owes_mask)
                        replies_grow_owes(thread, callee);
                at = replies_hash(owed->caller_id, owed->serial) & callee->owes_mask;
                owed->callee_next = callee->owes[at];
                callee->owes[at] = owed;
                callee->n_owes++;
                node = next;
                n++;
        }
        if (n > 0)
                counter_add(&callee->n_owed_incoming, UINT64_C(0) - n);
}

bool replies_consume(RouterThread *thread, Endpoint *callee, const Endpoint *caller,
                     uint32_t serial)
{
        Owed **link, *owed;
        bool won = false;

        replies_collect(thread, callee);
        link = &callee->owes[replies_hash(caller->id, serial) & callee->owes_mask];
        while ((owed = *link) && !won) {
                if (owed->caller_id != caller->id || owed->serial != serial) {
                        link = &owed->callee_next;
                        continue;
                }
                won = replies_settle(owed); /* a dead one with a reused serial may come first */
                *link = owed->callee_next;
                callee->n_owes--;
                replies_unref(&thread->pool, owed);
        }
        return won;
}

void replies_seal(RouterThread *thread, Endpoint *callee,
                  void (*answer)(RouterThread *thread, Endpoint *caller, uint32_t serial))
{
        StackNode *node;

        replies_collect(thread, callee);
        node = STAGE_MUTANT(UNSEALED_LIST) ? owed_list_take(&callee->owed_incoming)
                                           : owed_list_seal(&callee->owed_incoming);
        while (node) { /* added since the collect */
                StackNode *next = node->next;
                Owed *owed = CONTAINER_OF(node, Owed, added);

                if (replies_settle(owed))
                        answer(thread, owed->caller, owed->serial);
                replies_unref(&thread->pool, owed);
                node = next;
        }
        for (uint32_t i = 0; i <= callee->owes_mask; i++) {
                while (callee->owes[i]) {
                        Owed *owed = callee->owes[i];

                        callee->owes[i] = owed->callee_next;
                        if (replies_settle(owed))
                                answer(thread, owed->caller, owed->serial);
                        replies_unref(&thread->pool, owed);
                }
        }
        replies_free_buckets(&thread->pool, callee->owes, callee->owes_mask);
        callee->owes_first = NULL;
        callee->owes = &callee->owes_first;
        callee->owes_mask = 0;
        callee->n_owes = 0;
}
