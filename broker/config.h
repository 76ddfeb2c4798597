/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_H
#define RINGBUS_BROKER_CONFIG_H

/*
 * The configuration: what the file named on the command line and all that it includes say. The
 * language is that of dbus-daemon(1), "CONFIGURATION FILE". It is read whole; what the bus cannot
 * do yet has no effect, and the report says so.
 *
 * Owner: whoever loaded it. A Config is immutable once loaded.
 */

#include <stdbool.h>
#include <stddef.h>

#include "auth/policyrule.h"
#include "broker/config_report.h"
#include "broker/config_source.h"
#include "broker/limits.h"

/* Where .service files are looked for; the first one that knows a name counts. */
typedef struct ConfigServiceDir {
        char *path;
        bool strict;  /* a file must be called NAME.service */
        bool watched; /* changes take effect without a reload */
} ConfigServiceDir;

/* <associate>: what SELinux is to think of a name. */
typedef struct ConfigAssociation {
        char *own;
        char *context;
} ConfigAssociation;

typedef enum ConfigAppArmor {
        CONFIG_APPARMOR_ENABLED, /* if the kernel has it; also if nothing was said */
        CONFIG_APPARMOR_DISABLED,
        CONFIG_APPARMOR_REQUIRED,
} ConfigAppArmor;

typedef struct Config {
        char *type;          /* "session", "system" or another word; NULL: none was given */
        char *user;          /* name or uid to run as; NULL: as whoever starts the bus */
        char *pidfile;       /* NULL: none */
        char *servicehelper; /* NULL: none */
        bool fork;
        bool keep_umask;
        bool syslog;
        bool allow_anonymous;
        char **listen; /* each <listen>, in file order; at least one */
        size_t n_listen;
        unsigned mechanisms; /* SASL_MECHANISM_*, of <auth>; 0: none given, all are allowed */
        ConfigServiceDir *service_dirs; /* each path once */
        size_t n_service_dirs;
        ConfigAssociation *associations; /* each name once */
        size_t n_associations;
        ConfigAppArmor apparmor;
        PolicyRules policy_rules; /* in file order, users and groups by number */
        Limits limits;
} Config;

/*
 * Reads the file `path` and what it includes. Relative paths in a file start at its folder.
 * Returns 0 and *ret_config, -ENOMEM, or -EINVAL if there are errors. In any case what there is to
 * say is added to *report, which the caller frees. A bad file of an <includedir> is reported and
 * skipped, as in the reference.
 *
 * Blocks on files and on the databases of users and groups. Any thread; nothing is logged.
 */
int config_load(const char *path, Config **ret_config, ConfigReport *report);

/* The same out of `source`. */
int config_load_from(const ConfigSource *source, const char *path, Config **ret_config,
                     ConfigReport *report);

/* NULL is allowed. Returns NULL. */
Config *config_free(Config *config);

#endif
