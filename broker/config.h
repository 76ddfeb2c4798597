/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_H
#define RINGBUS_BROKER_CONFIG_H

/*
 * The configuration: what the file named on the command line and all that it includes say. The
 * language is that of dbus-daemon(1), "CONFIGURATION FILE".
 *
 * What the bus cannot do yet is refused by name, with the place. A few elements without which the
 * session.conf of a distribution could not start have no effect yet; each writes one line to the
 * log. A policy is accepted only if it allows everything (config_policy.h).
 *
 * Owner: the main thread (control). A Config is immutable once loaded.
 */

#include <stdbool.h>
#include <stddef.h>

#include "broker/config_source.h"
#include "broker/limits.h"

typedef struct Config {
        char *type;    /* "session", "system" or another word; NULL: none was given */
        char **listen; /* each <listen>, in file order; at least one */
        size_t n_listen;
        unsigned mechanisms;    /* SASL_MECHANISM_*, of <auth>; 0: none given, all are allowed */
        bool admits_every_user; /* <allow user="*"/> or group="*": not the bus's own uid only */
        Limits limits;
} Config;

/*
 * Reads the file `path` and what it includes. Relative paths in a file start at its folder.
 * Returns 0; -ENOMEM; or another -errno, -EINVAL for whatever the text of a file got wrong, with
 * one line in *ret_error ("FILE:LINE:COLUMN: what; remedy") without a newline. *ret_config is
 * written only on success. A bad file of an <includedir> is logged and skipped, as in the
 * reference.
 */
int config_load(const char *path, Config **ret_config, ConfigError *ret_error);

/* The same, with files and folders out of `source`. */
int config_load_from(const ConfigSource *source, const char *path, Config **ret_config,
                     ConfigError *ret_error);

/* NULL is allowed. Returns NULL. */
Config *config_free(Config *config);

#endif
