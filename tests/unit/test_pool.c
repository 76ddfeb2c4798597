/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "broker/sync/pool.h"
#include "tests/unit/death.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif

enum { N_BLOCKS = 3000 };

static Pool pool;

static int setup(void **state)
{
        (void)state;
        pool_init(&pool);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        pool_deinit(&pool);
        return 0;
}

static const size_t sizes[] = {1,    63,   64,   65,   127,   128,   129,   1000,
                               1024, 1025, 4096, 4097, 16384, 16385, 32767, POOL_SIZE_MAX};
enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void test_pool_block_is_aligned_and_all_its_bytes_are_ours(void **state)
{
        unsigned char *blocks[N_SIZES];

        (void)state;
        for (size_t i = 0; i < N_SIZES; i++) {
                blocks[i] = pool_alloc(&pool, sizes[i]);
                assert_non_null(blocks[i]);
                assert_int_equal((uintptr_t)blocks[i] % POOL_ALIGNMENT, 0);
                memset(blocks[i], (int)i + 1, sizes[i]);
        }
        for (size_t i = 0; i < N_SIZES; i++) {
                for (size_t at = 0; at < sizes[i]; at++)
                        assert_int_equal(blocks[i][at], i + 1);
                pool_free(&pool, blocks[i], sizes[i]);
        }
}

static void test_pool_blocks_of_one_class_do_not_overlap(void **state)
{
        static const size_t classes[] = {64, 128, 4096, POOL_SIZE_MAX};
        static unsigned char *blocks[40];

        (void)state;
        for (size_t c = 0; c < 4; c++) {
                for (int i = 0; i < 40; i++) { /* more than one chunk of the largest */
                        blocks[i] = pool_alloc(&pool, classes[c]);
                        memset(blocks[i], i + 1, classes[c]);
                }
                for (int i = 0; i < 40; i++) {
                        assert_int_equal(blocks[i][0], i + 1);
                        assert_int_equal(blocks[i][classes[c] - 1], i + 1);
                        pool_free(&pool, blocks[i], classes[c]);
                }
        }
}

static void test_pool_reuses_a_freed_block_of_the_same_class_only(void **state)
{
        void *small = pool_alloc(&pool, 65), *again, *other;

        (void)state;
        pool_free(&pool, small, 65);
        other = pool_alloc(&pool, 64);
        again = pool_alloc(&pool, 128); /* 65 to 128 are one class */
        assert_ptr_not_equal(other, small);
        assert_ptr_equal(again, small);
        pool_free(&pool, again, 128);
        pool_free(&pool, other, 64);
}

static void test_pool_larger_than_the_largest_class_comes_from_the_heap(void **state)
{
        const size_t size = POOL_SIZE_MAX + 1;
        unsigned char *block = pool_alloc(&pool, size);

        (void)state;
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % POOL_ALIGNMENT, 0);
        memset(block, 0xee, size);
        assert_null(pool.chunks); /* nothing was mapped for it */
        pool_free(NULL, block, size);
}

static void *free_all(void *argument)
{
        void **blocks = argument;

        for (int i = 0; i < N_BLOCKS; i++)
                pool_free(NULL, blocks[i], 200);
        return NULL;
}

static int compare_addresses(const void *a, const void *b)
{
        uintptr_t x = (uintptr_t) * (void *const *)a, y = (uintptr_t) * (void *const *)b;

        return x < y ? -1 : x > y;
}

static void test_pool_blocks_freed_by_another_thread_come_back(void **state)
{
        static void *blocks[N_BLOCKS], *again[N_BLOCKS];
        PoolChunk *newest;
        pthread_t thread;

        (void)state;
        for (int i = 0; i < N_BLOCKS; i++)
                blocks[i] = pool_alloc(&pool, 200);
        while (pool.n_free[2] > 0) /* use the chunk up, so that only returned ones are left */
                assert_non_null(pool_alloc(&pool, 200));
        newest = pool.chunks;
        assert_int_equal(pthread_create(&thread, NULL, free_all, blocks), 0);
        pthread_join(thread, NULL);
        for (int i = 0; i < N_BLOCKS; i++)
                again[i] = pool_alloc(&pool, 200);
        assert_ptr_equal(pool.chunks, newest); /* no new memory */
        qsort(blocks, N_BLOCKS, sizeof(blocks[0]), compare_addresses);
        qsort(again, N_BLOCKS, sizeof(again[0]), compare_addresses);
        assert_memory_equal(blocks, again, sizeof(blocks));
}

