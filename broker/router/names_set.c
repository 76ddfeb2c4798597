/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of the names that a connection has; see NameSet in names.h. */
#include "broker/router/names.h"

size_t names_set_size(unsigned n)
{
        return sizeof(NameSet) + n * sizeof(const Name *);
}

static void names_free_set(Retired *retired)
{
        NameSet *set = CONTAINER_OF(retired, NameSet, retired);

        pool_free(NULL, set, names_set_size(set->capacity));
}

/* Where a name stands in the endpoint's snapshot: 0 owned and watched, 1 owned, 2 queued, 3 not. */
static int names_rank(const Name *name, const Endpoint *endpoint)
{
        const NameOwner *first = names_first_owner(name);

        if (first && first->endpoint == endpoint)
                return name->n_watching > 0 ? 0 : 1;
        return names_find_owner(name, endpoint) ? 2 : 3;
}

NameSet *names_prepare_set(Pool *pool, unsigned n)
{
        NameSet *set = n > 0 ? pool_alloc(pool, names_set_size(n)) : NULL;

        if (set)
                *set = (NameSet){.capacity = n};
        return set;
}

void names_discard_set(Pool *mine, NameSet *set)
{
        if (set)
                pool_free(mine, set, names_set_size(set->capacity));
}

/* The snapshot takes the place of the one before. */
static void names_replace_set(Names *names, Endpoint *endpoint, NameSet *set)
{
        NameSet *old = cell_get(&endpoint->names);

        if (set)
                set->serial = ++names->set_serial;
        cell_publish(&endpoint->names, set);
        if (old)
                qsbr_retire(names->qsbr, &old->retired, names_free_set);
}

void names_publish_set(Names *names, Endpoint *endpoint, const Name *changed, NameSet *set)
{
        NameSet *old = cell_get(&endpoint->names);
        const unsigned ends[] = {old ? old->n_watched : 0, old ? old->n_owned : 0,
                                 old ? old->n : 0};
        const int rank = set ? names_rank(changed, endpoint) : 3;
        unsigned at = 0;

        for (int i = 0; set && i < 3; i++) {
                for (; at < ends[i]; at++)
                        if (old->items[at] != changed)
                                set->items[set->n++] = old->items[at];
                if (i == rank)
                        set->items[set->n++] = changed;
                ASSERT(set->n <= set->capacity);
                if (i == 0)
                        set->n_watched = set->n;
                else if (i == 1)
                        set->n_owned = set->n;
        }
        names_replace_set(names, endpoint, set);
}

void names_renew_set(Names *names, Endpoint *endpoint, NameSet *set)
{
        for (int rank = 0; rank < 3; rank++) {
                LIST_FOREACH(&endpoint->owners, node)
                {
                        const NameOwner *owner = CONTAINER_OF(node, NameOwner, owner_node);
                        const bool first = names_first_owner(owner->name) == owner;
                        const int here = !first ? 2 : owner->name->n_watching > 0 ? 0 : 1;

                        if (here == rank)
                                set->items[set->n++] = owner->name;
                }
                ASSERT(set->n <= set->capacity);
                if (rank == 0)
                        set->n_watched = set->n;
                else if (rank == 1)
                        set->n_owned = set->n;
        }
        names_replace_set(names, endpoint, set);
}
