/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_START_H
#define RINGBUS_BROKER_START_H

/*
 * From the command line to a bus that serves, and to its end. The order is that of the reference
 * where somebody could tell: configuration, pid file's absence, user's existence, sockets, fork,
 * pid file, limit of open files, user, threads, address and process id, READY=1.
 *
 * Owner: the main thread.
 */

#include "broker/options.h"

/* Runs the bus until it is told to end; returns the exit status. */
int start_run(const Options *options);

/* Says whether the configuration file can be loaded; returns the exit status. */
int start_check_config(const char *path);

#endif
