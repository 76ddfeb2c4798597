/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_PIDFILE_H
#define RINGBUS_BROKER_PIDFILE_H

/*
 * The file with the process id: while it exists, no second bus with the same configuration starts.
 *
 * Owner: the main thread.
 */

#include <stdint.h>
#include <sys/types.h>

/* Zero-initialised: there is none. */
typedef struct Pidfile {
        char *path;           /* absolute; owned. NULL: none is wanted */
        uint64_t identity[2]; /* of the file that was written; 0, 0: none yet */
} Pidfile;

/*
 * Remembers `path` as seen from here (NULL: none is wanted). -EEXIST: somebody else's is there;
 * -ENOMEM; logged.
 */
int pidfile_init(const char *path, Pidfile *ret_pidfile);

/* Makes the file. 0 or -errno, logged. */
int pidfile_write(Pidfile *pidfile, pid_t pid);

/* Removes the file if it is still the one that was written, and if we may. Idempotent. */
void pidfile_deinit(Pidfile *pidfile);

#endif
