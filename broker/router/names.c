/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name's word is its owner's address with the lowest bit as the mark. The mark is set before the
 * loser's mailbox epoch is raised and cleared by publishing the new owner, so a sender that read
 * the word unmarked after reading the epoch pushes in front of the NameLost or not at all.
 */
#include "broker/router/names.h"

#include <errno.h>
#include <stdio.h>

#include "broker/base/alloc.h"
#include "broker/base/hash.h"
#include "broker/base/stage.h"
#include "broker/router/router.h"

#define NAME_MARK ((uintptr_t)1)

typedef struct NamesUser {
        ListNode node;
        uint32_t uid;
        unsigned n;
} NamesUser;

int names_init(Names *names, Qsbr *qsbr)
{
        names->slots = alloc_zeroed(NAMES_SLOT_WORDS, sizeof(names->slots[0]));
        if (!names->slots)
                return -ENOMEM;
        if (table_init(&names->unique, qsbr) < 0 || table_init(&names->well_known, qsbr) < 0)
                return -ENOMEM;
        lock_init(&names->lock);
        list_init(&names->order);
        list_init(&names->users);
        names->next_id = 0;
        names->set_serial = 0;
        names->n_endpoints = 0;
        names->slots_hint = 0;
        names->qsbr = qsbr;
        return 0;
}

void names_deinit(Names *names)
{
        ASSERT(list_is_empty(&names->users) && list_is_empty(&names->order));
        table_deinit(&names->unique);
        table_deinit(&names->well_known);
        lock_deinit(&names->lock);
        names->slots = alloc_free(names->slots);
}

/* ":1.N" in canonical decimal; anything else is no unique name of ours. */
static bool names_parse_id(Text text, uint64_t *ret_id)
{
        uint64_t id = 0;

        if (text.size < 4 || text.size > ENDPOINT_UNIQUE_NAME_MAX - 2 ||
            memcmp(text.data, ":1.", 3) != 0)
                return false;
        if (text.data[3] == '0' && text.size > 4)
                return false;
        for (size_t i = 3; i < text.size; i++) {
                if (text.data[i] < '0' || text.data[i] > '9')
                        return false;
                if (id > (UINT64_MAX - 9) / 10)
                        return false;
                id = id * 10 + (uint64_t)(text.data[i] - '0');
        }
        *ret_id = id;
        return true;
}

uint64_t names_hash_id(uint64_t id)
{
        return hash_mix(UINT64_C(0x51ed270b), id);
}

Endpoint *names_find_unique(const Names *names, Text unique_name)
{
        uint64_t id;

        if (!names_parse_id(unique_name, &id))
                return NULL;
        TABLE_FOREACH_MATCH(&names->unique, names_hash_id(id), cursor)
        {
                Endpoint *endpoint = CONTAINER_OF(cursor.node, Endpoint, unique_node);

                if (endpoint->id == id)
                        return endpoint;
        }
        return NULL;
}

Name *names_find(const Names *names, Text text)
{
        TABLE_FOREACH_MATCH(&names->well_known, hash_text(text), cursor)
        {
                Name *name = CONTAINER_OF(cursor.node, Name, node);

                if (text_equal(names_text(name), text))
                        return name;
        }
        return NULL;
}

Endpoint *names_load(const Name *name, bool *ret_marked)
{
        uintptr_t word = (uintptr_t)cell_get(&name->word);

        *ret_marked = word & NAME_MARK;
        return (Endpoint *)(word & ~NAME_MARK);
}

bool names_endpoint_has(const Endpoint *endpoint, Text name, bool only_owned)
{
        const NameSet *set = cell_get(&endpoint->names);
        unsigned n = !set ? 0 : only_owned ? set->n_owned : set->n;

        for (unsigned i = 0; i < n; i++)
                if (text_equal(names_text(set->items[i]), name))
                        return true;
        return false;
}

void names_mark(Name *name)
{
        uintptr_t word = (uintptr_t)cell_get(&name->word);

        cell_publish(&name->word, (void *)(word | NAME_MARK));
}

void names_publish(Name *name, Endpoint *owner)
{
        cell_publish(&name->word, owner);
}

NameOwner *names_first_owner(const Name *name)
{
        ListNode *node = list_first(&name->queue);

        return node ? CONTAINER_OF(node, NameOwner, queue_node) : NULL;
}

