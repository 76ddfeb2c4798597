/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_VITALS_H
#define RINGBUS_BENCH_LOAD_VITALS_H

/*
 * What a broker's process holds, before, during and after something: resident memory and open fds.
 * -1: unknown.
 *
 * Owner: one thread.
 */

#include <sys/types.h>

typedef struct Vitals {
        pid_t pid;
        long resident_before_kib, resident_most_kib, resident_after_kib;
        long fds_before, fds_most, fds_after;
} Vitals;

/* Notes what is there before. */
void vitals_begin(Vitals *vitals, pid_t pid);

/* Looks again: for what is there at most. */
void vitals_watch(Vitals *vitals);

/* Notes what is left. Closing takes a broker a while: waits until it has no more fds than before,
 * at most for `patience_ms`. */
void vitals_end(Vitals *vitals, unsigned patience_ms);

#endif
