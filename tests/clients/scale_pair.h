/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_CLIENTS_SCALE_PAIR_H
#define RINGBUS_TESTS_CLIENTS_SCALE_PAIR_H

/*
 * Two clients that exchange numbered messages and check that nothing is lost, doubled or
 * reordered. The caller keeps a window of calls in flight; to each of them the callee answers
 * with a signal and then the return, both with the number of the call. Signals are unicast and
 * broadcast in turn, and must come before the return and in order with each other.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tests/clients/scale_source.h"

typedef struct ScalePair ScalePair;

typedef struct ScalePairOptions {
        uint32_t n_max;  /* calls to make, 0 for no limit */
        uint32_t window; /* most calls in flight */
        bool pipelined;  /* all that a side has to say goes out in one write, not one by one */
} ScalePairOptions;

/* One side of a pair. */
typedef struct ScaleSide {
        ScaleSource source; /* first, see ScaleSource */
        ScalePair *pair;    // borrowed
        Marshal output;     /* pipelined: still to be written */
} ScaleSide;

struct ScalePair {
        ScaleSide caller;
        ScaleSide callee;
        ScalePairOptions options;
        uint32_t n_calls;    /* sent by the caller */
        uint32_t n_received; /* calls that the callee has had */
        uint32_t n_signals;  /* that the caller has had */
        uint32_t n_returns;
        bool stopping; /* no further calls */
};

/* Connects both sides and begins. 0, or -1 after saying on stderr what was wrong. */
int scale_pair_start(ScalePair *pair, const char *address, int epoll_fd,
                     const ScalePairOptions *options);

/* Sends no more calls; the pair is quiet once those in flight are answered. */
void scale_pair_stop(ScalePair *pair);
bool scale_pair_is_quiet(const ScalePair *pair);

void scale_pair_deinit(ScalePair *pair);

#endif
