/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/counter.h"
#include "broker/sync/stack.h"
#include "tests/race/race.h"

enum { N_PUSHERS = 4, N_NODES = 500 };

typedef struct Node {
        StackNode node;
        unsigned pusher; /* plain: comes with the push */
        unsigned number;
} Node;

static Stack stack;
static Node nodes[N_PUSHERS][N_NODES];
static Counter n_done;
static Counter n_found_empty; /* pushes that found it empty, since the last take */
static unsigned n_rounds, n_takes;

/* Takes what is there; checks order; returns how many. */
static unsigned take(unsigned *next)
{
        StackNode *node = stack_reverse(stack_take(&stack));
        unsigned n = 0;

        for (; node; node = node->next, n++) {
                const Node *mine = CONTAINER_OF(node, Node, node);

                ASSERT(mine->number == next[mine->pusher]);
                next[mine->pusher]++;
        }
        return n;
}

static void take_all(uint64_t *seed)
{
        unsigned next[N_PUSHERS] = {0}, total = 0;
        uint64_t chains = 0;

        while (total < N_PUSHERS * N_NODES) {
                unsigned n = take(next);

                total += n;
                chains += n > 0;
                race_stumble(seed);
        }
        n_takes += (unsigned)chains;
        while (counter_read(&n_done) < N_PUSHERS)
                race_stumble(seed);
        ASSERT(stack_is_empty(&stack));
        /* Each chain was begun by exactly one push that found the stack empty. */
        ASSERT(counter_read(&n_found_empty) == chains);
}

static void push_all(unsigned index, uint64_t *seed)
{
        for (unsigned i = 0; i < N_NODES; i++) {
                nodes[index][i] = (Node){.pusher = index, .number = i};
                if (stack_push(&stack, &nodes[index][i].node))
                        counter_add(&n_found_empty, 1);
                race_stumble(seed);
        }
        counter_add(&n_done, 1);
}

static void body(Race *race, unsigned index)
{
        uint64_t seed = index;

        while (race_goes_on(race)) {
                if (index == 0) {
                        stack_init(&stack);
                        n_done = (Counter){0};
                        n_found_empty = (Counter){0};
                        n_rounds++;
                }
                race_meet(race);
                if (index < N_PUSHERS)
                        push_all(index, &seed);
                else
                        take_all(&seed);
        }
}

static void test_stack_many_pushers_one_taker_lose_nothing_and_keep_order(void **state)
{
        (void)state;
        for (int i = 0; i < RACE_TRIES && n_takes <= n_rounds; i++)
                race_run(N_PUSHERS + 1, body, NULL);
        print_message("%u rounds, %u chains\n", n_rounds, n_takes);
        assert_true(n_takes > n_rounds);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stack_many_pushers_one_taker_lose_nothing_and_keep_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
