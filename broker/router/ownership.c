/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/router/ownership_private.h"

#include "broker/base/stage.h"
#include "broker/router/activation.h"
#include "broker/router/busmessage.h"

/* A change of one name, under the registry lock. */
typedef struct Change {
        RouterThread *thread;
        Names *names;
        Name *name;
        Endpoint *me;
        NameOwner *fresh;   /* a place for me, not used yet */
        NameSet *set_mine;  /* room for my next snapshot */
        NameSet *set_other; /* and for the other's */
} Change;

static Message *ownership_build(RouterThread *thread, const OwnershipReply *reply, uint32_t code)
{
        return reply && reply->build ? reply->build(thread, reply->context, code) : NULL;
}

OwnershipResult ownership_hello(RouterThread *thread, Endpoint *endpoint,
                                const OwnershipReply *reply) LOCK_UNCHECKED
{
        Router *router = thread->router;
        const RouterLimits *limits = &thread->root->limits;
        OwnershipResult result = OWNERSHIP_OK;
        Text none = TEXT("");
        Step step;

        lock_acquire(&router->names.lock);
        if (router->names.n_endpoints >= limits->max_completed_connections)
                result = OWNERSHIP_LIMIT;
        else if (names_count_user(&router->names, endpoint->uid) >=
                 limits->max_connections_per_user)
                result = OWNERSHIP_USER_LIMIT;
        else if (names_enter(&router->names, &thread->pool, endpoint) < 0)
                result = OWNERSHIP_NO_MEMORY;
        if (result == OWNERSHIP_OK) {
                Text name = endpoint_name(endpoint);

                names_count_place(&router->names, endpoint);
                step_begin(&step, thread);
                if (reply && reply->show)
                        reply->show(&step, reply->context);
                step_push_own(&step, endpoint, ownership_build(thread, reply, 0), STEP_PLAIN);
                step_broadcast_own(&step, busmessage_owner_changed(thread, name, none, name),
                                   endpoint);
                step_push_own(&step, endpoint, busmessage_name_acquired(thread, endpoint, name),
                              STEP_PLAIN);
                STAGE_STOP(HELLO_ANNOUNCED, endpoint->id);
                names_reveal(&router->names, endpoint);
                step_end(&step);
        }
        lock_release(&router->names.lock);
        names_grow(&router->names);
        return result;
}

/* Pushes what the change from `old` to `new` announces, in wire order. The name stays marked until
 * names_publish(). */
static void ownership_announce(Step *step, Name *name, Endpoint *old, Endpoint *new)
{
        RouterThread *thread = step->thread;
        Text text = names_text(name);

        names_mark(name);
        if (old)
                step_push_own(step, old, busmessage_name_lost(thread, old, text), STEP_RAISE_EPOCH);
        step_broadcast_own(step,
                           busmessage_owner_changed(thread, text,
                                                    old ? endpoint_name(old) : TEXT(""),
                                                    new ? endpoint_name(new) : TEXT("")),
                           NULL);
        if (new) {
                step_push_own(step, new, busmessage_name_acquired(thread, new, text), STEP_PLAIN);
                activation_deliver(step, name, new);
        }
        step_bump(step);
        STAGE_STOP(NAME_ANNOUNCED, new ? new->id : old->id);
}

static void ownership_drop(RouterThread *thread, NameOwner *owner) LOCK_UNCHECKED
{
        list_remove(&owner->queue_node);
        list_remove(&owner->owner_node);
        owner->endpoint->n_owners--;
        names_uncount_place(&thread->router->names);
        pool_free(&thread->pool, owner, sizeof(*owner));
}

static NameOwner *ownership_enter(Change *change, uint32_t flags) LOCK_UNCHECKED
{
        NameOwner *owner = change->fresh;

        change->fresh = NULL;
        *owner = (NameOwner){.name = change->name, .endpoint = change->me, .flags = flags};
        list_push_back(&change->me->owners, &owner->owner_node);
        change->me->n_owners++;
        names_count_place(change->names, change->me);
        return owner;
}

static void ownership_publish_sets(Change *change, Endpoint *other) LOCK_UNCHECKED
{
        NameSet **sets[] = {&change->set_mine, &change->set_other};
        Endpoint *endpoints[] = {change->me, other == change->me ? NULL : other};

        for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
                if (!endpoints[i])
                        continue;
                if (endpoints[i]->n_owners == 0) {
                        names_publish_set(change->names, endpoints[i], change->name, NULL);
                        continue;
                }
                names_publish_set(change->names, endpoints[i], change->name, *sets[i]);
                *sets[i] = NULL;
        }
}

