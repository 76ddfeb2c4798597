/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/sync/table.h"

enum { N_ITEMS = 5000 };

typedef struct Item {
        TableNode node;
        Retired retired;
        unsigned key;
} Item;

static Item items[N_ITEMS];
static Table table;
static Qsbr qsbr;
static Lock lock;

static bool out_of_memory;
static unsigned n_allocations;

void *__wrap_alloc_zeroed(size_t n, size_t size);
void *__real_alloc_zeroed(size_t n, size_t size);

void *__wrap_alloc_zeroed(size_t n, size_t size)
{
        n_allocations++;
        return out_of_memory ? NULL : __real_alloc_zeroed(n, size);
}

static int setup(void **state)
{
        (void)state;
        memset(items, 0, sizeof(items));
        for (unsigned i = 0; i < N_ITEMS; i++)
                items[i].key = i;
        qsbr_init(&qsbr, NULL);
        lock_init(&lock);
        out_of_memory = false;
        return table_init(&table, &qsbr);
}

static int teardown(void **state)
{
        (void)state;
        while (qsbr_reclaim(&qsbr) > 0)
                continue;
        table_deinit(&table);
        table_deinit(&table);
        lock_deinit(&lock);
        return 0;
}

/* Few hashes for many keys: chains hold equal and different hashes. */
static uint64_t hash_of(unsigned key)
{
        return key / 3 * UINT64_C(64) + key % 3;
}

static void insert(unsigned key)
{
        table_insert(&table, &items[key].node, hash_of(key));
}

static Item *find(unsigned key)
{
        TABLE_FOREACH_MATCH(&table, hash_of(key), cursor)
        {
                Item *item = CONTAINER_OF(cursor.node, Item, node);

                if (item->key == key)
                        return item;
        }
        return NULL;
}

static void test_table_finds_what_was_inserted_and_nothing_else(void **state)
{
        (void)state;
        assert_null(find(0));
        for (unsigned i = 0; i < 200; i += 2)
                insert(i);
        for (unsigned i = 0; i < 200; i++)
                assert_ptr_equal(find(i), i % 2 == 0 ? &items[i] : NULL);
        assert_int_equal(table_count(&table), 100);
}

static void test_table_foreach_visits_each_node_of_a_hash_newest_first(void **state)
{
        unsigned expected = 10;

        (void)state;
        for (unsigned i = 0; i < 10; i++)
                table_insert(&table, &items[i].node, 7);
        table_insert(&table, &items[10].node, 7 + 64); /* same chain, another hash */
        TABLE_FOREACH_MATCH(&table, 7, cursor)
        assert_ptr_equal(cursor.node, &items[--expected].node);
        assert_int_equal(expected, 0);
}

static void test_table_remove_takes_out_first_middle_and_last(void **state)
{
        static const unsigned order[] = {2, 0, 4, 1, 3};

        (void)state;
        for (unsigned i = 0; i < 5; i++)
                table_insert(&table, &items[i].node, 0);
        for (unsigned n = 0; n < 5; n++) {
                unsigned left = 0;

                table_remove(&table, &items[order[n]].node);
                TABLE_FOREACH_MATCH(&table, 0, cursor)
                left++;
                assert_int_equal(left, 4 - n);
                assert_int_equal(table_count(&table), 4 - n);
        }
}

static void test_table_removed_node_leads_its_readers_on(void **state)
{
        TableCursor cursor;

        (void)state;
        for (unsigned i = 0; i < 4; i++)
                table_insert(&table, &items[i].node, 0);
        cursor = table_find(&table, 0);
        table_find_next(&cursor);
        assert_ptr_equal(cursor.node, &items[2].node);
        table_remove(&table, &items[2].node); /* a reader stands on it */
        table_remove(&table, &items[1].node); /* and its successor goes as well */
        table_find_next(&cursor);
        assert_ptr_equal(cursor.node, &items[1].node); /* as if it had run before */
        table_find_next(&cursor);
        assert_ptr_equal(cursor.node, &items[0].node);
        table_find_next(&cursor);
        assert_null(cursor.node);
}

static void test_table_grows_only_when_crowded_and_keeps_everything(void **state)
{
        unsigned before;

        (void)state;
        for (unsigned i = 0; i < 63; i++)
                insert(i);
        before = n_allocations;
        table_grow(&table, &lock);
        assert_int_equal(n_allocations, before);
        for (unsigned i = 63; i < 1000; i++)
                insert(i);
        table_grow(&table, &lock);
        assert_int_equal(n_allocations, before + 1);
        for (unsigned i = 0; i < 1000; i++)
                assert_ptr_equal(find(i), &items[i]);
        assert_null(find(1000));
        assert_int_equal(table_count(&table), 1000);
}

