/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each user's connections have in the bus's memory. Summed up by whoever asks, from counters
 * that are there for each connection anyway: a count by user would be one that all workers write.
 */
#include <errno.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/driver/driver_private.h"

static int driver_compare_users(const void *a, const void *b)
{
        const Endpoint *const *left = a, *const *right = b;

        return (*left)->uid < (*right)->uid ? -1 : (*left)->uid > (*right)->uid;
}

static void driver_add_user(DriverUser *user, const Endpoint *endpoint)
{
        user->n_connections++;
        user->n_incoming += account_n_messages(endpoint->account);
        user->incoming_bytes += counter_read(&endpoint->account->bytes);
        user->incoming_fds += counter_read(&endpoint->account->fds);
        user->n_outgoing += endpoint_queued_messages(endpoint);
        user->outgoing_bytes += endpoint_queued_bytes(endpoint);
        user->outgoing_fds += counter_read(&endpoint->queued_fds);
}

int driver_list_users(const Names *names, DriverUser **ret_users, size_t *ret_n)
{
        Endpoint **endpoints;
        DriverUser *users;
        size_t n_endpoints, n_different = 0, n = 0;
        int r = names_list_endpoints(names, &endpoints, &n_endpoints);

        if (r < 0)
                return r;
        qsort(endpoints, n_endpoints, sizeof(*endpoints), driver_compare_users);
        for (size_t i = 0; i < n_endpoints; i++)
                n_different += i == 0 || endpoints[i]->uid != endpoints[i - 1]->uid;
        users = alloc_zeroed(n_different, sizeof(*users));
        for (size_t i = 0; users && i < n_endpoints; i++) {
                if (i == 0 || endpoints[i]->uid != endpoints[i - 1]->uid)
                        users[n++].uid = endpoints[i]->uid;
                driver_add_user(&users[n - 1], endpoints[i]);
        }
        alloc_free(endpoints);
        *ret_users = users;
        *ret_n = n;
        return users ? 0 : -ENOMEM;
}
