/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/race/explorer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/assert.h"
#include "tests/race/explorer_atomics.h"
#include "tests/race/fiber.h"

enum { STACK_SIZE = 256 * 1024, CHOICES_MAX = 4096 };

typedef struct Coroutine {
        Fiber fiber;
        bool ended;
        bool (*is_ready)(void); /* NULL: it can go on */
} Coroutine;

/* A choice that was made; the search goes on with the next value of the last one that has any. */
typedef struct Choice {
        unsigned char n;
        unsigned char taken;
} Choice;

/* Static: one exploration at a time, and the points have no argument to find it by. */
static struct {
        Explorer *explorer; /* NULL: no exploration; points do nothing */
        Fiber outside;
        Coroutine coroutines[EXPLORER_THREADS_MAX];
        unsigned current;
        bool looking; /* inside is_ready(): not a step */
        int preemptions;
        int failures;
        Choice choices[CHOICES_MAX];
        unsigned n_choices; /* recorded */
        unsigned at;        /* made in this interleaving */
} search;

static char stacks[EXPLORER_THREADS_MAX][STACK_SIZE] __attribute__((aligned(64)));

static void print_choices(int signal_number)
{
        (void)signal_number;
        if (!search.explorer)
                return;
        fprintf(stderr, "explorer: interleaving %llu, choices:",
                (unsigned long long)search.explorer->n_interleavings);
        for (unsigned i = 0; i < search.at; i++)
                fprintf(stderr, " %u/%u", search.choices[i].taken, search.choices[i].n);
        fprintf(stderr, "\n");
}

/* A number below n: as recorded, or 0 for the first time. */
static unsigned choose(unsigned n)
{
        if (n == 1)
                return 0;
        if (search.at == search.n_choices) {
                ASSERT(search.n_choices < CHOICES_MAX);
                search.choices[search.n_choices++] = (Choice){.n = (unsigned char)n};
        }
        /* The code under test did something else with the same choices: it is not deterministic. */
        ASSERT(search.choices[search.at].n == n);
        return search.choices[search.at++].taken;
}

/* Makes the next interleaving's choices; false: all have been made. */
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

static bool can_go_on(Coroutine *coroutine)
{
        bool ready;

        if (coroutine->ended || !coroutine->is_ready)
                return !coroutine->ended;
        search.looking = true;
        ready = coroutine->is_ready();
        search.looking = false;
        return ready;
}

/* The threads that may go on now, the current one first. */
static unsigned find_candidates(unsigned *ret_candidates)
{
        unsigned n = 0;

        for (unsigned i = 0; i < search.explorer->n_threads; i++) {
                unsigned at = (search.current + i) % search.explorer->n_threads;

                if (can_go_on(&search.coroutines[at]))
                        ret_candidates[n++] = at;
        }
        return n;
}

/* Lets somebody go on: the current thread or another. Returns when the current one is chosen. */
static void schedule(void)
{
        unsigned candidates[EXPLORER_THREADS_MAX], chosen;
        unsigned n = find_candidates(candidates), from = search.current;
        bool could_stay = n > 0 && candidates[0] == from;

        if (n == 0) {
                for (unsigned i = 0; i < search.explorer->n_threads; i++)
                        ASSERT(search.coroutines[i].ended && "somebody waits for ever");
                fiber_change(&search.coroutines[from].fiber, &search.outside);
                return;
        }
        if (could_stay && search.preemptions == search.explorer->preemptions_max)
                n = 1;
        chosen = candidates[choose(n)];
        if (could_stay && chosen != from)
                search.preemptions++;
        if (chosen == from)
                return;
        search.current = chosen;
        fiber_change(&search.coroutines[from].fiber, &search.coroutines[chosen].fiber);
}

void explorer_point(void)
{
        if (!search.explorer || search.looking)
                return;
        search.explorer->n_points++;
        schedule();
}

bool explorer_fails(void)
{
        if (!search.explorer || search.failures == search.explorer->failures_max)
                return false;
        if (choose(2) == 0)
                return false;
        search.failures++;
        return true;
}

void explorer_wait(bool (*is_ready)(void))
{
        Coroutine *me = &search.coroutines[search.current];

        me->is_ready = is_ready;
        schedule();
        me->is_ready = NULL;
}

unsigned explorer_thread(void)
{
        return search.current;
}

static void run_thread(void)
{
        search.explorer->threads[search.current]();
        search.coroutines[search.current].ended = true;
        schedule();
        ASSERT_NOT_REACHED();
}

static void run_interleaving(Explorer *explorer)
{
        for (unsigned i = 0; i < explorer->n_threads; i++) {
                Coroutine *coroutine = &search.coroutines[i];

                coroutine->ended = false;
                coroutine->is_ready = NULL;
                fiber_begin(&coroutine->fiber, stacks[i], STACK_SIZE, run_thread);
        }
        explorer->begin();
        search.at = 0;
        search.preemptions = 0;
        search.failures = 0;
        search.explorer = explorer;
        search.current = choose(explorer->n_threads);
        fiber_change(&search.outside, &search.coroutines[search.current].fiber);
        explorer->n_interleavings++;
        /* The checks are no steps, but a failing one is to be explained. */
        search.looking = true;
        explorer->end();
        search.looking = false;
        search.explorer = NULL;
}

void explorer_run(Explorer *explorer)
{
        ASSERT(explorer->n_threads <= EXPLORER_THREADS_MAX);
        signal(SIGABRT, print_choices);
        search.n_choices = 0;
        explorer->n_interleavings = 0;
        explorer->n_points = 0;
        do
                run_interleaving(explorer);
        while (advance());
        signal(SIGABRT, SIG_DFL);
}