static void test_table_does_not_grow_again_before_the_grace_period(void **state)
{
        unsigned before;

        (void)state;
        for (unsigned i = 0; i < N_ITEMS; i++)
                insert(i);
        table_grow(&table, &lock); /* 64 -> 256 */
        before = n_allocations;
        table_grow(&table, &lock);
        assert_int_equal(n_allocations, before); /* still readers on the slot it would reuse */
        assert_int_equal(qsbr_reclaim(&qsbr), 1);
        table_grow(&table, &lock); /* -> 1024 */
        assert_int_equal(n_allocations, before + 1);
        assert_int_equal(qsbr_reclaim(&qsbr), 1);
        for (unsigned i = 0; i < N_ITEMS; i++)
                assert_ptr_equal(find(i), &items[i]);
}

static void test_table_reader_goes_on_along_the_old_chains_while_it_grows(void **state)
{
        unsigned n = 0;
        bool seen[100] = {false};

        (void)state;
        for (unsigned i = 0; i < 100; i++)
                table_insert(&table, &items[i].node, 64 * 7); /* one chain, one hash */
        for (TableCursor cursor = table_find(&table, 64 * 7); cursor.node;
             table_find_next(&cursor)) {
                Item *item = CONTAINER_OF(cursor.node, Item, node);

                if (n++ == 10) {
                        table_grow(&table, &lock);
                        /* Not for this reader: it started before. */
                        table_insert(&table, &items[200].node, 64 * 7);
                        table_remove(&table, &items[50].node);
                        table_remove(&table, &items[95].node); /* behind the reader */
                }
                assert_false(seen[item->key]);
                seen[item->key] = true;
        }
        assert_int_equal(n, 100);
        n = 0;
        TABLE_FOREACH_MATCH(&table, 64 * 7, cursor)
        n++;
        assert_int_equal(n, 99);
}

static void test_table_remove_after_growth_and_growth_after_remove(void **state)
{
        (void)state;
        for (unsigned round = 0; round < 3; round++) {
                for (unsigned i = 0; i < N_ITEMS; i++)
                        insert(i);
                table_grow(&table, &lock);
                for (unsigned i = 0; i < N_ITEMS; i += 2)
                        table_remove(&table, &items[i].node);
                qsbr_reclaim(&qsbr);
                table_grow(&table, &lock);
                for (unsigned i = 0; i < N_ITEMS; i++)
                        assert_ptr_equal(find(i), i % 2 ? &items[i] : NULL);
                for (unsigned i = 1; i < N_ITEMS; i += 2)
                        table_remove(&table, &items[i].node);
                qsbr_reclaim(&qsbr);
                assert_int_equal(table_count(&table), 0);
        }
}

static void test_table_out_of_memory_only_keeps_it_small(void **state)
{
        Table other;

        (void)state;
        out_of_memory = true;
        assert_int_equal(table_init(&other, &qsbr), -ENOMEM);
        for (unsigned i = 0; i < 1000; i++)
                insert(i);
        table_grow(&table, &lock);
        for (unsigned i = 0; i < 1000; i++)
                assert_ptr_equal(find(i), &items[i]);
        assert_int_equal(qsbr_reclaim(&qsbr), 0); /* nothing was replaced */
        out_of_memory = false;
        table_grow(&table, &lock);
        assert_int_equal(qsbr_reclaim(&qsbr), 1);
}

static unsigned n_visits[1000];

static void count_visit(TableNode *node, void *context)
{
        const Item *item = CONTAINER_OF(node, Item, node);

        assert_ptr_equal(context, &table);
        n_visits[item - items]++;
}

/* The first visit begins before the table grows, and goes on along the old chains. */
static void grow_at_first_visit(TableNode *node, void *context)
{
        if (n_visits[999] == 0) {
                n_visits[999] = 1;
                table_grow(&table, &lock);
        }
        count_visit(node, context);
}

static void test_table_visit_meets_each_node_once(void **state)
{
        (void)state;
        memset(n_visits, 0, sizeof(n_visits));
        table_visit(&table, count_visit, &table); /* an empty one */
        for (unsigned i = 0; i < 300; i++)
                insert(i);
        table_visit(&table, grow_at_first_visit, &table);
        for (unsigned i = 0; i < 300; i++)
                assert_int_equal(n_visits[i], 1);
        table_remove(&table, &items[7].node);
        table_visit(&table, count_visit, &table);
        for (unsigned i = 0; i < 300; i++)
                assert_int_equal(n_visits[i], i == 7 ? 1 : 2);
        assert_int_equal(qsbr_reclaim(&qsbr), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_table_finds_what_was_inserted_and_nothing_else),
                TEST(test_table_foreach_visits_each_node_of_a_hash_newest_first),
                TEST(test_table_remove_takes_out_first_middle_and_last),
                TEST(test_table_removed_node_leads_its_readers_on),
                TEST(test_table_grows_only_when_crowded_and_keeps_everything),
                TEST(test_table_does_not_grow_again_before_the_grace_period),
                TEST(test_table_reader_goes_on_along_the_old_chains_while_it_grows),
                TEST(test_table_remove_after_growth_and_growth_after_remove),
                TEST(test_table_out_of_memory_only_keeps_it_small),
                TEST(test_table_visit_meets_each_node_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
