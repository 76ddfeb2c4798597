/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_INFO_H
#define RINGBUS_BENCH_LOAD_TRACE_INFO_H

/*
 * `ringbus-load trace-info FILE`: what a trace holds, for people and as JSON. Main thread.
 */

#include <jansson.h>
#include <stdio.h>

#include "bench/load/trace/summary.h"

/* The subcommand; argv[0] is its name. Exit status. */
int info_main(int argc, char **argv);

/* The parts. `path` is shown as the file's name. */
void info_print_table(const char *path, const Trace *trace, const Summary *summary,
                      unsigned n_senders, FILE *file);
void info_print_messages(const Trace *trace, FILE *file);
json_t *info_to_json(const char *path, const Trace *trace, const Summary *summary);

#endif
