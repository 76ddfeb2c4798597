/* SPDX-License-Identifier: Apache-2.0 */
/* Stack, replies owed, references, published pointers. Contents are plain memory. */
#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/cell.h"
#include "broker/sync/owed.h"
#include "broker/sync/refcount.h"
#include "broker/sync/stack.h"
#include "tests/race/weak_scenarios.h"

enum { N_ITEMS = 2 };

typedef struct Item {
        StackNode node;
        OwedState state;
        unsigned text;
        unsigned n_out;
} Item;

static Item items[WEAK_THREADS_MAX][N_ITEMS];
static Stack stack;
static unsigned n_first; /* pushers that found the stack empty, told by the taker's chains */

static void begin_stack(void)
{
        memset(items, 0, sizeof(items));
        stack_init(&stack);
        n_first = 0;
}

static void stack_pusher(void)
{
        for (unsigned i = 0; i < N_ITEMS; i++) {
                items[weak_thread()][i].text = 7;
                stack_push(&stack, &items[weak_thread()][i].node);
        }
}

static void receive_items(StackNode *node)
{
        for (node = stack_reverse(node); node; node = node->next) {
                Item *item = CONTAINER_OF(node, Item, node);

                ASSERT(item->text == 7);
                item->n_out++;
        }
}

static void stack_taker(void)
{
        receive_items(stack_take(&stack));
        receive_items(stack_take(&stack));
}

static void check_stack(void)
{
        receive_items(stack_take(&stack));
        for (unsigned t = 0; t < 2; t++)
                for (unsigned i = 0; i < N_ITEMS; i++)
                        ASSERT(items[t][i].n_out == 1);
}

/* A node that is pushed again by whoever turns off the switch is in switch scenarios. */

static OwedList list;
static unsigned settled_by[WEAK_THREADS_MAX + 1]; /* what each party did before it consumed */

static void begin_owed(void)
{
        memset(items, 0, sizeof(items));
        owed_list_init(&list);
}

static void answer(Item *item)
{
        ASSERT(item->text == 7);
        if (owed_state_consume(&item->state))
                item->n_out++;
}

static void call(Item *item)
{
        item->text = 7;
        if (!owed_list_add(&list, &item->node))
                answer(item);
}

static void caller_of_two(void)
{
        call(&items[0][0]);
        call(&items[0][1]);
}

static void caller_that_withdraws(void)
{
        call(&items[1][0]);
        answer(&items[1][0]);
}

static void answer_chain(StackNode *node)
{
        for (; node; node = node->next)
                answer(CONTAINER_OF(node, Item, node));
}

static void callee(void)
{
        answer_chain(owed_list_take(&list));
        answer_chain(owed_list_seal(&list));
        ASSERT(!owed_list_take(&list));
}

static void check_owed(void)
{
        ASSERT(items[0][0].n_out == 1 && items[0][1].n_out == 1 && items[1][0].n_out == 1);
}

/* Whoever finds a record consumed sees what the winner did before. */

static OwedState contested;
static unsigned n_winners[WEAK_THREADS_MAX];

static void begin_consume(void)
{
        owed_state_init(&contested);
        memset(n_winners, 0, sizeof(n_winners));
        memset(settled_by, 0, sizeof(settled_by));
}

static void consumer(void)
{
        const unsigned me = weak_thread();

        settled_by[me] = 1;
        n_winners[me] = owed_state_consume(&contested);
        if (!n_winners[me])
                ASSERT(settled_by[me ^ 1] == 1);
}

static void looker(void)
{
        if (owed_state_is_consumed(&contested))
                settled_by[WEAK_THREADS_MAX] = settled_by[0];
}

static void looked_at(void)
{
        settled_by[0] = 1;
        ASSERT(owed_state_consume(&contested));
}

static void check_consume(void)
{
        ASSERT(n_winners[0] + n_winners[1] == 1);
}

/* References: whoever drops the last sees all uses and frees; who is alone may change. */

static RefCount references;
static unsigned uses[WEAK_THREADS_MAX], n_freed[WEAK_THREADS_MAX];
static unsigned body;

static void begin_references(void)
{
        refcount_init(&references, 3);
        memset(uses, 0, sizeof(uses));
        memset(n_freed, 0, sizeof(n_freed));
        body = 1;
}

static void user(void)
{
        const unsigned me = weak_thread();

        ASSERT(body > 0);
        uses[me]++;
        if (refcount_drop(&references, 1)) {
                n_freed[me]++;
                body = 0;
                memset(uses, 0, sizeof(uses));
        }
}

static void user_that_changes(void)
{
        if (refcount_is_single(&references))
                body = 2;
        user();
}

static void user_that_lends(void)
{
        refcount_add(&references, 1);
        ASSERT(!refcount_drop(&references, 1));
        user();
}

static void check_references(void)
{
        ASSERT(n_freed[0] + n_freed[1] + n_freed[2] == 1);
}

/* Two replace a pointer by exchange: each hands its text on and gets another's. */

static Cell cell;
static unsigned replaced[3];

static void begin_exchange(void)
{
        replaced[0] = 7;
        replaced[1] = 0;
        replaced[2] = 0;
        cell_init(&cell, &replaced[0]);
}

static void replacer(void)
{
        unsigned *mine = &replaced[weak_thread() + 1], *other;

        *mine = 7;
        other = cell_exchange(&cell, mine);
        ASSERT(*other == 7);
        *other = 8; /* ours alone now */
}

static void check_exchange(void)
{
        const unsigned *last = cell_get(&cell);

        ASSERT(*last == 7 && replaced[0] == 8);
}

static WeakScenario stack_push_push_take = {.name = "stack: push, push, take",
                                            .n_threads = 3,
                                            .threads = {stack_pusher, stack_pusher, stack_taker},
                                            .begin = begin_stack,
                                            .end = check_stack,
                                            .failures_max = 1};
static WeakScenario owed_add_take_seal = {.name = "owed: add, add and withdraw, take and seal",
                                          .n_threads = 3,
                                          .threads = {caller_of_two, caller_that_withdraws, callee},
                                          .begin = begin_owed,
                                          .end = check_owed,
                                          .failures_max = 1};
static WeakScenario owed_consume = {.name = "owed: consume, consume",
                                    .n_threads = 2,
                                    .threads = {consumer, consumer},
                                    .begin = begin_consume,
                                    .end = check_consume};
static WeakScenario owed_look = {.name = "owed: consume, look",
                                 .n_threads = 2,
                                 .threads = {looked_at, looker},
                                 .begin = begin_consume};
static WeakScenario reference_drop = {.name = "references: drop, change when alone, lend",
                                      .n_threads = 3,
                                      .threads = {user, user_that_changes, user_that_lends},
                                      .begin = begin_references,
                                      .end = check_references};
static WeakScenario cell_exchanges = {.name = "cell: exchange, exchange",
                                      .n_threads = 2,
                                      .threads = {replacer, replacer},
                                      .begin = begin_exchange,
                                      .end = check_exchange};

const WeakSuite weak_suite_lists = {{&stack_push_push_take, &owed_add_take_seal, &owed_consume,
                                     &owed_look, &reference_drop, &cell_exchanges}};
