/* SPDX-License-Identifier: Apache-2.0 */
/* What statistics ask of the names: how many places there are, and who is there at all. */
#include <errno.h>

#include "broker/base/alloc.h"
#include "broker/router/names.h"

void names_count_place(Names *names, Endpoint *endpoint)
{
        const unsigned n = endpoint->n_owners + 1; /* with its unique name */

        if (n > endpoint->peak_owners)
                endpoint->peak_owners = n;
        tally_add(&names->n_places, 1);
        tally_raise(&names->peak_places, tally_read(&names->n_places));
        tally_raise(&names->peak_places_per_connection, n);
}

void names_uncount_place(Names *names)
{
        tally_add(&names->n_places, UINT64_C(0) - 1);
}

typedef struct NamesListing {
        Endpoint **endpoints;
        size_t n;
        size_t capacity;
        bool failed;
} NamesListing;

static void names_note_endpoint(TableNode *node, void *context)
{
        NamesListing *listing = context;

        if (listing->n == listing->capacity && !listing->failed) {
                size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
                Endpoint **grown = alloc_resize(listing->endpoints, capacity * sizeof(Endpoint *));

                listing->failed = !grown;
                if (grown) {
                        listing->endpoints = grown;
                        listing->capacity = capacity;
                }
        }
        if (!listing->failed)
                listing->endpoints[listing->n++] = CONTAINER_OF(node, Endpoint, unique_node);
}

int names_list_endpoints(const Names *names, Endpoint ***ret_endpoints, size_t *ret_n)
{
        NamesListing listing = {0};

        table_visit(&names->unique, names_note_endpoint, &listing);
        if (listing.failed) {
                alloc_free(listing.endpoints);
                return -ENOMEM;
        }
        *ret_endpoints = listing.endpoints;
        *ret_n = listing.n;
        return 0;
}
