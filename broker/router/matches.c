/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/matches.h"

#include <errno.h>
#include <string.h>

#include "broker/base/hash.h"
#include "broker/router/matches_private.h"
#include "broker/router/router.h"

static const Text BUS_NAME = {.data = "org.freedesktop.DBus", .size = 20};

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

static MatchInterface *matches_find_interface(const Matches *matches, Text text)
{
        TABLE_FOREACH_MATCH(&matches->interfaces, hash_text(text), cursor) {
                MatchInterface *interface = CONTAINER_OF(cursor.node, MatchInterface, node);

                if (interface->size == text.size &&
                    memcmp(interface->text, text.data, text.size) == 0)
                        return interface;
        }
        return NULL;
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
        TABLE_FOREACH_MATCH(&matches->groups, hash, cursor) {
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

void matches_begin(RouterThread *thread)
{
        thread->n_targets = 0;
        if (++thread->stamp == 0) { /* once in 2^32 look-ups: forget all stamps */
                memset(thread->stamps, 0, ROUTER_SLOTS_MAX * sizeof(thread->stamps[0]));
                thread->stamp = 1;
        }
}

void matches_exclude(RouterThread *thread, const Endpoint *endpoint)
{
        thread->stamps[endpoint->slot] = thread->stamp;
}

static void matches_add_target(RouterThread *thread, Endpoint *endpoint)
{
        if (thread->stamps[endpoint->slot] == thread->stamp)
                return;
        thread->stamps[endpoint->slot] = thread->stamp;
        thread->targets[thread->n_targets++] = endpoint;
}

static void matches_probe(const Matches *matches, const MatchShape *shape, uint64_t hash,
                          Text sender_name, MatchQuery *query, RouterThread *thread)
{
        TABLE_FOREACH_MATCH(&matches->groups, hash, cursor) {
                MatchGroup *group = CONTAINER_OF(cursor.node, MatchGroup, node);
                MatchEntry *entry = cell_get(&group->entries);

                if (group->shape != shape || !entry ||
                    !matches_query_has_values(query, entry, sender_name))
                        continue;
                for (; entry; entry = cell_get(&entry->next))
                        if (!entry->residual || matches_query_has_rest(query, entry))
                                matches_add_target(thread, entry->endpoint);
        }
}

/* All identities of the sender: unique name, then owned names that occur in rules. */
static void matches_probe_senders(const Matches *matches, const MatchShape *shape, uint64_t hash,
                                  MatchQuery *query, RouterThread *thread)
{
        const NameSet *set;
        Text name = query->sender ? endpoint_name(query->sender) : BUS_NAME;

        if (!query->sender_hash)
                query->sender_hash = hash_text(name);
        matches_probe(matches, shape, hash_mix(hash, query->sender_hash), name, query, thread);
        set = query->sender ? cell_get(&query->sender->names) : NULL;
        for (unsigned i = 0; set && i < set->n_watched; i++)
                matches_probe(matches, shape, hash_mix(hash, set->items[i]->node.hash),
                              names_text(set->items[i]), query, thread);
}

/* The hash of what the message offers for a shape; false: it cannot satisfy it. */
static bool matches_hash_for(const MatchShape *shape, MatchQuery *query, uint64_t *ret_hash)
{
        const MatchesSignature *signature = &shape->signature;
        uint64_t hash = shape->seed, part;

        if (signature->has_member) {
                if (!text_present(query->header->member))
                        return false;
                hash = hash_mix(hash, matches_query_member_hash(query));
        }
        if (signature->path_kind == PATH_EXACT) {
                hash = hash_mix(hash, matches_query_path_hash(query));
        } else if (signature->path_kind == PATH_NAMESPACE) {
                if (!matches_query_path_prefix(query, signature->path_depth, &part))
                        return false;
                hash = hash_mix(hash, part);
        }
        if (signature->arg_kind == ARG_EXACT) {
                const BodyArg *arg = &query->args[signature->arg_index];

                matches_query_read_args(query);
                if (signature->arg_index >= query->n_args || arg->type != 's')
                        return false;
                hash = hash_mix(hash, hash_text(arg->text));
        } else if (signature->arg_kind == ARG_NAMESPACE) {
                if (!matches_query_name_prefix(query, signature->arg_depth, &part))
                        return false;
                hash = hash_mix(hash, part);
        }
        *ret_hash = hash;
        return true;
}

static void matches_find_in(const Matches *matches, const MatchInterface *interface,
                            MatchQuery *query, RouterThread *thread)
{
        uint64_t hash;

        for (const MatchShape *shape = cell_get(&interface->shapes); shape;
             shape = cell_get(&shape->next)) {
                if (!matches_hash_for(shape, query, &hash))
                        continue;
                if (shape->signature.has_sender)
                        matches_probe_senders(matches, shape, hash, query, thread);
                else
                        matches_probe(matches, shape, hash, TEXT_NONE, query, thread);
        }
}

void matches_find(const Matches *matches, MatchQuery *query, RouterThread *thread)
{
        const MatchInterface *interface = NULL;

        matches_begin(thread);
        if (text_present(query->header->interface))
                interface = matches_find_interface(matches, query->header->interface);
        if (interface)
                matches_find_in(matches, interface, query, thread);
        matches_find_in(matches, matches->any, query, thread);
}

void matches_find_eavesdroppers(const Matches *matches, MatchQuery *query, RouterThread *thread)
{
        LIST_FOREACH(&matches->eavesdroppers, node) {
                MatchEntry *entry = CONTAINER_OF(node, MatchEntry, eavesdrop_node);

                if (matches_query_satisfies(query, entry))
                        matches_add_target(thread, entry->endpoint);
        }
}
