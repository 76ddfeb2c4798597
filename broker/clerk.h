/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CLERK_H
#define RINGBUS_BROKER_CLERK_H

/*
 * The clerk: the one thread that may wait for files and name services. It runs one job after the
 * other; nobody who routes messages ever waits for it.
 *
 * Owner: the main thread; any thread may post.
 */

#include <stdbool.h>

#include "broker/base/job.h"

typedef struct Clerk Clerk;

typedef Job ClerkJob;

/* Starts the thread. 0 or -errno. */
int clerk_new(Clerk **ret_clerk);

/* Any thread: to be run after all those posted before. */
void clerk_post(Clerk *clerk, ClerkJob *job);

/*
 * Lets the job at hand end, runs those with `at_end` and drops the others, unrun. A name service
 * may not answer for minutes: after `patience_ms` the thread is left to itself and false returned;
 * the job's memory, and what it uses, is to be kept then, for the process ends anyway. NULL is
 * allowed.
 */
bool clerk_stop(Clerk *clerk, unsigned patience_ms);

/* After clerk_stop() returned true. NULL is allowed. Returns NULL. */
Clerk *clerk_free(Clerk *clerk);

#endif
