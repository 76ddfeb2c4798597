/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_CONFIG_CASES_H
#define RINGBUS_TESTS_UNIT_CONFIG_CASES_H

/*
 * Configurations with two verdicts: ours, and that of dbus-daemon 1.14, which
 * test_config_reference.c asks for it.
 */

#include <stdbool.h>
#include <stddef.h>

typedef struct ConfigCase {
        const char *text;
        const char *reason; /* a part of our error; NULL: we accept it */
        bool reference_accepts;
} ConfigCase;

extern const ConfigCase config_cases[];
extern const size_t config_cases_count;

#endif
