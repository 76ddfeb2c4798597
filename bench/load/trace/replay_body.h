/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_REPLAY_BODY_H
#define RINGBUS_BENCH_LOAD_TRACE_REPLAY_BODY_H

/* Bodies of messages whose contents were not recorded. Pure. */

#include "broker/base/text.h"

/* A top-level argument that is given. */
typedef struct ReplayBodyArg {
        unsigned index;
        Text value; /* valid for the type that the signature has there: 's' or 'o' */
} ReplayBodyArg;

/*
 * Makes a valid body of exactly `size` bytes for a valid signature, in native byte order. `body` is
 * 8-byte aligned within its message. False: there is none, or none that this knows how to make;
 * what is in `body` then means nothing.
 * Arguments that are given and are neither 's' nor 'o' are ignored.
 */
bool replay_body_fill(uint8_t *body, size_t size, Text signature, const ReplayBodyArg *args,
                      unsigned n_args);

#endif
