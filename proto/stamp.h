/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_STAMP_H
#define RINGBUS_PROTO_STAMP_H

/*
 * Stamping: what a relayed message looks like on its way out. SENDER is replaced by the bus's own
 * knowledge, unknown fields and CONTAINER_INSTANCE are removed at any position and multiplicity;
 * everything else, byte order, serial, flags, body and padding, stays as it was
 * (specification: "Header Fields", SENDER; FEATURES: HeaderFiltering).
 *
 * The plan is a list of runs: stretches of the original bytes and patches of our own. Written one
 * after the other they are the new header, ending 8-byte aligned where the untouched body follows.
 * Pure: no allocation; any thread.
 */

#include <sys/uio.h>

#include "proto/header.h"

enum {
        STAMP_RUNS_MAX = 8,    /* more stretches than this: see stamp_plan() */
        STAMP_PATCH_MAX = 288, /* padding + SENDER field (255 bytes at most) + padding */
};

typedef struct StampPlan {
        struct iovec runs[STAMP_RUNS_MAX];
        unsigned n_runs;
        uint32_t header_size;            /* of the new header: the sum of the runs */
        uint8_t fixed[FRAME_FIXED_SIZE]; /* the patched fixed part: runs[0] points here */
        uint8_t patch[STAMP_PATCH_MAX];  /* the SENDER field: the last run points here */
} StampPlan;

/*
 * Plans the new header of a valid message. `sender` is at most 255 bytes. The plan points into
 * `data` and into itself: do not copy or move it. Returns true, or false when the kept fields lie
 * in more stretches than a plan holds: then use stamp_write().
 */
bool stamp_plan(const uint8_t *data, const Header *header, Text sender, StampPlan *plan);

/* The size of the new header, for sizing memory before stamp_write(). */
uint32_t stamp_size(const uint8_t *data, const Header *header, Text sender);

/* Writes the whole new header to `out` (stamp_size() bytes). Works for any valid message. */
void stamp_write(const uint8_t *data, const Header *header, Text sender, uint8_t *out);

#endif
