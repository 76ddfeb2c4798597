/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a connection, or of its names, as far as others learn of it; see ownership.h. */
#include "broker/base/stage.h"
#include "broker/router/activation.h"
#include "broker/router/busmessage.h"
#include "broker/router/ownership_private.h"
#include "broker/router/replies.h"
#include "broker/router/rules.h"

enum {
        LEAVING_SIZE = 512,   /* of a NameOwnerChanged, in memory */
        LEAVING_BLOCKS = 256, /* as many names leave without another chunk of memory */
};

static void ownership_answer_no_reply(RouterThread *thread, Endpoint *caller, uint32_t serial)
{
        replies_answer(thread, caller, serial,
                       TEXT("Message recipient disconnected from message bus without replying"));
}

/* The snapshots of those who have inherited names: one new for each, however many it got. Without
 * memory the old one stays: policy and matching by these names lag until the next change. */
static void ownership_refresh_heirs(Step *step, List *heirs) LOCK_UNCHECKED
{
        ListNode *node;

        while ((node = list_take_first(heirs))) {
                Endpoint *heir = CONTAINER_OF(node, Endpoint, heir_node);
                NameSet *set = names_prepare_set(&step->thread->pool, heir->n_owners);

                if (set)
                        names_renew_set(&step->thread->router->names, heir, set);
        }
}

/* All names of a connection: newest first when it leaves, oldest first when it stays. */
static void ownership_give_up_all(Step *step, Endpoint *endpoint, bool leaves) LOCK_UNCHECKED
{
        Names *names = &step->thread->router->names;
        ListNode *node;
        List heirs;

        list_init(&heirs);
        while ((node = leaves ? list_last(&endpoint->owners) : list_first(&endpoint->owners))) {
                NameOwner *mine = CONTAINER_OF(node, NameOwner, owner_node);
                Name *name = mine->name;
                Endpoint *next;

                if (ownership_give_up(step, name, mine, &next)) {
                        if (next && !list_contains_node(&next->heir_node))
                                list_push_back(&heirs, &next->heir_node);
                        names_publish(name, next);
                }
                names_drop_if_unused(names, name);
        }
        ownership_refresh_heirs(step, &heirs);
        names_publish_set(names, endpoint, NULL, NULL);
}

/* Memory for the end of a connection, before the locks: for what is announced and for the largest
 * snapshots of its heirs. */
static void ownership_reserve_leaving(RouterThread *thread, const Endpoint *endpoint)
{
        Names *names = &thread->router->names;
        unsigned n = 0;

        pool_reserve(&thread->pool, LEAVING_SIZE, LEAVING_BLOCKS);
        lock_acquire(&names->lock);
        LIST_FOREACH(&endpoint->owners, node)
        {
                const Endpoint *next =
                        ownership_next(CONTAINER_OF(node, NameOwner, owner_node)->name, endpoint);

                if (next && next->n_owners > n)
                        n = next->n_owners;
        }
        lock_release(&names->lock);
        pool_reserve(&thread->pool, names_set_size(n + OWNERSHIP_SLACK), 2);
}

/* The unique name's own end. */
static void ownership_lose_unique(Step *step, Endpoint *endpoint, bool leaves) LOCK_UNCHECKED
{
        RouterThread *thread = step->thread;
        const Text unique = endpoint_name(endpoint);

        /* Who leaves does not read it, but monitors do. */
        if (!leaves || counter_read(&thread->router->n_capturing) > 0)
                step_push_own(step, endpoint, busmessage_name_lost(thread, endpoint, unique),
                              STEP_RAISE_EPOCH);
        step_broadcast_own(step, busmessage_owner_changed(thread, unique, unique, TEXT("")),
                           leaves ? endpoint : NULL);
}

void ownership_become_monitor(RouterThread *thread, Endpoint *endpoint,
                              Message *reply) LOCK_UNCHECKED
{
        Names *names = &thread->router->names;
        Step step;

        ownership_reserve_leaving(thread, endpoint);
        lock_acquire(&names->lock);
        step_begin(&step, thread);
        step_push_own(&step, endpoint, reply, STEP_PLAIN);
        /* Before the NameLost: who found it by its unique name and then sees the epoch that the
         * NameLost raises, sees this as well and looks again, inside the turn. */
        rules_begin_capturing(&step);
        ownership_lose_unique(&step, endpoint, false);
        names_hide(names, endpoint);
        names_uncount_place(names);
        ownership_give_up_all(&step, endpoint, false);
        STAGE_STOP(MONITOR_ANNOUNCED, endpoint->id);
        rules_begin_monitoring(&step, endpoint);
        step_end(&step);
        lock_release(&names->lock);
        activation_discard(thread);
        replies_forget_calls(thread, endpoint);
        replies_seal(thread, endpoint, ownership_answer_no_reply);
}

void ownership_leave(RouterThread *thread, Endpoint *endpoint) LOCK_UNCHECKED
{
        Names *names = &thread->router->names;
        Step step;

        if (endpoint->id != ENDPOINT_NO_ID) {
                ownership_reserve_leaving(thread, endpoint);
                lock_acquire(&names->lock);
                step_begin(&step, thread);
                rules_leave(&step, endpoint);
                ownership_give_up_all(&step, endpoint, true);
                if (!endpoint->monitor) {
                        ownership_lose_unique(&step, endpoint, true);
                        names_uncount_place(names);
                }
                names_leave(names, endpoint);
                step_end(&step);
                lock_release(&names->lock);
                activation_discard(thread);
        }
        STAGE_STOP(LEAVE_ANNOUNCED, endpoint->id);
        if (endpoint->monitor)
                return;                         /* nothing is owed to it or by it */
        replies_forget_calls(thread, endpoint); /* first: nobody answers its calls to itself */
        replies_seal(thread, endpoint, ownership_answer_no_reply);
}
