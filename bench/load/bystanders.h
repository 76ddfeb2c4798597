/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_BYSTANDERS_H
#define RINGBUS_BENCH_LOAD_BYSTANDERS_H

/*
 * Clients that have nothing to do with an attack: idle ones that must not be closed, and two that
 * pass an fd from time to time.
 *
 * Owner: the thread that opened them.
 */

#include "tests/support/rawclient.h"

enum {
        BYSTANDERS_IDLE = 20,
};

typedef struct Bystanders {
        RawClient *idle[BYSTANDERS_IDLE];
        RawClient *giver;
        RawClient *taker;
        int fd; /* what the giver passes */
} Bystanders;

/* 0, or -1 after saying on stderr why not. */
int bystanders_open(Bystanders *bystanders, const char *address);

/* How many of all of them the bus has closed by now. */
unsigned bystanders_lost(Bystanders *bystanders);

/* Passes one fd: the time that it took in ms, -1 if it has not come after `timeout_ms`. What comes
 * late is taken by the next call, which waits for its own. */
double bystanders_pass_fd(Bystanders *bystanders, int timeout_ms);

/* Idempotent. */
void bystanders_close(Bystanders *bystanders);

#endif
