/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_LIST_H
#define RINGBUS_BASE_LIST_H

/*
 * An intrusive doubly linked list. A List is its own sentinel; a ListNode that is in no list has
 * next == NULL, so removing twice is harmless.
 *
 * Owner: whoever owns the list's head; one thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "broker/base/assert.h"

typedef struct ListNode ListNode;
struct ListNode {
        ListNode *next;
        ListNode *previous;
};

typedef struct List {
        ListNode head;
} List;

static inline void list_init(List *list)
{
        list->head.next = &list->head;
        list->head.previous = &list->head;
}

static inline bool list_is_empty(const List *list)
{
        return list->head.next == &list->head;
}

static inline bool list_contains_node(const ListNode *node)
{
        return node->next != NULL;
}

static inline void list_insert_after(ListNode *place, ListNode *node)
{
        ASSERT(!node->next);
        node->next = place->next;
        node->previous = place;
        place->next->previous = node;
        place->next = node;
}

static inline void list_push_back(List *list, ListNode *node)
{
        list_insert_after(list->head.previous, node);
}

static inline void list_push_front(List *list, ListNode *node)
{
        list_insert_after(&list->head, node);
}

static inline void list_remove(ListNode *node)
{
        if (!node->next)
                return;
        node->previous->next = node->next;
        node->next->previous = node->previous;
        node->next = NULL;
        node->previous = NULL;
}

/* The first node, or NULL. */
static inline ListNode *list_first(const List *list)
{
        return list_is_empty(list) ? NULL : list->head.next;
}

/* The last node, or NULL. */
static inline ListNode *list_last(const List *list)
{
        return list_is_empty(list) ? NULL : list->head.previous;
}

static inline ListNode *list_take_first(List *list)
{
        ListNode *node = list_first(list);

        if (node)
                list_remove(node);
        return node;
}

/* Moves all nodes of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_move_all(List *to, List *from)
{
        if (list_is_empty(from))
                return;
        from->head.next->previous = to->head.previous;
        to->head.previous->next = from->head.next;
        from->head.previous->next = &to->head;
        to->head.previous = from->head.previous;
        list_init(from);
}

/* The node may be removed inside the loop; its successor may not. */
#define LIST_FOREACH(list, node)                                                                   \
        for (ListNode *node = (list)->head.next, *node##_next = node->next; node != &(list)->head; \
             node = node##_next, node##_next = node->next)

#endif
