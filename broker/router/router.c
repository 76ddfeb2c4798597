/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/router.h"

#include <errno.h>
#include <string.h>

#include "broker/base/alloc.h"

static void router_free_root(RouterRoot *root)
{
        for (unsigned i = 0; i < root->mediators.n; i++)
                root->mediators.items[i]->free(root->mediators.items[i]);
        policy_free(root->policy);
        alloc_free(root);
}

int router_init(Router *router, Qsbr *qsbr, RouterRoot *root, const RouterHooks *hooks)
{
        int r;

        memset(router, 0, sizeof(*router));
        router->qsbr = qsbr;
        router->hooks = *hooks;
        pool_init(&router->pool);
        turn_init(&router->turn);
        cell_init(&router->root, root);
        r = names_init(&router->names, qsbr);
        if (r < 0)
                return r;
        return matches_init(&router->matches, &router->pool, qsbr);
}

void router_deinit(Router *router)
{
        matches_deinit(&router->matches);
        names_deinit(&router->names);
        router_free_root(cell_get(&router->root));
        turn_deinit(&router->turn);
        pool_deinit(&router->pool);
}

static void router_reclaim_root(Retired *retired)
{
        router_free_root(CONTAINER_OF(retired, RouterRoot, retired));
}

void router_replace_root(Router *router, RouterRoot *root)
{
        RouterRoot *old = cell_get(&router->root);

        cell_publish(&router->root, root);
        qsbr_retire(router->qsbr, &old->retired, router_reclaim_root);
}

uint32_t router_next_serial(Router *router)
{
        uint32_t serial;

        do
                serial = (uint32_t)counter_next(&router->serial);
        while (serial == 0);
        return serial;
}
