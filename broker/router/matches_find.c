/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups in the match index: without a lock (inexact during changes) or inside the turn (exact).
 */
#include <string.h>

#include "broker/base/hash.h"
#include "broker/base/stage.h"
#include "broker/router/matches_private.h"
#include "broker/router/names.h"
#include "broker/router/routerthread.h"

MatchInterface *matches_find_interface(const Matches *matches, Text text, uint64_t hash)
{
        TABLE_FOREACH_MATCH(&matches->interfaces, hash, cursor)
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
        thread->n_denied_targets = 0;
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

static bool matches_is_target(const RouterThread *thread, const Endpoint *endpoint)
{
        return thread->stamps[endpoint->slot] == thread->stamp;
}

static bool matches_entry_holds(const MatchEntry *entry, MatchQuery *query)
{
        switch ((MatchCheck)entry->check) {
        case CHECK_NOTHING:
                return true;
        case CHECK_REST:
                return matches_query_has_rest(query, entry);
        case CHECK_ALL:
                return matches_query_has_values(query, entry) &&
                       matches_query_has_rest(query, entry);
        }
        return false;
}

/* One of the groups below another: all its rules ask for the same name. */
static void matches_probe_listed(const MatchLookup *lookup, const MatchListedGroup *listed)
{
        const MatchEntry *first = cell_get(&listed->group.entries);

        if (first && matches_query_is_from(lookup->query, first->name))
                matches_probe_group(lookup, &listed->group);
}

/* So few names are looked up without asking whether there are fewer groups. */
enum { FEW_NAMES = 4 };

/* The groups below one: by those of the sender's names that are watched, or one by one, whichever
 * are fewer: it goes along both until one ends. */
static void matches_probe_below(const MatchLookup *lookup, const MatchGroup *group)
{
        const Endpoint *sender = lookup->query->sender;
        const NameSet *set = sender ? cell_get(&sender->names) : NULL;
        const unsigned n_names = set ? set->n_watched : 0;
        const MatchListedGroup *listed = cell_get(&group->below);
        unsigned n = 0;

        while (listed && n_names > FEW_NAMES && n < n_names) {
                listed = cell_get(&listed->next);
                n++;
        }
        if (!listed) {
                for (listed = cell_get(&group->below); listed; listed = cell_get(&listed->next))
                        matches_probe_listed(lookup, listed);
                return;
        }
        for (unsigned i = 0; i < n_names; i++)
                matches_probe(lookup, group->shape,
                              hash_mix(group->node.hash, set->items[i]->node.hash));
}

void matches_probe_group(const MatchLookup *lookup, const MatchGroup *group)
{
        const MatchEntry *entry;

        for (entry = cell_get(&group->entries); entry; entry = cell_get(&entry->next))
                if (!matches_is_target(lookup->thread, entry->endpoint) &&
                    matches_entry_holds(entry, lookup->query))
                        matches_add_target(lookup->thread, entry->endpoint);
        if (cell_get(&group->below))
                matches_probe_below(lookup, group);
}

void matches_probe(const MatchLookup *lookup, const MatchShape *shape, uint64_t hash)
{
        TABLE_FOREACH_MATCH(&lookup->matches->groups, hash, cursor)
        {
                const MatchGroup *group = CONTAINER_OF(cursor.node, MatchGroup, node);
                const MatchEntry *first = cell_get(&group->entries);

                if (group->shape != shape)
                        continue;
                if (!shape || !first || matches_query_has_values(lookup->query, first))
                        matches_probe_group(lookup, group);
        }
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
                if (!matches_query_arg_hash(query, signature->arg_index, &part))
                        return false;
                hash = hash_mix(hash, part);
        } else if (signature->arg_kind == ARG_NAMESPACE) {
                if (!matches_query_name_prefix(query, signature->arg_depth, &part))
                        return false;
                hash = hash_mix(hash, part);
        }
        if (signature->has_sender)
                hash = hash_mix(hash, matches_query_sender_hash(query));
        *ret_hash = hash;
        return true;
}

static void matches_find_in(const MatchLookup *lookup, const MatchInterface *interface)
{
        uint64_t hash;

        for (const MatchShape *shape = cell_get(&interface->shapes); shape;
             shape = cell_get(&shape->next)) {
                if (matches_hash_for(shape, lookup->query, &hash))
                        matches_probe(lookup, shape, hash);
                STAGE_STOP(MATCHES_PROBED,
                           lookup->query->sender ? lookup->query->sender->id : ENDPOINT_NO_ID);
        }
}

void matches_find(const Matches *matches, MatchQuery *query, RouterThread *thread)
{
        const MatchLookup lookup = {.matches = matches, .query = query, .thread = thread};
        const MatchInterface *interface = NULL;

        matches_begin(thread);
        if (text_present(query->header->interface))
                interface = matches_find_interface(matches, query->header->interface,
                                                   matches_query_interface_hash(query));
        if (interface)
                matches_find_in(&lookup, interface);
        matches_find_in(&lookup, matches->any);
        matches_find_loose(&lookup);
}

void matches_find_eavesdroppers(const Matches *matches, MatchQuery *query, RouterThread *thread)
{
        LIST_FOREACH(&matches->eavesdroppers, node)
        {
                const MatchEntry *entry = CONTAINER_OF(node, MatchLink, node)->entry;

                if (matches_query_satisfies(query, entry))
                        matches_add_target(thread, entry->endpoint);
        }
}

bool matches_monitor_wants(const Endpoint *monitor, MatchQuery *query)
{
        LIST_FOREACH(&monitor->rules, node)
        {
                if (matches_query_satisfies(query, CONTAINER_OF(node, MatchEntry, owner_node)))
                        return true;
        }
        return false;
}
