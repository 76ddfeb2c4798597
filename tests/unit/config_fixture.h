/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_CONFIG_FIXTURE_H
#define RINGBUS_TESTS_UNIT_CONFIG_FIXTURE_H

/* What the tests of the configuration share. Owner: the test under way. */

#include "broker/config.h"
#include "tests/support/config_memory.h"

/* The policy of Debian's session.conf, and the least that a configuration needs. */
#define CONFIG_FIXTURE_POLICY                                                                      \
        "<policy context='default'><allow send_destination='*' eavesdrop='true'/>"                 \
        "<allow eavesdrop='true'/><allow own='*'/></policy>"
#define CONFIG_FIXTURE_LISTEN "<listen>unix:tmpdir=.</listen>"
#define CONFIG_FIXTURE_REST CONFIG_FIXTURE_LISTEN CONFIG_FIXTURE_POLICY

enum { CONFIG_FIXTURE_LINES_MAX = 16384 };

typedef struct ConfigFixture {
        int result;
        Config *config;                        /* NULL unless result is 0; config_free() */
        char errors[CONFIG_FIXTURE_LINES_MAX]; /* a line each */
        unsigned n_errors;
        char others[CONFIG_FIXTURE_LINES_MAX]; /* the same; "warning: " precedes a warning */
        unsigned n_others;
} ConfigFixture;

/* Loads the file `path`. */
void config_fixture_load(const char *path, ConfigFixture *ret_fixture);

/* Loads the first file of `memory`. */
void config_fixture_load_memory(ConfigMemory *memory, ConfigFixture *ret_fixture);

/* Loads the first of some files in memory: path, text, path, text, ..., NULL. */
void config_fixture_load_texts(const char *const *texts, ConfigFixture *ret_fixture);

/* One file called "conf". */
void config_fixture_load_text(const char *text, ConfigFixture *ret_fixture);

/* Fails the test unless the configuration was refused and an error holds `reason`. */
void config_fixture_assert_refused(const ConfigFixture *fixture, const char *what,
                                   const char *reason);

/* Fails the test unless it was accepted. */
void config_fixture_assert_accepted(const ConfigFixture *fixture, const char *what);

#endif
