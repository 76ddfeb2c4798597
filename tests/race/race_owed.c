/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/assert.h"
#include "broker/sync/counter.h"
#include "broker/sync/owed.h"
#include "tests/race/race.h"

/*
 * Callers add records to one callee's list and, at random, withdraw them; the callee takes, answers
 * some, then seals and answers the rest. Each record is answered exactly once: by the callee, by
 * withdrawal, or by the caller whose addition was refused.
 */
enum { N_CALLERS = 3, N_RECORDS = 100 };

typedef struct Record {
        StackNode added;
        OwedState state;
        Counter n_answers;
        unsigned serial; /* plain: comes with the addition */
} Record;

static OwedList list;
static Record records[N_CALLERS][N_RECORDS];
static unsigned n_rounds;
static Counter n_refused, n_sealed, n_withdrawn;

static void answer(Record *record)
{
        if (owed_state_consume(&record->state))
                counter_add(&record->n_answers, 1);
        ASSERT(owed_state_is_consumed(&record->state));
}

static void call(unsigned index, uint64_t *seed)
{
        for (unsigned i = 0; i < N_RECORDS; i++) {
                Record *record = &records[index][i];

                record->serial = i + 1;
                if (!owed_list_add(&list, &record->added)) {
                        ASSERT(!owed_state_is_consumed(&record->state));
                        answer(record);
                        counter_add(&n_refused, 1);
                } else if (race_random(seed, 3) == 0) {
                        answer(record);
                        counter_add(&n_withdrawn, 1);
                }
                race_stumble(seed);
        }
}

static unsigned answer_chain(StackNode *node)
{
        unsigned n = 0;

        for (; node; node = node->next, n++) {
                Record *record = CONTAINER_OF(node, Record, added);

                ASSERT(record->serial > 0);
                answer(record);
        }
        return n;
}

static void serve_and_leave(uint64_t *seed)
{
        for (unsigned n = race_random(seed, 100); n > 0; n--) {
                answer_chain(owed_list_take(&list));
                race_stumble(seed);
        }
        counter_add(&n_sealed, answer_chain(owed_list_seal(&list)));
}

static void body(Race *race, unsigned index)
{
        uint64_t seed = index;

        while (race_goes_on(race)) {
                if (index == 0) {
                        memset(records, 0, sizeof(records));
                        owed_list_init(&list);
                        n_rounds++;
                }
                race_meet(race);
                if (index < N_CALLERS)
                        call(index, &seed);
                else
                        serve_and_leave(&seed);
                race_meet(race);
                for (unsigned i = 0; index == 0 && i < N_CALLERS * N_RECORDS; i++)
                        ASSERT(counter_read(&records[i / N_RECORDS][i % N_RECORDS].n_answers) == 1);
        }
}

static void test_owed_sealing_against_adding_answers_each_record_once(void **state)
{
        (void)state;
        /* On a busy machine the callee may leave too late, or too early, for a while. */
        for (int i = 0; i < RACE_TRIES && (!counter_read(&n_refused) || !counter_read(&n_sealed));
             i++)
                race_run(N_CALLERS + 1, body, NULL);
        print_message("%u rounds; %llu refused, %llu found by sealing, %llu withdrawn\n", n_rounds,
                      (unsigned long long)counter_read(&n_refused),
                      (unsigned long long)counter_read(&n_sealed),
                      (unsigned long long)counter_read(&n_withdrawn));
        assert_true(counter_read(&n_refused) > 0);
        assert_true(counter_read(&n_sealed) > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_owed_sealing_against_adding_answers_each_record_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
