/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_ENDPOINT_H
#define RINGBUS_ROUTER_ENDPOINT_H

/*
 * Endpoint: a connection as the router knows it: where to push, what it is called, what it may
 * hold. The peer embeds one. Memory lives until the last reference is dropped; the home's own is
 * dropped only after a grace period, so whoever looked an endpoint up may use it until the end of
 * the read-side section, and takes a reference only to keep it longer (the duty to flush).
 *
 * Owner: the fields say.
 */

#include "auth/credentials.h"
#include "broker/base/list.h"
#include "broker/message/message.h"
#include "broker/sync/owed.h"
#include "broker/sync/switch.h"
#include "broker/sync/table.h"

enum { ENDPOINT_UNIQUE_NAME_MAX = 24 };

#define ENDPOINT_NO_ID UINT64_MAX

/* A line of ListNames; embedded in endpoints and names. */
typedef struct NamesOrder {
        ListNode node;
        Text text;
} NamesOrder;

typedef struct Endpoint Endpoint;
typedef struct NameSet NameSet;
typedef struct RouterThread RouterThread;
typedef struct Owed Owed;

struct Endpoint {
        /* Shared. */
        Mailbox mailbox;
        RefCount references;
        Counter queued_bytes; /* waiting for this receiver */
        Counter queued_fds;
        Counter n_owed_to;      /* replies owed to this caller */
        OwedList owed_incoming; /* replies this callee owes: put there by callers' workers */
        Counter n_owed_incoming;
        Switch may_post_collect; /* off: its home has been asked to look at it: owed_incoming,
                                    overflown */
        StackNode collect_node;  /* on a worker's inbox, for that */
        Switch stalled;          /* a send waits for room: messages are to own their bytes */
        Switch overflown;        /* a monitor over its limit: gets nothing more, is to be closed */
        Cell names;              /* NameSet: an immutable snapshot, or NULL: none */
        Tally n_received;        /* messages this connection sent to the bus */
        Tally n_sent;
        void (*destroy)(Endpoint *endpoint, Pool *mine); /* when the last reference is gone */

        /* Immutable before the endpoint is shared. */
        Account *account;
        uint32_t slot; /* index in per-thread stamp tables, unique among the living */
        uint32_t home; /* index of the worker that owns its input */
        uint32_t uid;
        bool passes_fds;
        bool privileged; /* uid 0 or the bus's own */
        const Credentials
                *credentials; /* borrowed: the connection's; NULL: only the uid is known */

        /* Written once by Hello, inside the registry, before others can find it. */
        uint64_t id; /* N of ":1.N", or ENDPOINT_NO_ID */
        char unique_name[ENDPOINT_UNIQUE_NAME_MAX];
        size_t unique_name_size;
        TableNode unique_node;

        /* Under the registry lock. */
        NamesOrder order; /* ListNames: by appearance */
        List owners;      /* NameOwner: names it owns or queues for, oldest first */
        unsigned n_owners;
        ListNode heir_node; /* while names of a leaving connection pass on to it */
        bool in_registry;

        /* Inside the turn. */
        List rules;            /* MatchEntry: its match rules, newest first, then a monitor's */
        List named_by;         /* MatchEntry: rules of anybody that name its unique name */
        unsigned n_rules;      /* with repetitions */
        ListNode monitor_node; /* Matches.monitors */
        bool monitor; /* became one: changed by its home, which may read it without the turn */

        /* Home worker only. */
        List owed_calls;       /* Owed: calls it waits for, oldest first */
        Owed **owed_by_serial; /* hash of the same, at first one bucket: */
        Owed *owed_by_serial_first;
        uint32_t owed_by_serial_mask;
        uint32_t n_owed_calls;
        Owed **owes; /* hash of what it owes, by caller and serial, at first one bucket: */
        Owed *owes_first;
        uint32_t owes_mask;
        uint32_t n_owes;
        uint32_t n_owes_sweep; /* look for dead records when n_owes gets here */

        /* Duty holder, or whoever passes the duty on. */
        StackNode duty_node;
};

static inline Text endpoint_name(const Endpoint *endpoint)
{
        return (Text){.data = endpoint->unique_name, .size = endpoint->unique_name_size};
}

static inline void endpoint_ref(Endpoint *endpoint)
{
        refcount_add(&endpoint->references, 1);
}

static inline void endpoint_unref(Endpoint *endpoint, Pool *mine)
{
        if (refcount_drop(&endpoint->references, 1))
                endpoint->destroy(endpoint, mine);
}

/* One reference, the home's. The caller then sets the immutable fields. */
void endpoint_init(Endpoint *endpoint);

#endif
