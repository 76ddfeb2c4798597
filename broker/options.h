/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_OPTIONS_H
#define RINGBUS_BROKER_OPTIONS_H

/*
 * The command line. The options of dbus-daemon(1) with its spellings ("--option=value" and
 * "--option value"), and a few of our own.
 *
 * Owner: the main thread; the strings in Options are borrowed from argv or constant.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "broker/announce.h"
#include "broker/io/probe.h"

#define OPTIONS_SESSION_FILE "/usr/share/dbus-1/session.conf"
#define OPTIONS_SYSTEM_FILE "/usr/share/dbus-1/system.conf"

/* Macros, because messages quote them. */
#define OPTIONS_WORKERS_MAX 64 /* the router has room for so many */
#define OPTIONS_SPIN_MAX_US 1000000
#define OPTIONS_STALL_MAX_MS 86400000

typedef enum OptionsAction {
        OPTIONS_RUN,          /* start the bus */
        OPTIONS_CHECK_CONFIG, /* say whether `config_file` can be loaded, exit 0 or 1 */
        OPTIONS_PROBE,        /* print what the machine can do, exit 0; `io_wish` counts */
        OPTIONS_VERSION,      /* print the version on standard output, exit 0 */
        OPTIONS_INTROSPECT,   /* print the driver's introspection data on standard output, exit 0 */
        OPTIONS_CHECK_ACCESS, /* say whether this account would be let in at `check_access` */
        OPTIONS_FAIL,         /* everything has been said; exit 1 (--help ends here too) */
} OptionsAction;

/* What the command line says about something that the configuration file may say, too. */
typedef enum OptionsForce { OPTIONS_AS_CONFIGURED, OPTIONS_FORCED, OPTIONS_FORBIDDEN } OptionsForce;

typedef enum OptionsSpin { OPTIONS_SPIN_AUTO, OPTIONS_SPIN_OFF, OPTIONS_SPIN_FIXED } OptionsSpin;

typedef struct Options {
        const char *config_file; /* NULL for OPTIONS_PROBE only */
        const char *address;     /* NULL: listen where the configuration says */
        int print_address_fd;    /* open, or ANNOUNCE_NOTHING */
        int print_pid_fd;        /* open, or ANNOUNCE_NOTHING */
        OptionsForce fork;
        OptionsForce syslog; /* in addition to standard error */
        bool syslog_only;    /* instead of it */
        bool no_pidfile;
        bool systemd_activation; /* --systemd-activation was given */
        unsigned n_workers;      /* 1 to OPTIONS_WORKERS_MAX; 0: choose */
        ProbeWish io_wish;
        OptionsSpin spin;
        unsigned spin_us;          /* OPTIONS_SPIN_FIXED: 1 to OPTIONS_SPIN_MAX_US */
        unsigned stall_forgive_ms; /* 0: never */
        unsigned stall_close_ms;   /* 0: never */
        bool refuse_overflow_uid;
        const char *check_access; /* the address, for OPTIONS_CHECK_ACCESS */
} Options;

/*
 * Reads argv[1] to argv[argc - 1]. What is wrong, and the usage, go to `errors`; so does one line
 * for an option that is accepted but has no effect yet. --version, --introspect and --help take
 * effect where they stand, as in the reference: what follows is not looked at.
 * *ret_options is written for OPTIONS_RUN, OPTIONS_CHECK_CONFIG, OPTIONS_CHECK_ACCESS and
 * OPTIONS_PROBE only.
 */
OptionsAction options_parse(int argc, char *const *argv, FILE *errors, Options *ret_options);

#endif
