/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_CONFIG_FIXTURE_H
#define RINGBUS_TESTS_UNIT_CONFIG_FIXTURE_H

/* What the tests of the configuration share. Owner: the test under way. */

#include "broker/config.h"

/* The policy of Debian's session.conf, and the least that a configuration needs. */
#define CONFIG_FIXTURE_POLICY                                                                      \
        "<policy context='default'><allow send_destination='*' eavesdrop='true'/>"                 \
        "<allow eavesdrop='true'/><allow own='*'/></policy>"
#define CONFIG_FIXTURE_LISTEN "<listen>unix:tmpdir=.</listen>"
#define CONFIG_FIXTURE_REST CONFIG_FIXTURE_LISTEN CONFIG_FIXTURE_POLICY

enum { CONFIG_FIXTURE_LOG_MAX = 8192 };

typedef struct ConfigFixture {
        int result;
        Config *config; /* NULL unless result is 0; config_free() */
        ConfigError error;
        char log[CONFIG_FIXTURE_LOG_MAX]; /* what was written to standard error meanwhile */
        unsigned n_lines;                 /* of it */
} ConfigFixture;

/* Loads the file `path`. */
void config_fixture_load(const char *path, ConfigFixture *ret_fixture);

/* Loads the first of some files in memory: path, text, path, text, ..., NULL. */
void config_fixture_load_texts(const char *const *texts, ConfigFixture *ret_fixture);

/* One file called "conf". */
void config_fixture_load_text(const char *text, ConfigFixture *ret_fixture);

/* Fails the test unless the configuration was refused and its error holds `reason`. */
void config_fixture_assert_refused(const ConfigFixture *fixture, const char *what,
                                   const char *reason);

/* Fails the test unless it was accepted. */
void config_fixture_assert_accepted(const ConfigFixture *fixture, const char *what);

#endif
