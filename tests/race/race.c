/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/race/race.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/base/assert.h"
#include "broker/base/clock.h"

typedef struct Runner {
        Race *race;
        unsigned index;
        pthread_t thread;
} Runner;

enum { PATIENCE_S = 240 };

static uint64_t duration_ms(void)
{
        const char *text = getenv("RINGBUS_RACE_MS");

        return text ? strtoull(text, NULL, 10) : 1000;
}

static void *run(void *argument)
{
        Runner *runner = argument;
        Race *race = runner->race;

        if (pthread_barrier_wait(&race->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
                race->end_ns = clock_now_ns() + duration_ms() * CLOCK_NS_PER_MS;
        pthread_barrier_wait(&race->barrier);
        race->body(race, runner->index);
        return NULL;
}

void race_run(unsigned n_threads, void (*body)(Race *race, unsigned index), void *context)
{
        Race race = {.n_threads = n_threads, .body = body, .context = context};
        Runner runners[RACE_THREADS_MAX];

        ASSERT(n_threads <= RACE_THREADS_MAX);
        alarm((unsigned)(duration_ms() / 1000) + PATIENCE_S);
        pthread_barrier_init(&race.barrier, NULL, n_threads);
        for (unsigned i = 0; i < n_threads; i++) {
                int r;

                runners[i] = (Runner){.race = &race, .index = i};
                r = pthread_create(&runners[i].thread, NULL, run, &runners[i]);
                ASSERT(r == 0);
        }
        for (unsigned i = 0; i < n_threads; i++)
                pthread_join(runners[i].thread, NULL);
        pthread_barrier_destroy(&race.barrier);
        alarm(0);
}

void race_meet(Race *race)
{
        pthread_barrier_wait(&race->barrier);
}

bool race_goes_on(Race *race)
{
        if (pthread_barrier_wait(&race->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
                race->over = race_is_over(race);
        pthread_barrier_wait(&race->barrier);
        return !race->over;
}

bool race_is_over(const Race *race)
{
        return clock_now_ns() >= race->end_ns;
}

unsigned race_random(uint64_t *seed, unsigned n)
{
        /* splitmix64 */
        uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return (unsigned)((z ^ z >> 31) % n);
}

void race_stumble(uint64_t *seed)
{
        if (race_random(seed, 8) == 0)
                sched_yield();
}
