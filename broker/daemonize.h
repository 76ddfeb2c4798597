/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_DAEMONIZE_H
#define RINGBUS_BROKER_DAEMONIZE_H

/*
 * Into the background. The process that was started waits until the bus serves, and ends with the
 * status that tells; so who waits for it finds a bus, and errors still reach the terminal.
 *
 * Owner: the main thread, while it is the only one.
 */

#include <stdbool.h>

/*
 * Returns in the child only, with 0 and *ret_ready_fd, in a session of its own, in the folder "/";
 * or -errno, logged, and no child was made.
 */
int daemonize_fork(bool keep_umask, int *ret_ready_fd);

/*
 * The bus serves: ends the waiting process with status 0. Standard input, output and error become
 * /dev/null; DBUS_DEBUG_OUTPUT in the environment keeps standard error, as in the reference.
 */
void daemonize_ready(int ready_fd);

#endif
