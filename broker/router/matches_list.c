/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All rules of everybody, for Debug.Stats. The entries are collected without a lock, and then
 * asked, a few at a time inside the turn, how often they were added and whether they are still
 * there. So however many there are, nobody waits for the turn for long.
 */
#include <errno.h>

#include "broker/base/alloc.h"
#include "broker/router/matches_private.h"

enum { LIST_PIECE = 256 }; /* entries that are asked in one turn: some 10 us */

typedef struct MatchesListing {
        MatchesListed *items;
        size_t n;
        size_t capacity;
        bool failed;
} MatchesListing;

static void matches_note_entry(TableNode *node, void *context)
{
        MatchesListing *listing = context;

        if (listing->n == listing->capacity && !listing->failed) {
                size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
                MatchesListed *grown =
                        alloc_resize(listing->items, capacity * sizeof(MatchesListed));

                listing->failed = !grown;
                if (grown) {
                        listing->items = grown;
                        listing->capacity = capacity;
                }
        }
        if (!listing->failed)
                listing->items[listing->n++].entry = CONTAINER_OF(node, MatchEntry, table_node);
}

/* Asks entries `from` to `to`; one that has been removed meanwhile says 0. */
static void matches_ask(MatchesListing *listing, Turn *turn, size_t from, size_t to)
{
        turn_take(turn);
        for (size_t i = from; i < to; i++)
                listing->items[i].n = listing->items[i].entry->n;
        turn_release(turn);
}

int matches_list(const Matches *matches, Turn *turn, MatchesListed **ret_items, size_t *ret_n)
{
        MatchesListing listing = {0};
        size_t n = 0;

        table_visit(&matches->entries, matches_note_entry, &listing);
        if (listing.failed) {
                alloc_free(listing.items);
                return -ENOMEM;
        }
        for (size_t at = 0; at < listing.n; at += LIST_PIECE)
                matches_ask(&listing, turn, at,
                            at + LIST_PIECE < listing.n ? at + LIST_PIECE : listing.n);
        for (size_t i = 0; i < listing.n; i++)
                if (listing.items[i].n > 0)
                        listing.items[n++] = listing.items[i];
        *ret_items = listing.items;
        *ret_n = n;
        return 0;
}

size_t matches_entry_write(const MatchEntry *entry, char *out)
{
        MatchRule rule;

        matches_entry_load(entry, &rule);
        return matchrule_write_canonical(&rule, out);
}
