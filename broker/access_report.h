/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BROKER_ACCESS_REPORT_H
#define RINGBUS_BROKER_ACCESS_REPORT_H

/*
 * How --check-access speaks: one line for each step, "STEP: what happened", a refusal in capitals,
 * and under it what to do. Owner: the main thread.
 */

#include <stdio.h>

void access_report_step(FILE *out, const char *step, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void access_report_refusal(FILE *out, const char *step, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void access_report_remedy(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
