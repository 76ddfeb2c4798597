/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/routerthread.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "broker/router/router.h"

/* Address space only: pages appear as slots are used. */
static void *routerthread_map(size_t size)
{
        void *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        return area == MAP_FAILED ? NULL : area;
}

static void routerthread_unmap(RouterThread *thread)
{
        if (thread->stamps)
                munmap(thread->stamps, ROUTER_SLOTS_MAX * sizeof(thread->stamps[0]));
        if (thread->targets)
                munmap(thread->targets, ROUTER_SLOTS_MAX * sizeof(Endpoint *));
        if (thread->sorted)
                munmap(thread->sorted, ROUTER_SLOTS_MAX * sizeof(Endpoint *));
        thread->stamps = NULL;
        thread->targets = NULL;
        thread->sorted = NULL;
}

int routerthread_init(RouterThread *thread, Router *router, unsigned index)
{
        memset(thread, 0, sizeof(*thread));
        thread->router = router;
        thread->index = index;
        router_load_root(thread);
        list_init(&thread->delivered);
        thread->stamps = routerthread_map(ROUTER_SLOTS_MAX * sizeof(thread->stamps[0]));
        thread->targets = routerthread_map(ROUTER_SLOTS_MAX * sizeof(Endpoint *));
        thread->sorted = routerthread_map(ROUTER_SLOTS_MAX * sizeof(Endpoint *));
        if (!thread->stamps || !thread->targets || !thread->sorted ||
            verdicts_init(&thread->verdicts) < 0 || answers_init(&thread->answers) < 0) {
                verdicts_deinit(&thread->verdicts);
                routerthread_unmap(thread);
                return -ENOMEM;
        }
        pool_init(&thread->pool);
        pool_replenish(&thread->pool);
        return 0;
}

void routerthread_deinit(RouterThread *thread)
{
        ASSERT(!thread->duties_first);
        routerthread_unmap(thread);
        verdicts_deinit(&thread->verdicts);
        answers_deinit(&thread->answers);
        pool_deinit(&thread->pool);
}

void routerthread_add_duty(RouterThread *thread, Endpoint *endpoint)
{
        StackNode *node = &endpoint->duty_node;

        node->next = NULL;
        if (thread->duties_last)
                thread->duties_last->next = node;
        else
                thread->duties_first = node;
        thread->duties_last = node;
}

StackNode *routerthread_take_duties(RouterThread *thread)
{
        StackNode *first = thread->duties_first;

        thread->duties_first = NULL;
        thread->duties_last = NULL;
        return first;
}

void routerthread_place_duty(RouterThread *thread, Endpoint *endpoint)
{
        bool mine = thread->index == endpoint->home || (thread->index < ROUTER_WORKERS_MAX &&
                                                        thread->n_step_duties < ROUTER_DUTIES_MAX);

        thread->n_step_duties++;
        if (mine) {
                routerthread_add_duty(thread, endpoint);
                return;
        }
        endpoint->duty_node.next = thread->handed[endpoint->home];
        thread->handed[endpoint->home] = &endpoint->duty_node;
        thread->has_handed = true;
}

void routerthread_sort_targets(RouterThread *thread)
{
        unsigned ends[ROUTER_WORKERS_MAX + 1] = {0};
        Endpoint **sorted = thread->sorted;

        for (unsigned i = 0; i < thread->n_targets; i++)
                ends[thread->targets[i]->home + 1]++;
        if (ends[thread->targets[0]->home + 1] == thread->n_targets)
                return;
        for (unsigned home = 0; home < ROUTER_WORKERS_MAX; home++)
                ends[home + 1] += ends[home];
        for (unsigned i = 0; i < thread->n_targets; i++)
                sorted[ends[thread->targets[i]->home]++] = thread->targets[i];
        thread->sorted = thread->targets;
        thread->targets = sorted;
}

void routerthread_add_collect(RouterThread *thread, Endpoint *callee)
{
        endpoint_ref(callee);
        callee->collect_node.next = thread->collects;
        thread->collects = &callee->collect_node;
        thread->has_handed = true;
}

void routerthread_hand_over(RouterThread *thread)
{
        const RouterHooks *hooks = &thread->router->hooks;

        if (LIKELY(!thread->has_handed))
                return;
        while (thread->collects) {
                Endpoint *callee = CONTAINER_OF(thread->collects, Endpoint, collect_node);

                thread->collects = thread->collects->next;
                hooks->post_collect(hooks->context, callee);
        }
        for (unsigned home = 0; home < ROUTER_WORKERS_MAX; home++) {
                if (!thread->handed[home])
                        continue;
                hooks->post_duties(hooks->context, home, thread->handed[home]);
                thread->handed[home] = NULL;
        }
        thread->has_handed = false;
}
