/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_BUS_H
#define RINGBUS_TESTS_SUPPORT_BUS_H

/*
 * Starts and stops a bus daemon for a test: ringbus or the reference, whichever the environment
 * variable RINGBUS_DAEMON names (an absolute path). If it is ringbus, RINGBUS_TEST_IO and
 * RINGBUS_TEST_WORKERS become its options --io and --workers, and RINGBUS_TEST_FDS is the most
 * file descriptors that it may have, also as root.
 *
 * Each bus has a directory of its own under $TMPDIR for its configuration, its socket, its log and
 * the .service files that a test may put there.
 * The daemon is killed by the kernel when the thread that started it dies.
 */

#include <stdbool.h>
#include <sys/types.h>

typedef struct BusOptions {
        const char *daemon; /* instead of $RINGBUS_DAEMON, or NULL */
        const char *config; /* further elements of the configuration (<limit>, <policy>), or NULL */
        bool for_everybody; /* type system, every user may connect, also through the directory */
        const char *const
                *arguments; /* further ones if it is ringbus, at most 4, NULL at the end */
} BusOptions;

typedef struct Bus {
        pid_t pid;
        bool is_ringbus;
        bool for_everybody;
        char address[256];
        char directory[128];
        char config_path[160];
} Bus;

/*
 * Starts the daemon with a session configuration that allows everything, with limits that no test
 * meets by chance. Waits for its address. 0, or -1 after saying on stderr what went wrong.
 */
int bus_start(Bus *bus, const BusOptions *options);

/*
 * Sends SIGTERM and waits. 0 if the daemon ended with status 0 and removed its socket; otherwise
 * -1, after printing the reason and the daemon's log on stderr. Removes the directory.
 */
int bus_stop(Bus *bus);

/* Replaces the configuration's further elements; takes effect with ReloadConfig or SIGHUP. */
int bus_write_config(Bus *bus, const char *config);

/* Whether a line of the daemon's log contains `text`. */
bool bus_log_contains(const Bus *bus, const char *text);

/* Resident memory of the daemon in KiB, or -1. */
long bus_resident_kib(const Bus *bus);

#endif
