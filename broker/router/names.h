/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_NAMES_H
#define RINGBUS_ROUTER_NAMES_H

/*
 * Names: unique and well-known, with their queues. Readers look up without a lock; every change
 * runs under the registry lock, and what the change announces is pushed in the same step
 * (broker/router/ownership.h).
 */

#include "broker/router/routerthread.h"
#include "broker/sync/lock.h"

typedef struct Name Name;

enum { NAMES_SLOT_WORDS = ROUTER_SLOTS_MAX / 64 };

typedef struct Names {
        Lock lock;        /* the registry lock */
        Table unique;     /* Endpoint by id */
        Table well_known; /* Name by text */
        List order;       /* NamesOrder, by appearance */
        List users;       /* NamesUser: connections by uid */
        uint64_t next_id;
        uint64_t set_serial;  /* of the latest snapshot */
        unsigned n_endpoints; /* that said Hello */
        /* Places in queues, unique names among them; written under the lock, read without. */
        Tally n_places;
        Tally peak_places;
        Tally peak_places_per_connection;
        uint64_t *slots;     /* NAMES_SLOT_WORDS: one bit each: taken */
        uint32_t slots_hint; /* word where a search begins */
        Qsbr *qsbr;          /* borrowed */
} Names;

/* A place in a name's queue; the first is the primary owner. Under the registry lock. */
typedef struct NameOwner {
        ListNode queue_node; /* in Name.queue */
        ListNode owner_node; /* in Endpoint.owners */
        Name *name;
        Endpoint *endpoint;
        uint32_t flags; /* NAMES_ALLOW_REPLACEMENT, NAMES_DO_NOT_QUEUE */
} NameOwner;

/* Owner: the registry; what readers use is immutable (text) or atomic (word). */
struct Name {
        TableNode node;
        Retired retired;
        Cell word; /* Endpoint *, perhaps with the mark of a change under way (rule R3) */
        NamesOrder order;
        List queue;          /* NameOwner */
        List waiting;        /* ActivationWaiting: messages that wait for an owner */
        uint32_t n_rules;    /* match rules with sender=this; changed inside the turn */
        uint32_t n_watching; /* those of them that are found by it; the same */
        uint32_t size;
        char text[];
};

enum {
        NAMES_ALLOW_REPLACEMENT = 0x1,
        NAMES_REPLACE_EXISTING = 0x2,
        NAMES_DO_NOT_QUEUE = 0x4,
};

/*
 * The names of one endpoint, a snapshot for look-ups without a lock: policy asks for owned and
 * queued ones, matching for owned ones by which some rule is found.
 * Immutable after publish; retired.
 */
struct NameSet {
        Retired retired;
        uint64_t serial;    /* never 0, never that of another snapshot */
        unsigned n_watched; /* the first items: owned, and what match rules are found by */
        unsigned n_owned;   /* the first items: owned */
        unsigned n;
        unsigned capacity;
        const Name *items[];
};

int names_init(Names *names, Qsbr *qsbr); /* 0 or -errno */
void names_deinit(Names *names);

/* Where Names.unique keeps an id. */
uint64_t names_hash_id(uint64_t id);

/* The connection with that unique name, or NULL. No lock; inside a read-side section. */
Endpoint *names_find_unique(const Names *names, Text unique_name);

/* The name's entry, or NULL. No lock; inside a read-side section. An entry may have no owner. */
Name *names_find(const Names *names, Text name);

static inline Text names_text(const Name *name)
{
        return (Text){.data = name->text, .size = name->size};
}

/* The owner that unicasts go to, or NULL; *ret_marked: a change is under way, and the answer is not
 * to be used. No lock. */
Endpoint *names_load(const Name *name, bool *ret_marked);

/* Whether the endpoint owns or queues for a name (or only owns). No lock. */
bool names_endpoint_has(const Endpoint *endpoint, Text name, bool only_owned);

/* The primary owner, of unique names too; NULL: none. */
Endpoint *names_get_owner(Names *names, Text name) LOCK_REQUIRES(names->lock);

/* The entry, made if absent; NULL: out of memory. */
Name *names_make(Names *names, Pool *pool, Text name) LOCK_REQUIRES(names->lock);

/* Removes and retires an entry that nobody owns, waits for or watches. */
void names_drop_if_unused(Names *names, Name *name) LOCK_REQUIRES(names->lock);

/* Rule R3: from the mark to publishing, senders by this name wait at the registry lock. */
void names_mark(Name *name);
void names_publish(Name *name, Endpoint *owner);

/* The first in the queue, or NULL. */
NameOwner *names_first_owner(const Name *name);
NameOwner *names_find_owner(const Name *name, const Endpoint *endpoint);

/* The memory that names_prepare_set() takes for `n` names. */
size_t names_set_size(unsigned n);

/* Room for a snapshot of `n` names; NULL: out of memory (or n is 0, which needs none). */
NameSet *names_prepare_set(Pool *pool, unsigned n);

void names_discard_set(Pool *mine, NameSet *set); /* one that was not published; NULL is fine */

/* Publishes `set` as the endpoint's snapshot: the old one but for `changed`, whose queue or
 * watchers have changed. Room for n_owners; NULL when it has no names any more. */
void names_publish_set(Names *names, Endpoint *endpoint, const Name *changed, NameSet *set)
        LOCK_REQUIRES(names->lock);

/* The same after several changes: `set` is filled from all names that the endpoint has or waits
 * for. */
void names_renew_set(Names *names, Endpoint *endpoint, NameSet *set);

/* Gives a connection its unique name and counts its user. 0 or -ENOMEM. */
int names_enter(Names *names, Pool *pool, Endpoint *endpoint) LOCK_REQUIRES(names->lock);

/* A place in a queue, or the unique name, that the endpoint has got: n_owners and in_registry are
 * up to date; and one that it has given up. */
void names_count_place(Names *names, Endpoint *endpoint) LOCK_REQUIRES(names->lock);
void names_uncount_place(Names *names) LOCK_REQUIRES(names->lock);

/*
 * All connections that have said Hello, in no order, into an array from the general heap, to be
 * freed with alloc_free(): 0 or -ENOMEM. Inside a read-side section, to whose end they are valid;
 * no lock held. Those that come or leave meanwhile may be among them or not.
 */
int names_list_endpoints(const Names *names, Endpoint ***ret_endpoints, size_t *ret_n);

/* From now on it is found by its unique name. */
void names_reveal(Names *names, Endpoint *endpoint) LOCK_REQUIRES(names->lock);

/* From now on it is not any more, and no line of ListNames; it stays counted as a connection. */
void names_hide(Names *names, Endpoint *endpoint) LOCK_REQUIRES(names->lock);

/* The end of the connection; hides it first if need be. */
void names_leave(Names *names, Endpoint *endpoint) LOCK_REQUIRES(names->lock);

/* Inside the turn, after n_capturing was raised from 0: unicasts on their way that have not seen
 * that are not pushed any more, but looked up again. */
void names_raise_epochs(Names *names) LOCK_REQUIRES(names->lock);

/* Connections of one uid that said Hello. */
unsigned names_count_user(Names *names, uint32_t uid) LOCK_REQUIRES(names->lock);

/* Outside all locks, now and then: makes crowded tables larger. */
void names_grow(Names *names);

/* A free slot, or UINT32_MAX; given back when the endpoint's memory is freed. Takes the lock. */
uint32_t names_take_slot(Names *names);
void names_return_slot(Names *names, uint32_t slot);

#endif
