/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The weak-memory explorer against the shapes whose outcomes the C11 memory model states: each has
 * exactly its outcomes, neither more nor fewer, with and without the explorer's reduction.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/lock.h"
#include "tests/race/weak.h"

#define RLX memory_order_relaxed
#define ACQ memory_order_acquire
#define REL memory_order_release
#define SC memory_order_seq_cst

enum { N_RESULTS = 4 };

static _Atomic(uint32_t) x, y;
static uint32_t plain;
static uint32_t results[N_RESULTS]; /* one writer each; its values are 0 or 1 */
static memory_order store_order, load_order;
static uint32_t outcomes; /* those seen, as a set of the results' binary numbers */
static Lock lock;

static void begin(void)
{
        atomic_store_explicit(&x, 0, RLX);
        atomic_store_explicit(&y, 0, RLX);
        plain = 0;
        memset(results, 0, sizeof(results));
        lock_init(&lock);
}

static void end(void)
{
        uint32_t outcome = 0;

        for (unsigned i = 0; i < N_RESULTS; i++)
                outcome |= (results[i] & 1) << i;
        outcomes |= UINT32_C(1) << outcome;
}

static void put_x(void)
{
        atomic_store_explicit(&x, 1, store_order);
}

static void put_y(void)
{
        atomic_store_explicit(&y, 1, store_order);
}

static void put_x_get_y(void)
{
        atomic_store_explicit(&x, 1, store_order);
        results[0] = atomic_load_explicit(&y, load_order);
}

static void put_y_get_x(void)
{
        atomic_store_explicit(&y, 1, store_order);
        results[1] = atomic_load_explicit(&x, load_order);
}

static void put_x_put_y(void)
{
        atomic_store_explicit(&x, 1, RLX);
        atomic_store_explicit(&y, 1, store_order);
}

static void get_y_get_x(void)
{
        results[0] = atomic_load_explicit(&y, load_order);
        results[1] = atomic_load_explicit(&x, load_order);
}

static void get_x_get_y(void)
{
        results[2] = atomic_load_explicit(&x, load_order);
        results[3] = atomic_load_explicit(&y, load_order);
}

static void get_x_twice(void)
{
        results[0] = atomic_load_explicit(&x, load_order);
        results[1] = atomic_load_explicit(&x, load_order);
}

static void get_x_put_y(void)
{
        results[2] = atomic_load_explicit(&x, load_order);
        atomic_store_explicit(&y, results[2], store_order);
}

static void get_x_put_one_in_y(void)
{
        results[0] = atomic_load_explicit(&x, load_order);
        atomic_store_explicit(&y, 1, store_order);
}

static void get_y_put_one_in_x(void)
{
        results[1] = atomic_load_explicit(&y, load_order);
        atomic_store_explicit(&x, 1, store_order);
}

static void add_two_to_y(void)
{
        atomic_fetch_add_explicit(&y, 2, RLX);
}

static void put_x_exchange_y(void)
{
        atomic_store_explicit(&x, 1, RLX);
        atomic_exchange_explicit(&y, 1, store_order);
}

static void put_x_put_y_twice(void)
{
        put_x_put_y();
        atomic_store_explicit(&y, 1, RLX);
}

/* results[0]: whether the swap went through; an order-free failure may read anything. */
static void swap_x(void)
{
        uint32_t expected = 0;

        results[weak_thread()] =
                atomic_compare_exchange_strong_explicit(&x, &expected, 1, RLX, RLX);
}

static void swap_x_weakly(void)
{
        uint32_t expected = 0;

        results[weak_thread()] = atomic_compare_exchange_weak_explicit(&x, &expected, 1, RLX, RLX);
}

static void exchange_x_get_y(void)
{
        atomic_exchange_explicit(&x, 1, memory_order_acq_rel);
        results[0] = atomic_load_explicit(&y, ACQ);
}

static void exchange_y_get_x(void)
{
        atomic_exchange_explicit(&y, 1, memory_order_acq_rel);
        results[1] = atomic_load_explicit(&x, ACQ);
}

static void write_plain(void)
{
        plain = 1;
}

static void write_plain_put_x(void)
{
        plain = 1;
        atomic_store_explicit(&x, 1, store_order);
}

static void read_plain_after_x(void)
{
        results[0] = atomic_load_explicit(&x, load_order);
        if (results[0])
                results[1] = plain;
}

static void count_under_lock(void) LOCK_UNCHECKED
{
        lock_acquire(&lock);
        plain++;
        atomic_store_explicit(&x, atomic_load_explicit(&x, RLX) + 1, RLX);
        results[weak_thread()] = plain == atomic_load_explicit(&x, RLX);
        lock_release(&lock);
}

typedef struct Litmus {
        const char *name;
        void (*threads[WEAK_THREADS_MAX])(void);
        memory_order store, load;
        uint32_t outcomes; /* all that there are; 0: a failure */
        unsigned failures_max;
} Litmus;

#define O(number) (UINT32_C(1) << (number))
enum { TWO = 15 }; /* each outcome of two results */

