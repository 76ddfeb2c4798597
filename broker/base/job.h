/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BASE_JOB_H
#define RINGBUS_BASE_JOB_H

/*
 * Job: something to be done by a thread that may wait; embedded in what it is about. Whoever posts
 * it keeps it until run() has been called.
 */

#include <stdbool.h>

typedef struct Job Job;
struct Job {
        Job *next;
        /* On the other thread, once. How the result gets back is the job's business; the last thing
         * that it does, for from then on the job may be gone. */
        void (*run)(Job *job);
        bool at_end; /* also if the other thread is to end: it takes no time, and would be missed */
};

#endif
