/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/matches.h"

#include <errno.h>
#include <string.h>

#include "broker/base/hash.h"
#include "broker/router/matches_private.h"
#include "broker/router/names.h"
#include "broker/router/router.h"

static void matches_free_retired_entry(Retired *retired)
{
        matches_free_entry(CONTAINER_OF(retired, MatchEntry, retired));
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
        matches->any = matches_new_interface(pool, TEXT_NONE, 1);
        if (!matches->any)
                return -ENOMEM;
        memset(&matches->loose, 0, sizeof(matches->loose));
        list_init(&matches->eavesdroppers);
        list_init(&matches->monitors);
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
        matches_free_any(matches);
}

/* Only broadcasts, which are signals without destination, are looked up in the index. */
static bool matches_can_match_broadcast(const MatchEntry *entry)
{
        return !entry->monitor && (entry->type == 0 || entry->type == FRAME_TYPE_SIGNAL) &&
               entry->destination.offset == 0;
}

/* By its shape, if there may be one more and its group is not crowded with such entries; else by a
 * good key; else by its shape all the same; else by any key. 0 or -ENOMEM. */
static int matches_choose_place(Matches *matches, Pool *pool, const MatchEntry *entry,
                                MatchesPlace *ret_place)
{
        const bool has_more_args = entry->n_args > (entry->fixed_arg >= 0 ? 1 : 0);
        MatchesPlace place = {0};
        MatchesSignature signature;
        const MatchGroup *group;

        memset(&signature, 0, sizeof(signature));
        matches_entry_signature(entry, &signature);
        place.shape = matches_make_shape(pool, entry->interface, &signature);
        if (!place.shape && entry->interface->n_shapes < MATCHES_SHAPES_MAX)
                return -ENOMEM;
        if (place.shape) {
                place.hash = matches_entry_hash(entry, &signature, place.shape->seed);
                group = matches_find_group(matches, place.hash, place.shape, entry);
                if (has_more_args && group && group->n_checked >= MATCHES_CROWD &&
                    matches_choose_key(matches, entry, true, &place.key, &place.hash))
                        place.shape = NULL;
        } else {
                matches_choose_key(matches, entry, false, &place.key, &place.hash);
        }
        *ret_place = place;
        return 0;
}

/* Into a group, or into the one for its name below that. */
static int matches_place(Matches *matches, Pool *pool, MatchEntry *entry, MatchesPlace *place)
{
        const unsigned n_max = place->shape ? MATCHES_CROWD_NAMED : MATCHES_CROWD_LOOSE;
        MatchGroup *group = matches_make_group(matches, pool, place, NULL, entry);

        const uint64_t hash = place->hash;

        if (!group)
                return -ENOMEM;
        if (entry->name && group->n_checked >= n_max) {
                place->hash = hash_mix(place->hash, entry->name->node.hash);
                group = matches_make_group(matches, pool, place, group, entry);
        }
        if (!group)
                return -ENOMEM;
        entry->group = group;
        entry->key = place->key;
        entry->check = CHECK_ALL;
        if (!place->shape)
                matches_count_key(matches, place->key, hash, true);
        else if (entry->name || entry->n_args > (entry->fixed_arg >= 0 ? 1 : 0))
                entry->check = CHECK_REST;
        else
                entry->check = CHECK_NOTHING;
        return 0;
}

static int matches_index(Matches *matches, Pool *pool, MatchEntry *entry)
{
        MatchesPlace place;
        MatchEntry *first;
        int r = matches_choose_place(matches, pool, entry, &place);

        if (r < 0)
                return r;
        r = matches_place(matches, pool, entry, &place);
        if (r < 0) {
                if (place.shape)
                        matches_drop_shape(matches, place.shape);
                return r;
        }
        if (place.shape)
                place.shape->n_entries++;
        entry->group->n_entries++;
        if (entry->check != CHECK_NOTHING)
                entry->group->n_checked++;
        first = cell_get(&entry->group->entries);
        cell_init(&entry->next, first);
        if (first)
                first->previous = entry;
        cell_publish(&entry->group->entries, entry);
        return 0;
}

static void matches_join(List *list, MatchEntry *entry, MatchLinkKind kind)
{
        MatchLink *link = matches_entry_link(entry, kind);

        if (link && list)
                list_push_back(list, &link->node);
}

int matches_add(Matches *matches, Pool *pool, MatchEntry *entry, const MatchRule *rule,
                const MatchesNamed *named)
{
        int r = 0;

        entry->name = named->name;
        entry->interface = matches_make_interface(matches, pool, rule->interface);
        if (!entry->interface)
                return -ENOMEM;
        if (matches_can_match_broadcast(entry))
                r = matches_index(matches, pool, entry);
        if (r < 0) {
                matches_drop_interface(matches, entry->interface);
                return r;
        }
        entry->interface->n_entries++;
        table_insert(&matches->entries, &entry->table_node, entry->table_node.hash);
        if (entry->monitor)
                list_push_back(&entry->endpoint->rules, &entry->owner_node);
        else
                list_push_front(&entry->endpoint->rules, &entry->owner_node);
        matches_join(named->sender ? &named->sender->named_by : NULL, entry, LINK_SENDER);
        matches_join(named->destination ? &named->destination->named_by : NULL, entry,
                     LINK_DESTINATION);
        matches_join(&matches->eavesdroppers, entry, LINK_EAVESDROP);
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
        MatchShape *shape = group->shape;
        MatchEntry *next = cell_get(&entry->next);

        if (next)
                next->previous = entry->previous;
        cell_publish(entry->previous ? &entry->previous->next : &group->entries, next);
        group->n_entries--;
        if (entry->check != CHECK_NOTHING)
                group->n_checked--;
        matches_drop_group(matches, group);
        if (!shape) {
                matches_count_key(matches, entry->key, 0, false);
                return;
        }
        shape->n_entries--;
        matches_drop_shape(matches, shape);
}

bool matches_remove(Matches *matches, MatchEntry *entry)
{
        if (--entry->n > 0)
                return false;
        if (entry->group)
                matches_unindex(matches, entry);
        entry->interface->n_entries--;
        matches_drop_interface(matches, entry->interface);
        table_remove(&matches->entries, &entry->table_node);
        list_remove(&entry->owner_node);
        for (MatchLinkKind kind = 0; kind < LINK_KINDS; kind++)
                if (matches_entry_link(entry, kind))
                        list_remove(&matches_entry_link(entry, kind)->node);
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
