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
        Counter queue; /* waits for this receiver: bytes and messages in one word */
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

        /* Immutable before the endpoint is shared. */
        Account *account;
        uint32_t slot; /* index in per-thread stamp tables, unique among the living */
        uint32_t home; /* index of the worker that owns its input */
        uint32_t uid;
        bool passes_fds;
        bool privileged;                                 /* uid 0 or the bus's own */
        void (*destroy)(Endpoint *endpoint, Pool *mine); /* when the last reference is gone */
        /* Any thread, in a read-side section, no lock held: it cannot be told what it waits for, so
         * its connection ends. NULL: there is none. */
        void (*fail)(Endpoint *endpoint);
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
        unsigned peak_owners;
        ListNode heir_node; /* while names of a leaving connection pass on to it */
        bool in_registry;

        /* Inside the turn. */
        List rules;            /* MatchEntry: its match rules, newest first, then a monitor's */
        List named_by;         /* MatchEntry: rules of anybody that name its unique name */
        unsigned n_rules;      /* with repetitions */
        ListNode monitor_node; /* Matches.monitors */
        bool monitor; /* became one: changed by its home, which may read it without the turn */
        unsigned peak_rules;

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

        /* Duty holder, or whoever passes the duty on. Anybody may read the peaks. */
        StackNode duty_node;
        Tally peak_queued_bytes; /* endpoint_dequeue_sent() */
        Tally peak_queued_fds;
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

/*
 * Endpoint.queue: a message adds its bytes below and 1 above, so that both are counted by one
 * atomic operation. 2^26 messages: the limit of max_outgoing_bytes, 2^31, is reached long before.
 * 2^38 bytes: beyond that limit every thread that pushes adds one message at most.
 */
enum { ENDPOINT_QUEUE_BYTE_BITS = 38 };

#define ENDPOINT_QUEUE_MESSAGE (UINT64_C(1) << ENDPOINT_QUEUE_BYTE_BITS)

static inline uint64_t endpoint_queued_bytes(const Endpoint *endpoint)
{
        return counter_read(&endpoint->queue) & (ENDPOINT_QUEUE_MESSAGE - 1);
}

static inline uint64_t endpoint_queued_messages(const Endpoint *endpoint)
{
        return counter_read(&endpoint->queue) >> ENDPOINT_QUEUE_BYTE_BITS;
}

/* Any thread, before the push: one message more. */
static inline void endpoint_enqueue(Endpoint *endpoint, uint64_t bytes, uint64_t n_fds)
{
        counter_add(&endpoint->queue, ENDPOINT_QUEUE_MESSAGE + bytes);
        if (n_fds > 0)
                counter_add(&endpoint->queued_fds, n_fds);
}

/* Any thread: one that was not pushed, or never will be sent. */
static inline void endpoint_dequeue(Endpoint *endpoint, uint64_t bytes, uint64_t n_fds)
{
        counter_subtract(&endpoint->queue, ENDPOINT_QUEUE_MESSAGE + bytes);
        if (n_fds > 0)
                counter_subtract(&endpoint->queued_fds, n_fds);
}

/* Duty holder: so many that were sent. A queue is at its longest right before it gets shorter, so
 * this is the place to note its peaks. */
static inline void endpoint_dequeue_sent(Endpoint *endpoint, uint64_t n_messages, uint64_t bytes,
                                         uint64_t n_fds)
{
        const uint64_t gone = n_messages * ENDPOINT_QUEUE_MESSAGE + bytes;
        uint64_t before;

        if (n_messages == 0)
                return;
        before = counter_subtract(&endpoint->queue, gone) + gone;
        tally_raise(&endpoint->peak_queued_bytes, before & (ENDPOINT_QUEUE_MESSAGE - 1));
        if (n_fds > 0) {
                before = counter_subtract(&endpoint->queued_fds, n_fds) + n_fds;
                tally_raise(&endpoint->peak_queued_fds, before);
        }
}

/* One reference, the home's. The caller then sets the immutable fields. */
void endpoint_init(Endpoint *endpoint);

#endif