static void test_pool_replenish_keeps_small_classes_at_hand(void **state)
{
        PoolChunk *newest;

        (void)state;
        pool_replenish(&pool);
        newest = pool.chunks;
        for (int i = 0; i < 32; i++)
                assert_non_null(pool_alloc(&pool, 64));
        for (int i = 0; i < 4; i++)
                assert_non_null(pool_alloc(&pool, 8192));
        assert_ptr_equal(pool.chunks, newest); /* nothing had to be mapped */
        pool_replenish(&pool);
}

static void test_pool_replenish_takes_returned_blocks_back(void **state)
{
        void *block = pool_alloc(&pool, 300);
        unsigned before = pool.n_free[3];

        (void)state;
        pool_free(NULL, block, 300); /* as from another thread */
        assert_int_equal(pool.n_free[3], before);
        pool_replenish(&pool);
        assert_true(pool.n_free[3] > before);
        assert_true(stack_is_empty(&pool.returned));
}

static void free_with_the_wrong_size(void)
{
        pool_free(&pool, pool_alloc(&pool, 64), 65);
}

static void test_pool_free_with_the_size_of_another_class_is_our_bug(void **state)
{
        (void)state;
        assert_true(death_by_assertion(free_with_the_wrong_size));
}

#if WITH_ASAN
static void use_after_own_free(void)
{
        volatile unsigned char *block = pool_alloc(&pool, 100);

        pool_free(&pool, (void *)(uintptr_t)block, 100);
        block[40] = 1;
}

static void use_after_remote_free(void)
{
        volatile unsigned char *block = pool_alloc(&pool, 100);

        pool_free(NULL, (void *)(uintptr_t)block, 100);
        block[40] = 1;
}

static void run_into_the_neighbour(void)
{
        unsigned char *a = pool_alloc(&pool, 64), *b = pool_alloc(&pool, 64);
        volatile unsigned char *lower = a < b ? a : b;

        /* Blocks of a fresh chunk lie side by side. */
        pool_free(&pool, a < b ? b : a, 64);
        for (int i = 0; i < 128; i++)
                lower[i] = 1;
}

static void use_well(void)
{
        volatile unsigned char *block = pool_alloc(&pool, 100);

        block[40] = 1;
        pool_free(&pool, (void *)(uintptr_t)block, 100);
        block = pool_alloc(&pool, 100);
        for (int i = 0; i < 100; i++)
                block[i] = 1;
}

static void test_pool_free_blocks_are_poisoned(void **state)
{
        (void)state;
        assert_true(death_by_sanitizer(use_after_own_free));
        assert_true(death_by_sanitizer(use_after_remote_free));
        assert_true(death_by_sanitizer(run_into_the_neighbour));
        assert_false(death_by_sanitizer(use_well));
}
#endif

static void test_pool_says_how_much_is_free(void **state)
{
        size_t bytes, unused;
        void *block;

        (void)state;
        assert_int_equal(pool_bytes(&pool), 0);
        block = pool_alloc(&pool, 100);
        assert_non_null(block);
        bytes = pool_bytes(&pool);
        unused = pool_free_bytes(&pool);
        assert_true(bytes >= unused + 128);
        pool_free(&pool, block, 100);
        assert_int_equal(pool_bytes(&pool), bytes);
        assert_int_equal(pool_free_bytes(&pool), unused + 128);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_pool_says_how_much_is_free),
                TEST(test_pool_block_is_aligned_and_all_its_bytes_are_ours),
                TEST(test_pool_blocks_of_one_class_do_not_overlap),
                TEST(test_pool_reuses_a_freed_block_of_the_same_class_only),
                TEST(test_pool_larger_than_the_largest_class_comes_from_the_heap),
                TEST(test_pool_blocks_freed_by_another_thread_come_back),
                TEST(test_pool_replenish_keeps_small_classes_at_hand),
                TEST(test_pool_replenish_takes_returned_blocks_back),
                TEST(test_pool_free_with_the_size_of_another_class_is_our_bug),
#if WITH_ASAN
                TEST(test_pool_free_blocks_are_poisoned),
#endif
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
