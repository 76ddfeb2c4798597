/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups in the match index: without a lock (inexact during changes) or inside the turn (exact).
 */
#include <string.h>

#include "broker/base/hash.h"
#include "broker/router/matches_private.h"
#include "broker/router/names.h"
#include "broker/router/routerthread.h"

static const Text BUS_NAME = {.data = "org.freedesktop.DBus", .size = 20};

MatchInterface *matches_find_interface(const Matches *matches, Text text)
{
        TABLE_FOREACH_MATCH(&matches->interfaces, hash_text(text), cursor)
        {
                MatchInterface *interface = CONTAINER_OF(cursor.node, MatchInterface, node);

                if (interface->size == text.size &&
                    memcmp(interface->text, text.data, text.size) == 0)
                        return interface;
        }
        return NULL;
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
        TABLE_FOREACH_MATCH(&matches->groups, hash, cursor)
        {
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
        LIST_FOREACH(&matches->eavesdroppers, node)
        {
                MatchEntry *entry = CONTAINER_OF(node, MatchEntry, eavesdrop_node);

                if (matches_query_satisfies(query, entry))
                        matches_add_target(thread, entry->endpoint);
        }
}
