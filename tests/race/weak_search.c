/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/race/weak_search.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/assert.h"
#include "tests/race/fiber.h"
#include "tests/race/weak.h"
#include "tests/race/weak_memory.h"

enum { STACK_SIZE = 128 * 1024, CHOICES_MAX = 4096, STEPS_MAX = 2000, NOTES_PRINTED = 60 };

typedef enum Blocking { NEVER, WHILE_SET, WHILE_CLEAR } Blocking;

typedef struct Coroutine {
        Fiber fiber;
        bool ended;
        /* The step it wants to take next. */
        unsigned location;
        Blocking blocking;
        bool is_sc;
        unsigned explored; /* so many of the location's values have been there already; 0: awake */
} Coroutine;

typedef struct Choice {
        unsigned char n;
        unsigned char taken;
} Choice;

typedef struct Note {
        const char *function;
        const char *operation;
        unsigned thread, location, index;
} Note;

static struct {
        WeakScenario *scenario; /* NULL: none runs */
        Fiber outside;
        jmp_buf checking; /* where a failing check of `end` goes to */
        Coroutine coroutines[WEAK_THREADS_MAX];
        unsigned current;
        bool starting; /* threads run up to their first step */
        bool ending;
        bool cut;
        unsigned failures;
        unsigned oldest; /* see search_oldest() */
        Choice choices[CHOICES_MAX];
        unsigned n_choices, at;
        Note notes[STEPS_MAX];
        unsigned n_notes;
        char failure[256]; /* "": none */
} search;

bool weak_unreduced;

static char stacks[WEAK_THREADS_MAX][STACK_SIZE] __attribute__((aligned(64)));

bool search_is_on(void)
{
        return search.scenario && !search.ending;
}

uint64_t search_peek(const void *address, size_t size)
{
        uint64_t bits = 0;

        memcpy(&bits, address, size);
        return bits;
}

unsigned weak_thread(void)
{
        return search.current;
}

const char *weak_failure(void)
{
        return search.failure;
}

_Noreturn void search_fail(const char *reason)
{
        snprintf(search.failure, sizeof(search.failure), "%s", reason);
        if (search.ending)
                longjmp(search.checking, 1);
        fiber_leave(&search.outside);
}

/* EXCEPTION: takes the place of broker/base/assert.c, so that a failing assertion of the code under
 * test ends the execution and not the process. */
_Noreturn void assert_failed(const char *expression, const char *file, int line)
{
        char reason[200];

        snprintf(reason, sizeof(reason), "%s:%d: %s", file, line, expression);
        if (search.scenario)
                search_fail(reason);
        fprintf(stderr, "ringbus: assertion failed: %s\n", reason);
        __builtin_trap();
}

unsigned search_choose(unsigned n)
{
        if (n == 1)
                return 0;
        if (search.at == search.n_choices) {
                ASSERT(search.n_choices < CHOICES_MAX && n < 256);
                search.choices[search.n_choices++] = (Choice){.n = (unsigned char)n};
        }
        ASSERT(search.choices[search.at].n == n && "not deterministic");
        return search.choices[search.at++].taken;
}

static bool advance(void)
{
        while (search.n_choices > 0) {
                Choice *last = &search.choices[search.n_choices - 1];

                if (++last->taken < last->n)
                        return true;
                search.n_choices--;
        }
        return false;
}

bool search_may_fail(void)
{
        return search.failures < search.scenario->failures_max;
}

void search_count_failure(void)
{
        search.failures++;
}

static bool is_enabled(const Coroutine *coroutine)
{
        if (coroutine->ended)
                return false;
        return coroutine->blocking == NEVER || (weak_memory_newest(coroutine->location) != 0) ==
                                                       (coroutine->blocking == WHILE_CLEAR);
}

/* Everything it could do now was done in an execution that is explored, before what others have
 * done since, which does not see it. */
static bool is_asleep(const Coroutine *coroutine)
{
        return coroutine->explored == weak_memory_count(coroutine->location);
}

/* Wakes those whose step does not commute with the one that is chosen, beyond what the number of
 * values tells: sequentially consistent operations on one location. */
static void wake_others(const Coroutine *chosen)
{
        if (!chosen->is_sc)
                return;
        for (unsigned i = 0; i < search.scenario->n_threads; i++) {
                Coroutine *other = &search.coroutines[i];

                if (other != chosen && other->is_sc && other->location == chosen->location)
                        other->explored = 0;
        }
}

