/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/sync/table.h"

#include <errno.h>
#include <stdbool.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"

enum { TABLE_BUCKETS_MIN = 64 };

/* Immutable after publish, but for the heads. */
struct TableBuckets {
        Retired retired;
        Table *table;
        size_t mask;
        unsigned slot;             /* which `next` these chains use */
        _Atomic(uint32_t) settled; /* 1: no reader is left on the array before this one */
        TableBuckets *successor;   /* once replaced: whom table_settle() tells */
        _Atomic(TableNode *) heads[];
};

size_t table_count(const Table *table)
{
        /* Pairs with: nothing; a hint for all but the writer. */
        return atomic_load_explicit(&table->n_nodes, memory_order_relaxed);
}

static void table_set_count(Table *table, size_t n)
{
        /* Pairs with: nothing; see table_count(). */
        atomic_store_explicit(&table->n_nodes, n, memory_order_relaxed);
}

static TableBuckets *table_new_buckets(Table *table, size_t n)
{
        TableBuckets *buckets = alloc_zeroed(1, sizeof(*buckets) + n * sizeof(buckets->heads[0]));

        if (!buckets)
                return NULL;
        buckets->table = table;
        buckets->mask = n - 1;
        return buckets;
}

static TableBuckets *table_buckets(const Table *table)
{
        /* Pairs with: table_grow()'s publish: the chains are complete. */
        return atomic_load_explicit(&table->buckets, memory_order_acquire);
}

static void table_link(TableBuckets *buckets, TableNode *node)
{
        _Atomic(TableNode *) *head = &buckets->heads[node->hash & buckets->mask];
        /* Pairs with: nothing; the one writer reads its own store. */
        TableNode *first = atomic_load_explicit(head, memory_order_relaxed);

        /* Pairs with: readers reach the node only through the release below. */
        atomic_store_explicit(&node->next[buckets->slot], first, memory_order_relaxed);
        /* Pairs with: table_skip()'s acquire. */
        atomic_store_explicit(head, node, memory_order_release);
}

int table_init(Table *table, Qsbr *qsbr)
{
        TableBuckets *buckets = table_new_buckets(table, TABLE_BUCKETS_MIN);

        if (!buckets)
                return -ENOMEM;
        /* Pairs with: nothing; not shared yet. */
        atomic_store_explicit(&buckets->settled, 1, memory_order_relaxed);
        table_set_count(table, 0);
        table->qsbr = qsbr;
        /* Pairs with: nothing; not shared yet. */
        atomic_store_explicit(&table->buckets, buckets, memory_order_relaxed);
        return 0;
}

void table_deinit(Table *table)
{
        TableBuckets *buckets = table_buckets(table);

        if (!buckets)
                return;
        alloc_free(buckets);
        /* Pairs with: nothing; nobody reads any more. */
        atomic_store_explicit(&table->buckets, NULL, memory_order_relaxed);
}

/* The reclaimer: nobody is on the old array now; its successor may be replaced in turn. */
static void table_settle(Retired *retired)
{
        TableBuckets *old = CONTAINER_OF(retired, TableBuckets, retired);
        TableBuckets *current = old->successor;

        /* Pairs with: table_reserve()'s acquire: the grace period is over. */
        atomic_store_explicit(&current->settled, 1, memory_order_release);
        alloc_free(old);
}

static bool table_is_crowded(const Table *table, const TableBuckets *buckets)
{
        /* Pairs with: table_settle(): nobody follows the slot that is about to be reused. */
        return table_count(table) > buckets->mask &&
               atomic_load_explicit(&buckets->settled, memory_order_acquire);
}

/* Under the writers' lock: links every node into the new array and publishes it. */
static void table_move(Table *table, TableBuckets *old, TableBuckets *buckets)
{
        buckets->slot = old->slot ^ 1;
        for (size_t i = 0; i <= old->mask; i++) {
                /* Pairs with: nothing; the writer reads what writers stored, here and below. */
                TableNode *node = atomic_load_explicit(&old->heads[i], memory_order_relaxed);

                while (node) {
                        table_link(buckets, node);
                        /* Pairs with: nothing; as above. */
                        node = atomic_load_explicit(&node->next[old->slot], memory_order_relaxed);
                }
        }
        old->successor = buckets;
        /* Pairs with: table_buckets(). */
        atomic_store_explicit(&table->buckets, buckets, memory_order_release);
        qsbr_retire(table->qsbr, &old->retired, table_settle);
}

void table_grow(Table *table, Lock *lock)
{
        TableBuckets *old = table_buckets(table), *buckets;
        size_t n = (old->mask + 1) * 2;

        if (LIKELY(!table_is_crowded(table, old)))
                return;
        buckets = table_new_buckets(table, n);
        if (!buckets)
                return;
        lock_acquire(lock);
        old = table_buckets(table);
        if (table_is_crowded(table, old) && old->mask + 1 < n) {
                table_move(table, old, buckets);
                buckets = NULL;
        }
        lock_release(lock);
        alloc_free(buckets);
}

void table_insert(Table *table, TableNode *node, uint64_t hash)
{
        node->hash = hash;
        table_set_count(table, table_count(table) + 1);
        table_link(table_buckets(table), node);
}

void table_remove(Table *table, TableNode *node)
{
        TableBuckets *buckets = table_buckets(table);
        _Atomic(TableNode *) *link = &buckets->heads[node->hash & buckets->mask];
        TableNode *next;

        for (;;) {
                /* Pairs with: nothing; the one writer reads its own stores. */
                TableNode *at = atomic_load_explicit(link, memory_order_relaxed);

                ASSERT(at);
                if (at == node)
                        break;
                link = &at->next[buckets->slot];
        }
        /* Pairs with: nothing; as above. */
        next = atomic_load_explicit(&node->next[buckets->slot], memory_order_relaxed);
        /* Pairs with: table_skip()'s acquire. The node keeps its `next` for those who stand on it.
         */
        atomic_store_explicit(link, next, memory_order_release);
        table_set_count(table, table_count(table) - 1);
}

/* From `node` on to the first with the cursor's hash. */
static void table_skip(TableCursor *cursor, TableNode *node)
{
        while (node && node->hash != cursor->hash)
                /* Pairs with: table_link() and table_remove(). */
                node = atomic_load_explicit(&node->next[cursor->slot], memory_order_acquire);
        cursor->node = node;
}

TableCursor table_find(const Table *table, uint64_t hash)
{
        TableBuckets *buckets = table_buckets(table);
        TableCursor cursor = {.slot = buckets->slot, .hash = hash};

        /* Pairs with: table_link() and table_remove(). */
        table_skip(&cursor, atomic_load_explicit(&buckets->heads[hash & buckets->mask],
                                                 memory_order_acquire));
        return cursor;
}

void table_find_next(TableCursor *cursor)
{
        /* Pairs with: table_link() and table_remove(). */
        table_skip(cursor,
                   atomic_load_explicit(&cursor->node->next[cursor->slot], memory_order_acquire));
}

void table_visit(const Table *table, void (*visit)(TableNode *node, void *context), void *context)
{
        /* One array to the end: if the table grows meanwhile, the chains of this one are frozen. */
        const TableBuckets *buckets = table_buckets(table);

        for (size_t i = 0; i <= buckets->mask; i++) {
                /* Pairs with: table_link() and table_remove(). */
                TableNode *node = atomic_load_explicit(&buckets->heads[i], memory_order_acquire);

                while (node) {
                        visit(node, context);
                        /* Pairs with: as above. */
                        node = atomic_load_explicit(&node->next[buckets->slot],
                                                    memory_order_acquire);
                }
        }
}
