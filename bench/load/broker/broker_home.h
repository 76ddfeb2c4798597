/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BROKER_BROKER_HOME_H
#define RINGBUS_BENCH_LOAD_BROKER_BROKER_HOME_H

/* What all brokers have: a directory with socket and log, and a process that has to end. */

#include "bench/load/broker/broker.h"

/* Makes the directory, below $TMPDIR or /tmp. 0 or -1 with errno. */
int broker_home_make(Broker *broker);

/* Removes it, with the files in it. */
void broker_home_remove(Broker *broker);

/*
 * In the child, before exec: it dies with its parent, may have as many open files and as much
 * locked memory as the system allows, and writes stderr to the log. Ends the process on failure.
 */
void broker_home_enter(const Broker *broker, pid_t parent);

/* Waits for the process to end, kills it when that takes too long. Its wait status, or -1. */
int broker_home_reap(Broker *broker);

/* The end of the log, line by line. */
void broker_home_print_log(const Broker *broker, FILE *stream);

#endif