static bool ownership_prepare(Change *change, Endpoint *other) LOCK_UNCHECKED
{
        Pool *pool = &change->thread->pool;

        change->fresh = pool_alloc(pool, sizeof(*change->fresh));
        change->set_mine = names_prepare_set(pool, change->me->n_owners + 1);
        if (other)
                change->set_other = names_prepare_set(pool, other->n_owners + 1);
        return change->fresh && change->set_mine && (!other || change->set_other);
}

static void ownership_discard(Change *change)
{
        Pool *pool = &change->thread->pool;

        if (change->fresh)
                pool_free(pool, change->fresh, sizeof(*change->fresh));
        names_discard_set(pool, change->set_mine);
        names_discard_set(pool, change->set_other);
}

/* RequestName when somebody else owns the name and cannot be replaced. */
static uint32_t ownership_queue(Change *change, uint32_t flags)
{
        NameOwner *first = names_first_owner(change->name);
        NameOwner *mine = names_find_owner(change->name, change->me);

        if (flags & NAMES_DO_NOT_QUEUE) {
                if (mine)
                        ownership_drop(change->thread, mine);
                return OWNERSHIP_EXISTS;
        }
        if (!mine) {
                mine = ownership_enter(change, flags);
                if (flags & NAMES_REPLACE_EXISTING)
                        list_insert_after(&first->queue_node, &mine->queue_node);
                else
                        list_push_back(&change->name->queue, &mine->queue_node);
                return OWNERSHIP_IN_QUEUE;
        }
        mine->flags = flags;
        if (flags & NAMES_REPLACE_EXISTING) {
                list_remove(&mine->queue_node);
                list_insert_after(&first->queue_node, &mine->queue_node);
        }
        return OWNERSHIP_IN_QUEUE;
}

/* RequestName when the name is free or its owner is replaced: I come first, the old one second or,
 * if it does not want to queue, out. */
static void ownership_come_first(Change *change, uint32_t flags)
{
        NameOwner *first = names_first_owner(change->name);
        NameOwner *mine = names_find_owner(change->name, change->me);

        if (mine) {
                mine->flags = flags;
                list_remove(&mine->queue_node);
                /* Its place among my names stays: the reference counts from the joining of the
                 * queue when it lets a leaving client's names go in reverse. */
        } else {
                mine = ownership_enter(change, flags);
        }
        list_push_front(&change->name->queue, &mine->queue_node);
        if (first && (first->flags & NAMES_DO_NOT_QUEUE))
                ownership_drop(change->thread, first);
}

static uint32_t ownership_apply_request(Change *change, Step *step, uint32_t flags)
{
        NameOwner *first = names_first_owner(change->name);
        Endpoint *old = first ? first->endpoint : NULL;
        uint32_t stored = flags & (NAMES_ALLOW_REPLACEMENT | NAMES_DO_NOT_QUEUE);

        if (old == change->me) {
                first->flags = stored;
                return OWNERSHIP_ALREADY;
        }
        if (old &&
            !((flags & NAMES_REPLACE_EXISTING) && (first->flags & NAMES_ALLOW_REPLACEMENT))) {
                uint32_t code = ownership_queue(change, flags);

                ownership_publish_sets(change, NULL);
                return code;
        }
        if (!old)
                list_push_back(&change->names->order, &change->name->order.node);
        ownership_come_first(change, stored);
        ownership_announce(step, change->name, old, change->me);
        ownership_publish_sets(change, old);
        return OWNERSHIP_PRIMARY;
}

/* Memory for the snapshots of those whom a change of this name may concern, which can be large. The
 * registry is looked at once before: what it may grow by until the change begins is little. */
static void ownership_reserve(const Change *change, Text text)
{
        const Name *name;
        unsigned n;

        lock_acquire(&change->names->lock);
        n = change->me->n_owners; /* others take names away */
        name = names_find(change->names, text);
        if (name) {
                unsigned n_seen = 0;

                LIST_FOREACH(&name->queue, node)
                {
                        const NameOwner *owner = CONTAINER_OF(node, NameOwner, queue_node);

                        if (owner->endpoint->n_owners > n)
                                n = owner->endpoint->n_owners;
                        if (++n_seen == 2) /* the owner, and who would follow */
                                break;
                }
        }
        lock_release(&change->names->lock);
        pool_reserve(&change->thread->pool, names_set_size(n + OWNERSHIP_SLACK), 2);
}

