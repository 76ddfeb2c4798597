/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/matches.h"

#include <errno.h>
#include <string.h>

#include "broker/base/hash.h"
#include "broker/router/matches_private.h"
#include "broker/router/router.h"

static MatchInterface *matches_new_interface(Pool *pool, Text text)
{
        size_t size = sizeof(MatchInterface) + text.size;
        MatchInterface *interface = pool_alloc(pool, size);

        if (!interface)
                return NULL;
        memset(interface, 0, sizeof(*interface));
        cell_init(&interface->shapes, NULL);
        interface->hash = text_present(text) ? hash_text(text) : 1;
        interface->size = (uint32_t)text.size;
        if (text.size > 0)
                memcpy(interface->text, text.data, text.size);
        return interface;
}

static void matches_free_interface(Retired *retired)
{
        MatchInterface *interface = CONTAINER_OF(retired, MatchInterface, retired);

        pool_free(NULL, interface, sizeof(*interface) + interface->size);
}

static void matches_free_shape(Retired *retired)
{
        pool_free(NULL, CONTAINER_OF(retired, MatchShape, retired), sizeof(MatchShape));
}

static void matches_free_group(Retired *retired)
{
        pool_free(NULL, CONTAINER_OF(retired, MatchGroup, retired), sizeof(MatchGroup));
}

static void matches_free_retired_entry(Retired *retired)
{
        matches_free_entry(NULL, CONTAINER_OF(retired, MatchEntry, retired));
}

int matches_init(Matches *matches, Pool *pool, Qsbr *qsbr)
{
        int r = table_init(&matches->groups, qsbr);

        if (r < 0)
                return r;
        r = table_init(&matches->interfaces, qsbr);
        if (r < 0)
                return r;
        r = table_init(&matches->entries, qsbr);
        if (r < 0)
                return r;
        matches->any = matches_new_interface(pool, TEXT_NONE);
        if (!matches->any)
                return -ENOMEM;
        list_init(&matches->eavesdroppers);
        matches->n_entries = 0;
        matches->qsbr = qsbr;
        return 0;
}

void matches_deinit(Matches *matches)
{
        ASSERT(matches->n_entries == 0);
        table_deinit(&matches->groups);
        table_deinit(&matches->interfaces);
        table_deinit(&matches->entries);
        matches_free_interface(&matches->any->retired);
}

static MatchShape *matches_find_shape(const MatchInterface *interface,
                                      const MatchesSignature *signature)
{
        MatchShape *shape = cell_get(&interface->shapes);

        while (shape && memcmp(&shape->signature, signature, sizeof(*signature)) != 0)
                shape = cell_get(&shape->next);
        return shape;
}

static MatchShape *matches_make_shape(Pool *pool, MatchInterface *interface,
                                      const MatchesSignature *signature)
{
        MatchShape *shape = matches_find_shape(interface, signature);

        if (shape)
                return shape;
        shape = pool_alloc(pool, sizeof(*shape));
        if (!shape)
                return NULL;
        memset(shape, 0, sizeof(*shape));
        shape->signature = *signature;
        shape->seed = hash_mix(interface->hash, hash_bytes(signature, sizeof(*signature)));
        cell_init(&shape->next, cell_get(&interface->shapes));
        cell_publish(&interface->shapes, shape);
        return shape;
}

static void matches_drop_shape(Matches *matches, MatchInterface *interface, MatchShape *shape)
{
        Cell *link = &interface->shapes;

        if (shape->n_entries > 0)
                return;
        while (cell_get(link) != shape)
                link = &((MatchShape *)cell_get(link))->next;
        cell_publish(link, cell_get(&shape->next));
        qsbr_retire(matches->qsbr, &shape->retired, matches_free_shape);
        if (interface == matches->any || cell_get(&interface->shapes))
                return;
        table_remove(&matches->interfaces, &interface->node);
        qsbr_retire(matches->qsbr, &interface->retired, matches_free_interface);
}

static MatchGroup *matches_find_group(const Matches *matches, uint64_t hash,
                                      const MatchShape *shape, const MatchEntry *entry)
{
        TABLE_FOREACH_MATCH(&matches->groups, hash, cursor)
        {
                MatchGroup *group = CONTAINER_OF(cursor.node, MatchGroup, node);
                MatchEntry *first = cell_get(&group->entries);

                if (group->shape == shape && first && matches_entry_same_values(first, entry))
                        return group;
        }
        return NULL;
}

