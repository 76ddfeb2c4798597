/* SPDX-License-Identifier: Apache-2.0 */
/* Cold: a queue under a mutex. */
#include "broker/clerk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "broker/base/alloc.h"

struct Clerk {
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        ClerkJob *first; /* under the lock, as all below */
        ClerkJob *last;
        bool stopping;
};

/* Under the lock: the first job, or NULL. */
static ClerkJob *unlink_job(Clerk *clerk)
{
        ClerkJob *job = clerk->first;

        if (job)
                clerk->first = job->next;
        if (!clerk->first)
                clerk->last = NULL;
        return job;
}

/* The next job, or NULL: the clerk is to end. */
static ClerkJob *take_job(Clerk *clerk)
{
        ClerkJob *job;

        pthread_mutex_lock(&clerk->lock);
        while (!clerk->first && !clerk->stopping)
                pthread_cond_wait(&clerk->changed, &clerk->lock);
        job = unlink_job(clerk);
        while (job && clerk->stopping && !job->at_end)
                job = unlink_job(clerk);
        pthread_mutex_unlock(&clerk->lock);
        return job;
}

static void *run_jobs(void *argument)
{
        Clerk *clerk = argument;
        ClerkJob *job;

        while ((job = take_job(clerk)))
                job->run(job);
        return NULL;
}

/* Signals are control's: the thread is born with all of them blocked. */
static int start_thread(Clerk *clerk)
{
        sigset_t all;
        sigset_t old;
        int error;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        error = pthread_create(&clerk->thread, NULL, run_jobs, clerk);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (error)
                return -error;
        pthread_setname_np(clerk->thread, "clerk");
        return 0;
}

int clerk_new(Clerk **ret_clerk)
{
        Clerk *clerk = alloc_zeroed(1, sizeof(*clerk));
        int r;

        if (!clerk)
                return -ENOMEM;
        pthread_mutex_init(&clerk->lock, NULL);
        pthread_cond_init(&clerk->changed, NULL);
        r = start_thread(clerk);
        if (r < 0) {
                clerk_free(clerk);
                return r;
        }
        *ret_clerk = clerk;
        return 0;
}

void clerk_post(Clerk *clerk, ClerkJob *job)
{
        job->next = NULL;
        pthread_mutex_lock(&clerk->lock);
        if (clerk->last)
                clerk->last->next = job;
        else
                clerk->first = job;
        clerk->last = job;
        pthread_cond_signal(&clerk->changed);
        pthread_mutex_unlock(&clerk->lock);
}

bool clerk_stop(Clerk *clerk, unsigned patience_ms)
{
        struct timespec until;

        if (!clerk)
                return true;
        pthread_mutex_lock(&clerk->lock);
        clerk->stopping = true;
        pthread_cond_signal(&clerk->changed);
        pthread_mutex_unlock(&clerk->lock);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += patience_ms / 1000;
        until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        return pthread_timedjoin_np(clerk->thread, NULL, &until) == 0;
}

Clerk *clerk_free(Clerk *clerk)
{
        if (!clerk)
                return NULL;
        pthread_cond_destroy(&clerk->changed);
        pthread_mutex_destroy(&clerk->lock);
        return alloc_free(clerk);
}