NameOwner *names_find_owner(const Name *name, const Endpoint *endpoint)
{
        LIST_FOREACH(&name->queue, node)
        {
                NameOwner *owner = CONTAINER_OF(node, NameOwner, queue_node);

                if (owner->endpoint == endpoint)
                        return owner;
        }
        return NULL;
}

Endpoint *names_get_owner(Names *names, Text text)
{
        Name *name;
        NameOwner *owner;

        if (text.size > 0 && text.data[0] == ':')
                return names_find_unique(names, text);
        name = names_find(names, text);
        owner = name ? names_first_owner(name) : NULL;
        return owner ? owner->endpoint : NULL;
}

Name *names_make(Names *names, Pool *pool, Text text)
{
        Name *name = names_find(names, text);

        if (name)
                return name;
        name = pool_alloc(pool, sizeof(*name) + text.size + 1);
        if (!name)
                return NULL;
        memset(name, 0, sizeof(*name));
        cell_init(&name->word, NULL);
        list_init(&name->queue);
        list_init(&name->waiting);
        name->size = (uint32_t)text.size;
        memcpy(name->text, text.data, text.size);
        name->text[text.size] = '\0';
        name->order.text = names_text(name);
        table_insert(&names->well_known, &name->node, hash_text(text));
        return name;
}

static void names_free(Retired *retired)
{
        Name *name = CONTAINER_OF(retired, Name, retired);

        pool_free(NULL, name, sizeof(*name) + name->size + 1);
}

void names_drop_if_unused(Names *names, Name *name)
{
        if (!list_is_empty(&name->queue) || !list_is_empty(&name->waiting) || name->n_rules > 0)
                return;
        list_remove(&name->order.node);
        table_remove(&names->well_known, &name->node);
        qsbr_retire(names->qsbr, &name->retired, names_free);
}

static NamesUser *names_find_user(Names *names, uint32_t uid)
{
        LIST_FOREACH(&names->users, node)
        {
                NamesUser *user = CONTAINER_OF(node, NamesUser, node);

                if (user->uid == uid)
                        return user;
        }
        return NULL;
}

unsigned names_count_user(Names *names, uint32_t uid)
{
        NamesUser *user = names_find_user(names, uid);

        return user ? user->n : 0;
}

int names_enter(Names *names, Pool *pool, Endpoint *endpoint)
{
        NamesUser *user = names_find_user(names, endpoint->uid);

        if (!user) {
                user = pool_alloc(pool, sizeof(*user));
                if (!user)
                        return -ENOMEM;
                *user = (NamesUser){.uid = endpoint->uid};
                list_push_back(&names->users, &user->node);
        }
        user->n++;
        endpoint->id = names->next_id++;
        endpoint->unique_name_size =
                (size_t)snprintf(endpoint->unique_name, sizeof(endpoint->unique_name), ":1.%llu",
                                 (unsigned long long)endpoint->id);
        endpoint->order.text = endpoint_name(endpoint);
        list_push_back(&names->order, &endpoint->order.node);
        names->n_endpoints++;
        STAGE_REPORT(endpoint->id, endpoint->home, &endpoint->mailbox);
        return 0;
}

void names_reveal(Names *names, Endpoint *endpoint)
{
        table_insert(&names->unique, &endpoint->unique_node, names_hash_id(endpoint->id));
        endpoint->in_registry = true;
}

void names_grow(Names *names)
{
        table_grow(&names->unique, &names->lock);
        table_grow(&names->well_known, &names->lock);
}

void names_hide(Names *names, Endpoint *endpoint)
{
        ASSERT(endpoint->in_registry);
        table_remove(&names->unique, &endpoint->unique_node);
        list_remove(&endpoint->order.node);
        endpoint->in_registry = false;
}

void names_leave(Names *names, Endpoint *endpoint)
{
        NamesUser *user = names_find_user(names, endpoint->uid);

        ASSERT(user && user->n > 0);
        if (--user->n == 0) {
                list_remove(&user->node);
                pool_free(NULL, user, sizeof(*user));
        }
        if (endpoint->in_registry)
                names_hide(names, endpoint);
        names->n_endpoints--;
}

void names_raise_epochs(Names *names)
{
        LIST_FOREACH(&names->order, node)
        {
                NamesOrder *order = CONTAINER_OF(node, NamesOrder, node);

                if (order->text.data[0] == ':') /* a connection, not a well-known name */
                        mailbox_raise_epoch(&CONTAINER_OF(order, Endpoint, order)->mailbox);
        }
}
