/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_RELAY_H
#define RINGBUS_BENCH_LOAD_RELAY_H

/*
 * The least that a broker could do: a process that copies bytes between two sockets. What it costs
 * to go through it is the machine's price at that moment, with nobody's D-Bus in it.
 */

#include "bench/load/engine/process.h"

typedef struct Relay {
        Process process;
        int ends[2]; /* what is written to one comes out of the other; -1: none */
} Relay;

/* 0 or -1. */
int relay_start(Relay *relay);

/* Whoever started it, once the ends are in other processes' hands. */
void relay_close_ends(Relay *relay);

/* Idempotent. */
void relay_stop(Relay *relay);

#endif