/* The group for an entry, made if absent; NULL: out of memory, and nothing has changed but perhaps
 * an unused shape, which matches_drop_shape() removes. */
static MatchGroup *matches_make_group(Matches *matches, Pool *pool, MatchInterface *interface,
                                      MatchShape *shape, const MatchEntry *entry)
{
        uint64_t hash = matches_entry_hash(entry, &shape->signature, shape->seed);
        MatchGroup *group = matches_find_group(matches, hash, shape, entry);

        if (group)
                return group;
        group = pool_alloc(pool, sizeof(*group));
        if (!group)
                return NULL;
        memset(group, 0, sizeof(*group));
        cell_init(&group->entries, NULL);
        group->shape = shape;
        group->interface = interface;
        table_insert(&matches->groups, &group->node, hash);
        return group;
}

/* Only broadcasts, which are signals without destination, are looked up in the index. */
static bool matches_can_match_broadcast(const MatchEntry *entry)
{
        return (entry->type == 0 || entry->type == FRAME_TYPE_SIGNAL) &&
               entry->destination.offset == 0;
}

static int matches_index(Matches *matches, Pool *pool, MatchEntry *entry)
{
        Text interface_text = matches_entry_text(entry, entry->interface);
        MatchInterface *interface = matches->any;
        MatchesSignature signature;
        MatchShape *shape;
        MatchEntry *first;

        if (text_present(interface_text)) {
                interface = matches_find_interface(matches, interface_text);
                if (!interface) {
                        interface = matches_new_interface(pool, interface_text);
                        if (!interface)
                                return -ENOMEM;
                        table_insert(&matches->interfaces, &interface->node, interface->hash);
                }
        }
        memset(&signature, 0, sizeof(signature));
        matches_entry_signature(entry, &signature);
        shape = matches_make_shape(pool, interface, &signature);
        if (!shape)
                return -ENOMEM; /* an interface without shapes is harmless and will be reused */
        entry->group = matches_make_group(matches, pool, interface, shape, entry);
        if (!entry->group) {
                matches_drop_shape(matches, interface, shape);
                return -ENOMEM;
        }
        shape->n_entries++;
        first = cell_get(&entry->group->entries);
        cell_init(&entry->next, first);
        if (first)
                first->previous = entry;
        cell_publish(&entry->group->entries, entry);
        return 0;
}

int matches_add(Matches *matches, Pool *pool, MatchEntry *entry, Name *name, Endpoint *named)
{
        int r = matches_can_match_broadcast(entry) ? matches_index(matches, pool, entry) : 0;

        if (r < 0)
                return r;
        entry->name = name;
        table_insert(&matches->entries, &entry->table_node, entry->table_node.hash);
        list_push_front(&entry->endpoint->rules, &entry->owner_node);
        if (named)
                list_push_back(&named->named_by, &entry->named_node);
        if (entry->eavesdrop)
                list_push_back(&matches->eavesdroppers, &entry->eavesdrop_node);
        matches->n_entries++;
        return 0;
}

void matches_repeat(MatchEntry *entry)
{
        entry->n++;
}

static void matches_unindex(Matches *matches, MatchEntry *entry)
{
        MatchGroup *group = entry->group;
        MatchEntry *next = cell_get(&entry->next);

        if (next)
                next->previous = entry->previous;
        if (entry->previous) {
                cell_publish(&entry->previous->next, next);
        } else if (next) {
                cell_publish(&group->entries, next);
        } else {
                table_remove(&matches->groups, &group->node);
                cell_publish(&group->entries, NULL);
                qsbr_retire(matches->qsbr, &group->retired, matches_free_group);
        }
        group->shape->n_entries--;
        matches_drop_shape(matches, group->interface, group->shape);
}

bool matches_remove(Matches *matches, MatchEntry *entry)
{
        if (--entry->n > 0)
                return false;
        if (entry->group)
                matches_unindex(matches, entry);
        table_remove(&matches->entries, &entry->table_node);
        list_remove(&entry->owner_node);
        list_remove(&entry->named_node);
        list_remove(&entry->eavesdrop_node);
        matches->n_entries--;
        qsbr_retire(matches->qsbr, &entry->retired, matches_free_retired_entry);
        return true;
}

void matches_grow(Matches *matches, Turn *turn)
{
        Table *tables[] = {&matches->groups, &matches->interfaces, &matches->entries};

        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                table_grow(tables[i], &turn->lock);
}
