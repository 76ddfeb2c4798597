/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_ENGINE_PROGRESS_H
#define RINGBUS_BENCH_LOAD_ENGINE_PROGRESS_H

/*
 * One line on standard error that is written over, at most once a second. Nothing is written if
 * standard error is no terminal, or `quiet`. Owner: the main thread.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
        bool is_live;
        uint64_t written_ns; /* the last line */
        int width;           /* of what stands there */
} Progress;

void progress_init(Progress *progress, bool quiet);

/* Writes the line if a second has passed since the last one, or at once if it is the first. */
void progress_write(Progress *progress, uint64_t now_ns, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Wipes the line: call before anything else is printed. */
void progress_clear(Progress *progress);

#endif
