/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table: a writer that inserts, removes and grows, against readers. Memory comes from an arena that
 * nobody gives anything back to, and the grace period is a reclaimer that the writer hands what it
 * retired to; the readers of a scenario that reclaims have left before (a lock stands for the
 * library's ordering, which is not what is tested here).
 */
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/sync/table.h"
#include "tests/race/weak_arena.h"
#include "tests/race/weak_scenarios.h"

enum { N_NODES = 72, CROWD = 64 };

typedef struct Entry {
        TableNode node;
        unsigned text;
} Entry;

static Table table;
static Lock writers;
static Entry entries[N_NODES];
static Qsbr qsbr;
static WeakSignal retired_something;

/* What broker/sync/table.c calls of broker/base/alloc.c and broker/sync/qsbr.c. */
void *__wrap_alloc_zeroed(size_t n, size_t size);
void *__wrap_alloc_zeroed(size_t n, size_t size)
{
        return weak_arena_take(n * size);
}

void *__wrap_alloc_free(void *block);
void *__wrap_alloc_free(void *block)
{
        if (block)
                memset(block, 0, 1); /* a race with whoever still uses it */
        return NULL;
}

void __wrap_qsbr_retire(Qsbr *to, Retired *retired, void (*free)(Retired *retired));
void __wrap_qsbr_retire(Qsbr *to, Retired *retired, void (*free)(Retired *retired))
{
        retired->free = free;
        stack_push(&to->retired, &retired->node);
        weak_signal_raise(&retired_something);
}

static void insert(unsigned i, uint64_t hash)
{
        entries[i].text = 7;
        lock_acquire(&writers);
        table_insert(&table, &entries[i].node, hash);
        lock_release(&writers);
}

static void begin_small(void)
{
        weak_arena_reset();
        memset(entries, 0, sizeof(entries));
        lock_init(&writers);
        stack_init(&qsbr.retired);
        retired_something = (WeakSignal){0};
        ASSERT(table_init(&table, &qsbr) == 0);
        insert(0, 1); /* stays */
}

static void begin_crowded(void)
{
        begin_small();
        for (unsigned i = 1; i < CROWD; i++)
                insert(i, i + 1);
}

static void writer(void)
{
        insert(1, 1);
        insert(2, 1 + (UINT64_C(1) << 40)); /* in the same chain, with another hash */
        insert(3, 1);
        lock_acquire(&writers);
        table_remove(&table, &entries[3].node);
        table_remove(&table, &entries[1].node);
        lock_release(&writers);
}

static void grower(void)
{
        table_grow(&table, &writers);
        insert(CROWD, 1);
        insert(CROWD + 1, 1);
}

static void reader(void)
{
        unsigned n_found[N_NODES] = {0};

        TABLE_FOREACH_MATCH(&table, 1, cursor)
        {
                Entry *entry = CONTAINER_OF(cursor.node, Entry, node);

                ASSERT(entry->text == 7);
                n_found[entry - entries]++;
        }
        ASSERT(n_found[0] == 1);
        for (unsigned i = 1; i < N_NODES; i++)
                ASSERT(n_found[i] <= 1);
}

static void count_visit(TableNode *node, void *context)
{
        unsigned *n_met = context;
        Entry *entry = CONTAINER_OF(node, Entry, node);

        ASSERT(entry->text == 7);
        n_met[entry - entries]++;
}

static void visitor(void)
{
        unsigned n_met[N_NODES] = {0};

        table_visit(&table, count_visit, n_met);
        ASSERT(n_met[0] == 1);
        for (unsigned i = 1; i < N_NODES; i++)
                ASSERT(n_met[i] <= 1);
}

static void visitor_of_crowd(void)
{
        unsigned n_met[N_NODES] = {0};

        table_visit(&table, count_visit, n_met);
        for (unsigned i = 0; i < N_NODES; i++)
                ASSERT(i < CROWD ? n_met[i] == 1 : n_met[i] <= 1);
}

/* The control thread, once there is something, and another grower behind it. */
static void reclaimer(void)
{
        weak_signal_wait(&retired_something);
        for (StackNode *node = stack_take(&qsbr.retired); node; node = node->next) {
                Retired *retired = CONTAINER_OF(node, Retired, node);

                retired->free(retired);
        }
        table_grow(&table, &writers); /* not crowded any more: it only looks */
}

static void check_small(void)
{
        reader();
        ASSERT(table_count(&table) == 2);
}

static void check_grown(void)
{
        reader();
        ASSERT(table_count(&table) == CROWD + 2);
        for (unsigned i = 1; i < CROWD; i++)
                ASSERT(table_find(&table, i + 1).node == &entries[i].node);
}

static WeakScenario table_change = {.name = "table: insert and remove, find",
                                    .n_threads = 2,
                                    .threads = {writer, reader},
                                    .begin = begin_small,
                                    .end = check_small};
static WeakScenario table_growth = {.name = "table: grow and insert, find",
                                    .n_threads = 2,
                                    .threads = {grower, reader},
                                    .begin = begin_crowded,
                                    .end = check_grown};
static WeakScenario table_reclaim = {.name = "table: grow and insert, settle",
                                     .n_threads = 2,
                                     .threads = {grower, reclaimer},
                                     .begin = begin_crowded,
                                     .end = check_grown};

static WeakScenario table_change_visit = {.name = "table: insert and remove, visit",
                                          .n_threads = 2,
                                          .threads = {writer, visitor},
                                          .begin = begin_small,
                                          .end = check_small};
static WeakScenario table_growth_visit = {.name = "table: grow and insert, visit",
                                          .n_threads = 2,
                                          .threads = {grower, visitor_of_crowd},
                                          .begin = begin_crowded,
                                          .end = check_grown};

const WeakSuite weak_suite_table = {
        {&table_change, &table_growth, &table_reclaim, &table_change_visit, &table_growth_visit}};
