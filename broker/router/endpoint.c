/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/endpoint.h"

#include <string.h>

void endpoint_init(Endpoint *endpoint)
{
        memset(endpoint, 0, sizeof(*endpoint));
        mailbox_init(&endpoint->mailbox);
        refcount_init(&endpoint->references, 1);
        owed_list_init(&endpoint->owed_incoming);
        switch_set(&endpoint->may_post_collect);
        cell_init(&endpoint->names, NULL);
        endpoint->id = ENDPOINT_NO_ID;
        endpoint->order.text = TEXT_NONE;
        list_init(&endpoint->owners);
        list_init(&endpoint->rules);
        list_init(&endpoint->named_by);
        list_init(&endpoint->owed_calls);
        endpoint->owed_by_serial = &endpoint->owed_by_serial_first;
        endpoint->owes = &endpoint->owes_first;
}
