/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/timers.h"

#include <errno.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"

void timers_init(Timers *timers)
{
        *timers = (Timers){0};
}

void timers_deinit(Timers *timers)
{
        for (size_t i = 0; i < timers->n; i++)
                timers->heap[i]->position = 0;
        timers->heap = alloc_free(timers->heap);
        timers->n = 0;
        timers->capacity = 0;
}

static void timers_put(Timers *timers, size_t at, Timer *timer)
{
        timers->heap[at] = timer;
        timer->position = at + 1;
}

static void timers_rise(Timers *timers, size_t at)
{
        Timer *timer = timers->heap[at];

        while (at > 0 && timers->heap[(at - 1) / 2]->deadline_ns > timer->deadline_ns) {
                timers_put(timers, at, timers->heap[(at - 1) / 2]);
                at = (at - 1) / 2;
        }
        timers_put(timers, at, timer);
}

static void timers_sink(Timers *timers, size_t at)
{
        Timer *timer = timers->heap[at];

        for (;;) {
                size_t child = 2 * at + 1;

                if (child + 1 < timers->n &&
                    timers->heap[child + 1]->deadline_ns < timers->heap[child]->deadline_ns)
                        child++;
                if (child >= timers->n || timers->heap[child]->deadline_ns >= timer->deadline_ns)
                        break;
                timers_put(timers, at, timers->heap[child]);
                at = child;
        }
        timers_put(timers, at, timer);
}

int timers_arm(Timers *timers, Timer *timer, uint64_t deadline_ns)
{
        timers_disarm(timers, timer);
        if (timers->n == timers->capacity) {
                size_t capacity = timers->capacity ? 2 * timers->capacity : 64;
                Timer **heap = alloc_resize(timers->heap, capacity * sizeof(Timer *));

                if (!heap)
                        return -ENOMEM;
                timers->heap = heap;
                timers->capacity = capacity;
        }
        timer->deadline_ns = deadline_ns;
        timers_put(timers, timers->n++, timer);
        timers_rise(timers, timers->n - 1);
        return 0;
}

void timers_disarm(Timers *timers, Timer *timer)
{
        size_t at;

        if (!timers_is_armed(timer))
                return;
        at = timer->position - 1;
        ASSERT(at < timers->n && timers->heap[at] == timer);
        timer->position = 0;
        timers->n--;
        if (at == timers->n)
                return;
        timers_put(timers, at, timers->heap[timers->n]);
        timers_rise(timers, at);
        timers_sink(timers, timers->heap[at]->position - 1);
}

uint64_t timers_timeout(const Timers *timers, uint64_t now_ns)
{
        if (timers->n == 0)
                return UINT64_MAX;
        return timers->heap[0]->deadline_ns > now_ns ? timers->heap[0]->deadline_ns - now_ns : 0;
}

void timers_fire(Timers *timers, uint64_t now_ns, void *context)
{
        while (timers->n > 0 && timers->heap[0]->deadline_ns <= now_ns) {
                Timer *timer = timers->heap[0];

                timers_disarm(timers, timer);
                timer->fire(timer, context);
        }
}
