/* SPDX-License-Identifier: Apache-2.0 */
/* What the match index consists of: interfaces, their shapes, and groups, made and dropped inside
 * the turn. */
#include <string.h>

#include "broker/base/hash.h"
#include "broker/router/matches_private.h"

MatchInterface *matches_new_interface(Pool *pool, Text text, uint64_t hash)
{
        size_t size = sizeof(MatchInterface) + text.size;
        MatchInterface *interface = pool_alloc(pool, size);

        if (!interface)
                return NULL;
        memset(interface, 0, sizeof(*interface));
        cell_init(&interface->shapes, NULL);
        interface->hash = hash;
        interface->size = (uint32_t)text.size;
        if (text.size > 0)
                memcpy(interface->text, text.data, text.size);
        return interface;
}

MatchInterface *matches_make_interface(Matches *matches, Pool *pool, Text text)
{
        uint64_t hash = text_present(text) ? hash_text(text) : 0;
        MatchInterface *interface = matches->any;

        if (text_present(text))
                interface = matches_find_interface(matches, text, hash);
        if (interface)
                return interface;
        interface = matches_new_interface(pool, text, hash);
        if (interface)
                table_insert(&matches->interfaces, &interface->node, hash);
        return interface;
}

static void matches_free_interface(Retired *retired)
{
        MatchInterface *interface = CONTAINER_OF(retired, MatchInterface, retired);

        pool_free(NULL, interface, sizeof(*interface) + interface->size);
}

void matches_free_any(Matches *matches)
{
        matches_free_interface(&matches->any->retired);
}

static void matches_free_shape(Retired *retired)
{
        pool_free(NULL, CONTAINER_OF(retired, MatchShape, retired), sizeof(MatchShape));
}

static void matches_free_group(Retired *retired)
{
        pool_free(NULL, CONTAINER_OF(retired, MatchGroup, retired), sizeof(MatchGroup));
}

static void matches_free_listed_group(Retired *retired)
{
        pool_free(NULL, CONTAINER_OF(retired, MatchListedGroup, group.retired),
                  sizeof(MatchListedGroup));
}

static MatchShape *matches_find_shape(const MatchInterface *interface,
                                      const MatchesSignature *signature)
{
        MatchShape *shape = cell_get(&interface->shapes);

        while (shape && memcmp(&shape->signature, signature, sizeof(*signature)) != 0)
                shape = cell_get(&shape->next);
        return shape;
}

MatchShape *matches_make_shape(Pool *pool, MatchInterface *interface,
                               const MatchesSignature *signature)
{
        MatchShape *shape = matches_find_shape(interface, signature);

        if (shape || interface->n_shapes == MATCHES_SHAPES_MAX)
                return shape;
        shape = pool_alloc(pool, sizeof(*shape));
        if (!shape)
                return NULL;
        memset(shape, 0, sizeof(*shape));
        shape->signature = *signature;
        shape->interface = interface;
        shape->seed = hash_mix(interface->hash, hash_bytes(signature, sizeof(*signature)));
        cell_init(&shape->next, cell_get(&interface->shapes));
        cell_publish(&interface->shapes, shape);
        interface->n_shapes++;
        return shape;
}

void matches_drop_shape(Matches *matches, MatchShape *shape)
{
        Cell *link = &shape->interface->shapes;

        if (shape->n_entries > 0)
                return;
        while (cell_get(link) != shape)
                link = &((MatchShape *)cell_get(link))->next;
        cell_publish(link, cell_get(&shape->next));
        shape->interface->n_shapes--;
        qsbr_retire(matches->qsbr, &shape->retired, matches_free_shape);
}

void matches_drop_interface(Matches *matches, MatchInterface *interface)
{
        if (interface == matches->any || interface->n_entries > 0)
                return;
        table_remove(&matches->interfaces, &interface->node);
        qsbr_retire(matches->qsbr, &interface->retired, matches_free_interface);
}

MatchGroup *matches_find_group(const Matches *matches, uint64_t hash, const MatchShape *shape,
                               const MatchEntry *like)
{
        TABLE_FOREACH_MATCH(&matches->groups, hash, cursor)
        {
                MatchGroup *group = CONTAINER_OF(cursor.node, MatchGroup, node);
                MatchEntry *first = cell_get(&group->entries);

                /* Loose entries are checked one by one, so any group with that hash will do. */
                if (group->shape == shape &&
                    (!shape || !first || matches_entry_same_values(first, like)))
                        return group;
        }
        return NULL;
}

static void matches_list_group(MatchListedGroup *group, Cell *head)
{
        MatchListedGroup *first = cell_get(head);

        group->group.is_listed = true;
        group->head = head;
        cell_init(&group->next, first);
        if (first)
                first->previous = group;
        cell_publish(head, group);
}

static void matches_unlist_group(MatchListedGroup *group)
{
        MatchListedGroup *next = cell_get(&group->next);

        if (next)
                next->previous = group->previous;
        cell_publish(group->previous ? &group->previous->next : group->head, next);
}

/* The list that the place's group is to be in, or NULL. */
static Cell *matches_list_of(Matches *matches, const MatchesPlace *place, MatchGroup *above)
{
        int index = place->shape ? -1 : matches_key_path_arg(place->key);

        if (above)
                return &above->below;
        return index >= 0 ? &matches->loose.path_groups[index] : NULL;
}

MatchGroup *matches_make_group(Matches *matches, Pool *pool, const MatchesPlace *place,
                               MatchGroup *above, const MatchEntry *entry)
{
        MatchGroup *group = matches_find_group(matches, place->hash, place->shape, entry);
        Cell *head = matches_list_of(matches, place, above);
        const size_t size = head ? sizeof(MatchListedGroup) : sizeof(MatchGroup);

        if (group)
                return group;
        group = pool_alloc(pool, size);
        if (!group)
                return NULL;
        memset(group, 0, size);
        cell_init(&group->entries, NULL);
        cell_init(&group->below, NULL);
        group->shape = place->shape;
        group->above = above;
        if (head)
                matches_list_group(CONTAINER_OF(group, MatchListedGroup, group), head);
        table_insert(&matches->groups, &group->node, place->hash);
        return group;
}

void matches_drop_group(Matches *matches, MatchGroup *group)
{
        while (group && !cell_get(&group->entries) && !cell_get(&group->below)) {
                MatchGroup *above = group->above;

                table_remove(&matches->groups, &group->node);
                if (group->is_listed) {
                        matches_unlist_group(CONTAINER_OF(group, MatchListedGroup, group));
                        qsbr_retire(matches->qsbr, &group->retired, matches_free_listed_group);
                } else {
                        qsbr_retire(matches->qsbr, &group->retired, matches_free_group);
                }
                group = above;
        }
}
