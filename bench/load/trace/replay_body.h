/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_BENCH_LOAD_TRACE_REPLAY_BODY_H
#define RINGBUS_BENCH_LOAD_TRACE_REPLAY_BODY_H

/* Bodies of messages whose contents were not recorded. Pure. */

#include "broker/base/text.h"

/*
 * Makes a valid body of exactly `size` bytes for a valid signature, in native byte order. `body` is
 * 8-byte aligned within its message. False: there is none, or none that this knows how to make;
 * what is in `body` then means nothing.
 */
bool replay_body_fill(uint8_t *body, size_t size, Text signature);

#endif