/* Chooses who takes the next step; NULL: the execution is over. */
static Coroutine *choose_thread(void)
{
        Coroutine *candidates[WEAK_THREADS_MAX], *chosen;
        unsigned n = 0, n_alive = 0, n_enabled = 0, taken;

        for (unsigned i = 0; i < search.scenario->n_threads; i++) {
                unsigned at = (search.current + i) % search.scenario->n_threads;
                Coroutine *coroutine = &search.coroutines[at];

                n_alive += !coroutine->ended;
                if (!is_enabled(coroutine))
                        continue;
                n_enabled++;
                if (!is_asleep(coroutine))
                        candidates[n++] = coroutine;
        }
        if (n == 0) {
                search.cut = n_enabled > 0;
                if (n_alive > 0 && n_enabled == 0)
                        snprintf(search.failure, sizeof(search.failure), "somebody waits for ever");
                return NULL;
        }
        taken = search_choose(n);
        for (unsigned i = 0; i < taken && !weak_unreduced; i++)
                candidates[i]->explored = weak_memory_count(candidates[i]->location);
        chosen = candidates[taken];
        wake_others(chosen);
        search.current = (unsigned)(chosen - search.coroutines);
        search.oldest = chosen->explored;
        chosen->explored = 0;
        return chosen;
}

/* Lets somebody go on; returns when it is this thread. */
static void schedule(Coroutine *me)
{
        Coroutine *chosen = choose_thread();

        if (chosen == me)
                return;
        fiber_change(&me->fiber, chosen ? &chosen->fiber : &search.outside);
}

static unsigned take_step(void *address, size_t size, Blocking blocking, bool is_sc)
{
        Coroutine *me = &search.coroutines[search.current];

        me->location = weak_memory_find(address, size);
        me->blocking = blocking;
        me->is_sc = is_sc;
        if (search.starting)
                fiber_change(&me->fiber, &search.outside);
        else
                schedule(me);
        search.scenario->n_steps++;
        return me->location;
}

unsigned search_step(void *address, size_t size, bool is_sc)
{
        return take_step(address, size, NEVER, is_sc);
}

unsigned search_block(void *address, size_t size, bool until_set)
{
        return take_step(address, size, until_set ? WHILE_CLEAR : WHILE_SET, false);
}

unsigned search_oldest(unsigned location, unsigned properties)
{
        unsigned oldest = weak_memory_oldest_for(search.current, location, properties);

        return search.oldest > oldest ? search.oldest : oldest;
}

void search_note(const char *function, const char *operation, unsigned location, unsigned index)
{
        if (search.n_notes == STEPS_MAX)
                search_fail("it does not end");
        search.notes[search.n_notes++] = (Note){.function = function,
                                                .operation = operation,
                                                .thread = search.current,
                                                .location = location,
                                                .index = index};
}

static void print_notes(void)
{
        fprintf(stderr, "%s: execution %llu: %s\n", search.scenario->name,
                (unsigned long long)search.scenario->n_executions, search.failure);
        for (unsigned i = search.n_notes > NOTES_PRINTED ? search.n_notes - NOTES_PRINTED : 0;
             i < search.n_notes; i++) {
                const Note *note = &search.notes[i];

                fprintf(stderr, "  thread %u  %s: %s, location %u, value %u: %#llx\n", note->thread,
                        note->function, note->operation, note->location, note->index,
                        (unsigned long long)weak_memory_value(note->location, note->index));
        }
}

static void run_thread(void)
{
        Coroutine *me = &search.coroutines[search.current];

        search.scenario->threads[search.current]();
        me->ended = true;
        if (search.starting)
                fiber_leave(&search.outside);
        schedule(me);
        ASSERT_NOT_REACHED();
}

static void start_threads(void)
{
        search.starting = true;
        for (unsigned i = 0; i < search.scenario->n_threads; i++) {
                Coroutine *coroutine = &search.coroutines[i];

                coroutine->ended = false;
                coroutine->explored = 0;
                fiber_begin(&coroutine->fiber, stacks[i], STACK_SIZE, run_thread);
                search.current = i;
                fiber_change(&search.outside, &coroutine->fiber);
        }
        search.starting = false;
        search.current = 0;
}

static void check_end(void)
{
        search.ending = true;
        if (search.scenario->end && setjmp(search.checking) == 0)
                search.scenario->end();
        search.ending = false;
}

static void run_execution(WeakScenario *scenario)
{
        Coroutine *first;

        weak_memory_reset();
        scenario->begin();
        search.at = 0;
        search.cut = false;
        search.failures = 0;
        search.n_notes = 0;
        search.scenario = scenario;
        start_threads();
        if (!search.failure[0]) {
                first = choose_thread();
                if (first)
                        fiber_change(&search.outside, &first->fiber);
        }
        if (search.cut) {
                scenario->n_cut++;
        } else {
                scenario->n_executions++;
                if (!search.failure[0])
                        check_end();
        }
}

bool weak_run(WeakScenario *scenario, bool loud)
{
        ASSERT(scenario->n_threads <= WEAK_THREADS_MAX);
        search.n_choices = 0;
        search.failure[0] = '\0';
        scenario->n_executions = 0;
        scenario->n_cut = 0;
        scenario->n_steps = 0;
        do {
                run_execution(scenario);
                if (search.failure[0] && loud)
                        print_notes();
                search.scenario = NULL;
        } while (!search.failure[0] && advance());
        return !search.failure[0];
}

bool search_is_stack(const void *address)
{
        const char *at = address;

        return at >= stacks[0] && at < stacks[0] + sizeof(stacks);
}
