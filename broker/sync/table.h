/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_TABLE_H
#define RINGBUS_SYNC_TABLE_H

/*
 * Table: a hash table with one writer at a time and lock-free readers, for names and match keys.
 * Intrusive: a TableNode lies in the object, which the reader compares itself.
 *
 * Readers are inside a read-side section (qsbr.h); a removed object is retired by its owner.
 * Growing builds new chains through the nodes' other `next` slot while readers go on along the old
 * ones; the old bucket array is retired, and the table does not grow again before that grace period
 * is over, since then nobody follows the old slot any more.
 *
 * A reader that started before a change may miss it, as if it had run before; what must not be
 * missed is looked up again under the lock that the writer holds.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "broker/sync/lock.h"
#include "broker/sync/qsbr.h"

typedef struct TableNode TableNode;
struct TableNode {
        _Atomic(TableNode *) next[2];
        uint64_t hash;
};

typedef struct TableBuckets TableBuckets;

typedef struct Table {
        _Atomic(TableBuckets *) buckets;
        _Atomic(size_t) n_nodes; /* written by the writer only */
        Qsbr *qsbr;              /* borrowed */
} Table;

/* A position during a look-up; valid inside the reader's section. */
typedef struct TableCursor {
        TableNode *node;
        unsigned slot;
        uint64_t hash;
} TableCursor;

/* How many nodes; exact for the writer. */
size_t table_count(const Table *table);

/* 0 or -ENOMEM. */
int table_init(Table *table, Qsbr *qsbr);

/* Nobody reads any more; the nodes are the caller's business. */
void table_deinit(Table *table);

/* Writer. The node is in no table. Allocates nothing; a crowded table just has longer chains until
 * table_grow(). */
void table_insert(Table *table, TableNode *node, uint64_t hash);

/*
 * Makes a crowded table larger, if the last growth's grace period is over. `lock` is the writers'
 * lock, which the caller does NOT hold: the new array is allocated outside it. Inside a read-side
 * section. Out of memory is no error: chains stay longer.
 */
void table_grow(Table *table, Lock *lock);

/* Writer. The node stays readable for those who hold it: retire it, do not free it. */
void table_remove(Table *table, TableNode *node);

/* Reader: the first node with that hash, and the following; NULL node at the end. */
TableCursor table_find(const Table *table, uint64_t hash);
void table_find_next(TableCursor *cursor);

/*
 * Reader: calls `visit` for each node, in no order. Who is in the table all the while is met
 * exactly once; who comes or goes meanwhile once or not at all. It may be long, and until its end
 * no grace period is.
 */
void table_visit(const Table *table, void (*visit)(TableNode *node, void *context), void *context);

#define TABLE_FOREACH_MATCH(table, hash, cursor)                                                   \
        for (TableCursor cursor = table_find((table), (hash)); cursor.node;                        \
             table_find_next(&cursor))

#endif
