/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/owed.h"
#include "tests/race/explorer.h"

/* Callers add and one of them withdraws; the callee takes, then seals: each record has one answer.
 */
enum { N_RECORDS = 3 };

typedef struct Record {
        StackNode added;
        OwedState state;
        unsigned n_answers;
} Record;

static OwedList list;
static Record records[N_RECORDS];

static void begin(void)
{
        memset(records, 0, sizeof(records));
        owed_list_init(&list);
}

static void answer(Record *record)
{
        if (owed_state_consume(&record->state))
                record->n_answers++;
}

static void call(Record *record)
{
        if (!owed_list_add(&list, &record->added))
                answer(record);
}

static void caller_of_two(void)
{
        call(&records[0]);
        call(&records[1]);
}

static void caller_that_withdraws(void)
{
        call(&records[2]);
        answer(&records[2]);
}

static void answer_chain(StackNode *node)
{
        for (; node; node = node->next)
                answer(CONTAINER_OF(node, Record, added));
}

static void callee(void)
{
        answer_chain(owed_list_take(&list));
        answer_chain(owed_list_seal(&list));
}

static void check(void)
{
        StackNode late;

        for (unsigned i = 0; i < N_RECORDS; i++)
                ASSERT(records[i].n_answers == 1);
        ASSERT(!owed_list_add(&list, &late));
}

static void test_owed_adding_against_sealing_in_every_interleaving(void **state)
{
        Explorer explorer = {.n_threads = 3,
                             .threads = {caller_of_two, caller_that_withdraws, callee},
                             .begin = begin,
                             .end = check,
                             .preemptions_max = 6,
                             .failures_max = 1};

        (void)state;
        explorer_run(&explorer);
        print_message("%llu interleavings\n", (unsigned long long)explorer.n_interleavings);
        assert_true(explorer.n_interleavings > 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_owed_adding_against_sealing_in_every_interleaving),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
