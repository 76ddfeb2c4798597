/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/counter.h"
#include "broker/sync/qsbr.h"
#include "broker/sync/table.h"
#include "tests/race/race.h"

/*
 * Readers look up without a lock while one writer inserts and removes, the table grows, and a
 * reclaimer frees what was retired, with free(3): the sanitizers see whoever is still on it. The
 * first N_STABLE keys are never removed, so each look-up must find them, also in the middle of a
 * growth.
 */
enum { N_READERS = 3, WRITER = N_READERS, RECLAIMER, N_THREADS, N_STABLE = 50, N_KEYS = 6000 };

typedef struct Item {
        TableNode node;
        Retired retired;
        unsigned key;   /* immutable */
        unsigned check; /* ~key */
} Item;

static Table table;
static Qsbr qsbr;
static Wake wake;
static Lock lock;
static Item *items[N_KEYS]; /* the writer's */
static Counter n_freed, n_found, n_rounds, n_readers_done;

static uint64_t hash_of(unsigned key)
{
        return key / 4 * UINT64_C(0x9e3779b97f4a7c15); /* four keys share a hash */
}

static void item_free(Retired *retired)
{
        Item *item = CONTAINER_OF(retired, Item, retired);

        item->check = 0;
        free(item);
        counter_add(&n_freed, 1);
}

static void insert(unsigned key)
{
        Item *item = calloc(1, sizeof(*item));

        ASSERT(item);
        item->key = key;
        item->check = ~key;
        items[key] = item;
        table_insert(&table, &item->node, hash_of(key));
}

static void take_out(unsigned key)
{
        Item *item = items[key];

        items[key] = NULL;
        table_remove(&table, &item->node);
        qsbr_retire(&qsbr, &item->retired, item_free);
}

static bool look_up(unsigned key, uint64_t *seed)
{
        bool found = false;

        TABLE_FOREACH_MATCH(&table, hash_of(key), cursor)
        {
                const Item *item = CONTAINER_OF(cursor.node, Item, node);

                race_stumble(seed); /* stands on it for a while */
                ASSERT(item->check == ~item->key);
                ASSERT(item->key / 4 == key / 4);
                found = found || item->key == key;
        }
        return found;
}

static void read_until_over(Race *race, uint64_t *seed)
{
        qsbr_register_thread();
        while (!race_is_over(race)) {
                for (int i = 0; i < 64; i++) {
                        unsigned stable = race_random(seed, N_STABLE);

                        ASSERT(look_up(stable, seed));
                        counter_add(&n_found, look_up(race_random(seed, N_KEYS), seed));
                }
                if (race_random(seed, 8) == 0) {
                        qsbr_offline();
                        sched_yield();
                        qsbr_online();
                } else {
                        qsbr_quiescent();
                }
        }
        qsbr_unregister_thread();
        counter_add(&n_readers_done, 1);
}

static void change(uint64_t *seed)
{
        unsigned key = N_STABLE + race_random(seed, N_KEYS - N_STABLE);

        lock_acquire(&lock);
        if (items[key])
                take_out(key);
        else
                insert(key);
        lock_release(&lock);
}

/* Half of the keys are there on average: the table grows three times on the way to that. */
static void write_until_over(Race *race, uint64_t *seed)
{
        qsbr_register_thread();
        while (!race_is_over(race)) {
                for (int i = 0; i < 200; i++)
                        change(seed);
                table_grow(&table, &lock);
                qsbr_kick(&qsbr);
                qsbr_quiescent();
                race_stumble(seed);
        }
        qsbr_unregister_thread();
}

static void reclaim_until_over(void)
{
        while (counter_read(&n_readers_done) < N_READERS) {
                if (qsbr_reclaim(&qsbr) > 0)
                        counter_add(&n_rounds, 1);
                else
                        sched_yield();
        }
}

static void body(Race *race, unsigned index)
{
        uint64_t seed = index;

        if (index < N_READERS)
                read_until_over(race, &seed);
        else if (index == WRITER)
                write_until_over(race, &seed);
        else
                reclaim_until_over();
}

static void test_table_readers_never_meet_freed_nodes_and_miss_no_stable_one(void **state)
{
        (void)state;
        lock_init(&lock);
        assert_int_equal(wake_init(&wake), 0);
        qsbr_init(&qsbr, &wake);
        assert_int_equal(table_init(&table, &qsbr), 0);
        for (unsigned key = 0; key < N_STABLE; key++)
                insert(key);
        for (int i = 0; i < RACE_TRIES && (!counter_read(&n_found) || !counter_read(&n_freed));
             i++) {
                n_readers_done = (Counter){0};
                race_run(N_THREADS, body, NULL);
        }
        while (qsbr_reclaim(&qsbr) > 0)
                continue;
        print_message("%llu found, %llu freed in %llu grace periods, %zu left\n",
                      (unsigned long long)counter_read(&n_found),
                      (unsigned long long)counter_read(&n_freed),
                      (unsigned long long)counter_read(&n_rounds), table_count(&table));
        assert_true(counter_read(&n_found) > 0 && counter_read(&n_freed) > 0);
        for (unsigned key = 0; key < N_KEYS; key++)
                free(items[key]);
        table_deinit(&table);
        wake_deinit(&wake);
        lock_deinit(&lock);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table_readers_never_meet_freed_nodes_and_miss_no_stable_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
