/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ThreadSanitizer does not see userspace-rcu's orderings (the library is not instrumented), so the
 * two that matter are stated: what a reader did before it reported quiescence happens before what
 * the reclaimer does after the grace period.
 */
#include "broker/sync/qsbr.h"

#include <urcu/urcu-qsbr.h>

#include "broker/base/assert.h"
#include "broker/sync/annotate.h"

static char qsbr_order; /* the address that stands for the grace period's ordering */

void qsbr_init(Qsbr *qsbr, Wake *wake)
{
        stack_init(&qsbr->retired);
        qsbr->wake = wake;
}

void qsbr_register_thread(void)
{
        urcu_qsbr_register_thread();
}

void qsbr_unregister_thread(void)
{
        ANNOTATE_RELEASE(&qsbr_order);
        urcu_qsbr_unregister_thread();
}

void qsbr_quiescent(void)
{
        ANNOTATE_RELEASE(&qsbr_order);
        urcu_qsbr_quiescent_state();
}

void qsbr_offline(void)
{
        ANNOTATE_RELEASE(&qsbr_order);
        urcu_qsbr_thread_offline();
}

void qsbr_online(void)
{
        urcu_qsbr_thread_online();
}

void qsbr_retire(Qsbr *qsbr, Retired *retired, void (*free)(Retired *retired))
{
        retired->free = free;
        stack_push(&qsbr->retired, &retired->node);
}

void qsbr_kick(Qsbr *qsbr)
{
        if (!stack_is_empty(&qsbr->retired))
                wake_up(qsbr->wake);
}

unsigned qsbr_reclaim(Qsbr *qsbr)
{
        StackNode *node = stack_take(&qsbr->retired);
        unsigned n = 0;

        if (!node)
                return 0;
        urcu_qsbr_synchronize_rcu();
        ANNOTATE_ACQUIRE(&qsbr_order);
        while (node) {
                StackNode *next = node->next;
                Retired *retired = CONTAINER_OF(node, Retired, node);

                retired->free(retired);
                node = next;
                n++;
        }
        return n;
}

bool qsbr_has_retired(Qsbr *qsbr)
{
        return !stack_is_empty(&qsbr->retired);
}
