/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_ANNOUNCE_H
#define RINGBUS_BROKER_ANNOUNCE_H

/*
 * Tells whoever started the bus where it listens and what its process id is: --print-address and
 * --print-pid. Nothing else ever writes to these descriptors, standard output included.
 *
 * Owner: the main thread, once, when all threads have started: what is announced serves.
 */

#include <sys/types.h>

#define ANNOUNCE_NOTHING (-1) /* in place of a descriptor: not asked for */

/*
 * Writes `address` and a newline to address_fd, and `pid` and a newline to pid_fd, each by one
 * write(2) if the descriptor takes it whole (readers of packet pipes rely on it). Then closes the
 * descriptors above 2, because their readers wait for the end of file; both may be the same one.
 *
 * Returns 0, or -errno of the first write that failed (-EPIPE if SIGPIPE is ignored); descriptors
 * above 2 are closed in either case. Any kind of file; a non-blocking one is waited for.
 */
int announce(int address_fd, const char *address, int pid_fd, pid_t pid);

#endif
