/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_CONFIG_REPORT_H
#define RINGBUS_BROKER_CONFIG_REPORT_H

/*
 * What there is to say about a configuration: one line for each finding, in the order in which they
 * were found. Reading does not end at the first error, so that all can be mended at once.
 *
 * Owner: whoever has it; a plain value whose texts are from the general heap.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
        CONFIG_REPORT_MAX = 50, /* errors kept, and as many others; the rest is only counted */
        CONFIG_ERROR_MAX = 1024,
};

/* One line that says what is wrong; always terminated, cut if too long. */
typedef struct ConfigError {
        char text[CONFIG_ERROR_MAX];
} ConfigError;

/* Writes the line; a newline in what is quoted becomes a space. */
void config_error_set(ConfigError *error, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

typedef enum ConfigSeverity {
        CONFIG_NOTICE,  /* has no effect */
        CONFIG_WARNING, /* is ignored, though the file asks for it */
        CONFIG_ERROR,   /* the configuration is refused */
} ConfigSeverity;

typedef struct ConfigFinding {
        ConfigSeverity severity;
        char *text; /* "FILE:LINE:COLUMN: what; remedy", without a newline */
} ConfigFinding;

/* Zero-initialised: nothing was found. */
typedef struct ConfigReport {
        ConfigFinding *items;
        size_t n;
        size_t n_errors; /* of all severities: those not kept are counted as well */
        size_t n_others;
        bool out_of_memory; /* a finding was lost; it is counted */
} ConfigReport;

void config_report_add(ConfigReport *report, ConfigSeverity severity, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Appends the findings of `more`, which is then empty. `tolerated`: its errors become warnings. */
void config_report_merge(ConfigReport *report, ConfigReport *more, bool tolerated);

/* The first error, for who has room for one; borrowed. "out of memory" if that kept it away. */
const char *config_report_first_error(const ConfigReport *report);

/* A line in the log for each finding. */
void config_report_log(const ConfigReport *report);

/* The same on `file`, which people read: "warning: " precedes what is no error. */
void config_report_print(const ConfigReport *report, FILE *file);

void config_report_deinit(ConfigReport *report); /* idempotent */

#endif
