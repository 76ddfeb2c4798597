/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/cell.h"
#include "broker/sync/counter.h"
#include "broker/sync/pool.h"
#include "tests/race/race.h"

/*
 * Every thread allocates from its own pool and passes blocks on; whoever gets a block checks what
 * the allocator wrote, overwrites it and frees it into the allocator's pool from outside. A block
 * that two hold at once shows as a wrong pattern, or to the sanitizers.
 */
enum { N_THREADS = 4, N_PLACES = 64, BLOCK_MAX = 5000 };

typedef struct Block {
        size_t size;
        unsigned owner;
        unsigned char bytes[];
} Block;

static Pool pools[N_THREADS];
static Cell places[N_PLACES]; /* blocks on their way */
static Counter n_remote, n_own;

static Block *make(unsigned index, uint64_t *seed)
{
        size_t size = sizeof(Block) + race_random(seed, BLOCK_MAX);
        Block *block = pool_alloc(&pools[index], size);

        ASSERT(block && (uintptr_t)block % POOL_ALIGNMENT == 0);
        block->size = size;
        block->owner = index;
        memset(block->bytes, (int)(size % 251), size - sizeof(Block));
        return block;
}

static void check_and_free(unsigned index, Block *block)
{
        size_t size = block->size;

        for (size_t i = 0; i < size - sizeof(Block); i++)
                ASSERT(block->bytes[i] == size % 251);
        counter_add(block->owner == index ? &n_own : &n_remote, 1);
        memset(block, 0xff, size);
        pool_free(&pools[index], block, size);
}

static void body(Race *race, unsigned index)
{
        uint64_t seed = index;

        race_meet(race);
        while (!race_is_over(race)) {
                for (int i = 0; i < 100; i++) {
                        Block *other = cell_exchange(&places[race_random(&seed, N_PLACES)],
                                                     make(index, &seed));

                        if (other)
                                check_and_free(index, other);
                }
                if (race_random(&seed, 4) == 0)
                        pool_replenish(&pools[index]);
                race_stumble(&seed);
        }
        race_meet(race); /* nobody's pool goes before its blocks have come back */
}

static void test_pool_blocks_freed_by_others_are_never_in_two_hands(void **state)
{
        (void)state;
        for (unsigned i = 0; i < N_THREADS; i++)
                pool_init(&pools[i]);
        for (int i = 0; i < RACE_TRIES && (!counter_read(&n_remote) || !counter_read(&n_own)); i++)
                race_run(N_THREADS, body, NULL);
        for (unsigned i = 0; i < N_PLACES; i++) {
                Block *block = cell_exchange(&places[i], NULL);

                if (block)
                        pool_free(NULL, block, block->size);
        }
        for (unsigned i = 0; i < N_THREADS; i++)
                pool_deinit(&pools[i]);
        print_message("%llu freed by others, %llu by their owner\n",
                      (unsigned long long)counter_read(&n_remote),
                      (unsigned long long)counter_read(&n_own));
        assert_true(counter_read(&n_remote) > 0 && counter_read(&n_own) > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pool_blocks_freed_by_others_are_never_in_two_hands),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