OwnershipResult ownership_request(RouterThread *thread, Endpoint *endpoint, Text name,
                                  uint32_t flags, const OwnershipReply *reply) LOCK_UNCHECKED
{
        Names *names = &thread->router->names;
        const RouterLimits *limits = &thread->root->limits;
        Change change = {.thread = thread, .names = names, .me = endpoint};
        OwnershipResult result = OWNERSHIP_NO_MEMORY;
        NameOwner *first;
        Step step;

        ownership_reserve(&change, name);
        lock_acquire(&names->lock);
        if ((uint64_t)endpoint->n_owners + 1 >= limits->max_names_per_connection) {
                lock_release(&names->lock);
                return OWNERSHIP_LIMIT;
        }
        change.name = names_make(names, &thread->pool, name);
        first = change.name ? names_first_owner(change.name) : NULL;
        if (change.name && ownership_prepare(&change, first ? first->endpoint : NULL)) {
                uint32_t code;

                step_begin(&step, thread);
                code = ownership_apply_request(&change, &step, flags);
                step_push_own(&step, endpoint, ownership_build(thread, reply, code), STEP_PLAIN);
                if (code == OWNERSHIP_PRIMARY)
                        names_publish(change.name, endpoint);
                step_end(&step);
                result = OWNERSHIP_OK;
        }
        ownership_discard(&change);
        if (change.name)
                names_drop_if_unused(names, change.name);
        lock_release(&names->lock);
        activation_discard(thread);
        names_grow(names);
        return result;
}

bool ownership_give_up(Step *step, Name *name, NameOwner *mine, Endpoint **ret_next)
{
        Endpoint *me = mine->endpoint;
        bool was_primary = names_first_owner(name) == mine;
        NameOwner *next;

        ownership_drop(step->thread, mine);
        next = names_first_owner(name);
        *ret_next = next ? next->endpoint : NULL;
        if (!was_primary)
                return false;
        if (!next)
                list_remove(&name->order.node);
        ownership_announce(step, name, me, *ret_next);
        return true;
}

static uint32_t ownership_apply_release(Change *change, Step *step)
{
        NameOwner *mine = names_find_owner(change->name, change->me);
        Endpoint *next;

        if (!names_first_owner(change->name))
                return OWNERSHIP_NON_EXISTENT;
        if (!mine)
                return OWNERSHIP_NOT_OWNER;
        if (ownership_give_up(step, change->name, mine, &next)) {
                ownership_publish_sets(change, next);
                names_publish(change->name, next);
        } else {
                ownership_publish_sets(change, NULL);
        }
        return OWNERSHIP_RELEASED;
}

Endpoint *ownership_next(const Name *name, const Endpoint *me)
{
        NameOwner *first = names_first_owner(name);
        ListNode *second;

        if (!first || first->endpoint != me)
                return NULL;
        second = first->queue_node.next;
        return second == &name->queue.head ? NULL
                                           : CONTAINER_OF(second, NameOwner, queue_node)->endpoint;
}

OwnershipResult ownership_release(RouterThread *thread, Endpoint *endpoint, Text text,
                                  const OwnershipReply *reply) LOCK_UNCHECKED
{
        Names *names = &thread->router->names;
        Change change = {.thread = thread, .names = names, .me = endpoint};
        OwnershipResult result = OWNERSHIP_NO_MEMORY;
        Step step;

        ownership_reserve(&change, text);
        lock_acquire(&names->lock);
        change.name = names_find(names, text);
        if (!change.name || ownership_prepare(&change, ownership_next(change.name, endpoint))) {
                uint32_t code = OWNERSHIP_NON_EXISTENT;

                step_begin(&step, thread);
                if (change.name)
                        code = ownership_apply_release(&change, &step);
                step_push_own(&step, endpoint, ownership_build(thread, reply, code), STEP_PLAIN);
                step_end(&step);
                result = OWNERSHIP_OK;
        }
        ownership_discard(&change);
        if (change.name)
                names_drop_if_unused(names, change.name);
        lock_release(&names->lock);
        activation_discard(thread);
        return result;
}