static const Litmus litmuses[] = {
        {"store buffering, relaxed", {put_x_get_y, put_y_get_x}, RLX, RLX, TWO, 0},
        {"store buffering, release/acquire", {put_x_get_y, put_y_get_x}, REL, ACQ, TWO, 0},
        {"store buffering, seq_cst stores", {put_x_get_y, put_y_get_x}, SC, ACQ, TWO, 0},
        {"store buffering, seq_cst loads", {put_x_get_y, put_y_get_x}, REL, SC, TWO, 0},
        {"store buffering, seq_cst", {put_x_get_y, put_y_get_x}, SC, SC, TWO & ~O(0), 0},
        {"store buffering, acq_rel exchanges",
         {exchange_x_get_y, exchange_y_get_x},
         RLX,
         RLX,
         TWO,
         0},
        {"message passing, relaxed", {put_x_put_y, get_y_get_x}, RLX, RLX, TWO, 0},
        {"message passing, release", {put_x_put_y, get_y_get_x}, REL, RLX, TWO, 0},
        {"message passing, acquire", {put_x_put_y, get_y_get_x}, RLX, ACQ, TWO, 0},
        {"message passing", {put_x_put_y, get_y_get_x}, REL, ACQ, TWO & ~O(1), 0},
        {"release sequence, by another's update",
         {put_x_exchange_y, add_two_to_y, get_y_get_x},
         REL,
         ACQ,
         TWO & ~O(1),
         0},
        {"no release sequence by one's own store",
         {put_x_put_y_twice, get_y_get_x},
         REL,
         ACQ,
         TWO,
         0},
        {"coherence of two reads", {put_x, get_x_twice}, RLX, RLX, TWO & ~O(1), 0},
        {"load buffering: the model has none",
         {get_x_put_one_in_y, get_y_put_one_in_x},
         RLX,
         RLX,
         TWO & ~O(3),
         0},
        {"write to read causality, relaxed",
         {put_x, get_x_put_y, get_y_get_x},
         RLX,
         RLX,
         O(0) | O(2) | O(4) | O(6) | O(5) | O(7),
         0},
        {"write to read causality",
         {put_x, get_x_put_y, get_y_get_x},
         REL,
         ACQ,
         O(0) | O(2) | O(4) | O(6) | O(7),
         0},
        {"independent reads of independent writes, acquire",
         {put_x, put_y, get_y_get_x, get_x_get_y},
         REL,
         ACQ,
         0xffff,
         0},
        {"independent reads of independent writes, seq_cst",
         {put_x, put_y, get_y_get_x, get_x_get_y},
         SC,
         SC,
         0xffff & ~O(5),
         0},
        {"strong swaps: one wins", {swap_x, swap_x}, RLX, RLX, O(1) | O(2), 0},
        {"weak swaps: one wins, or fails once",
         {swap_x_weakly, swap_x_weakly},
         RLX,
         RLX,
         O(1) | O(2),
         0},
        {"weak swaps that fail once", {swap_x_weakly, swap_x_weakly}, RLX, RLX, O(1) | O(2), 1},
        {"weak swaps that fail twice",
         {swap_x_weakly, swap_x_weakly},
         RLX,
         RLX,
         O(0) | O(1) | O(2),
         2},
        {"plain memory, passed", {write_plain_put_x, read_plain_after_x}, REL, ACQ, O(0) | O(3), 0},
        {"plain memory, not released", {write_plain_put_x, read_plain_after_x}, RLX, ACQ, 0, 0},
        {"plain memory, not acquired", {write_plain_put_x, read_plain_after_x}, REL, RLX, 0, 0},
        {"plain memory, two writers", {write_plain, write_plain}, RLX, RLX, 0, 0},
        {"a lock", {count_under_lock, count_under_lock}, RLX, RLX, O(3), 0},
        {"two stores that nothing orders", {put_x, put_x}, RLX, RLX, 0, 0},
};

static void run_litmus(const Litmus *litmus)
{
        WeakScenario scenario = {.name = litmus->name,
                                 .begin = begin,
                                 .end = end,
                                 .failures_max = litmus->failures_max};

        memcpy(scenario.threads, litmus->threads, sizeof(scenario.threads));
        while (scenario.n_threads < WEAK_THREADS_MAX && scenario.threads[scenario.n_threads])
                scenario.n_threads++;
        store_order = litmus->store;
        load_order = litmus->load;
        outcomes = 0;
        if (!weak_run(&scenario, false))
                outcomes = 0;
        if (outcomes != litmus->outcomes)
                fail_msg("%s: outcomes %#x, expected %#x %s", litmus->name, outcomes,
                         litmus->outcomes, weak_failure());
}

static void test_litmus_outcomes_with_reduction_are_exact(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(litmuses); i++)
                run_litmus(&litmuses[i]);
}

static void test_litmus_outcomes_without_reduction_are_exact(void **state)
{
        (void)state;
        weak_unreduced = true;
        for (size_t i = 0; i < ARRAY_SIZE(litmuses); i++)
                run_litmus(&litmuses[i]);
        weak_unreduced = false;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_litmus_outcomes_with_reduction_are_exact),
                cmocka_unit_test(test_litmus_outcomes_without_reduction_are_exact),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
