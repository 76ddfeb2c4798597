/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/engine/crew.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/base/clock.h"

static void end_loop(LoopTask *task, Loop *loop)
{
        (void)task;
        loop_end(loop);
}

static void *run_member(void *argument)
{
        CrewMember *member = argument;

        /* An open loop's messages are due at exact times: 50 us of slack would be measured. */
        prctl(PR_SET_TIMERSLACK, 1UL);
        if (member->run)
                member->run(member, member->context);
        else
                loop_run(&member->loop, UINT64_MAX);
        return NULL;
}

static int start_member(CrewMember *member)
{
        sigset_t all, before;
        int r = loop_init(&member->loop);

        if (r < 0)
                return r;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = -pthread_create(&member->thread, NULL, run_member, member);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r < 0)
                loop_deinit(&member->loop);
        return r;
}

int crew_start(Crew *crew, unsigned n_threads, void (*run)(CrewMember *, void *), void *context)
{
        ASSERT(n_threads >= 1 && n_threads <= CREW_MAX);
        *crew = (Crew){.members = alloc_zeroed(n_threads, sizeof(CrewMember))};
        if (!crew->members)
                return -ENOMEM;
        for (; crew->n_members < n_threads; crew->n_members++) {
                CrewMember *member = &crew->members[crew->n_members];
                int r;

                member->index = crew->n_members;
                member->end.run = end_loop;
                member->run = run;
                member->context = context;
                r = start_member(member);
                if (r < 0) {
                        crew_stop(crew);
                        return r;
                }
        }
        return 0;
}

void crew_stop(Crew *crew)
{
        for (unsigned i = 0; i < crew->n_members; i++)
                loop_post(&crew->members[i].loop, &crew->members[i].end);
        for (unsigned i = 0; i < crew->n_members; i++)
                pthread_join(crew->members[i].thread, NULL);
        /* Only now: until its end each may have posted to the others. */
        for (unsigned i = 0; i < crew->n_members; i++)
                loop_deinit(&crew->members[i].loop);
        crew->n_members = 0;
        crew->members = alloc_free(crew->members);
}

uint64_t crew_cpu_ns(const CrewMember *member)
{
        struct timespec used;
        clockid_t clock;

        if (pthread_getcpuclockid(member->thread, &clock) != 0 || clock_gettime(clock, &used) < 0)
                return 0;
        return (uint64_t)used.tv_sec * CLOCK_NS_PER_S + (uint64_t)used.tv_nsec;
}
