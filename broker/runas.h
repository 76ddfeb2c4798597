/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_RUNAS_H
#define RINGBUS_BROKER_RUNAS_H

/*
 * <user>: as whom the bus runs, once its sockets and files are made.
 *
 * Owner: the main thread, before there are others: credentials are each thread's own to the kernel.
 */

#include <stdbool.h>
#include <sys/types.h>

typedef struct RunAs {
        const char *name; /* borrowed; NULL: stay who we are */
        bool is_other;    /* than we are now: privileges are needed */
        uid_t uid;
        gid_t gid;
} RunAs;

/* Looks `name` up, a user's name or number; NULL is allowed. 0 or -errno, logged with a remedy. */
int runas_find(const char *name, RunAs *ret_user);

/* Becomes that user, with its primary group and no other. 0 or -errno, logged with a remedy. */
int runas_apply(const RunAs *user);

#endif
