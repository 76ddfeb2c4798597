/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_WIRE_PRESSURE_H
#define RINGBUS_TESTS_WIRE_PRESSURE_H

/*
 * For tests that press hard on the bus: writes that may end in a full socket, clocks, and what the
 * daemon has and spends.
 *
 * Owner: the calling thread. None of these functions fails a test, so that threads other than the
 * one of the tests may call them, except for the fixture.
 */

#include <stddef.h>
#include <stdint.h>

#include "tests/wire/scene.h"

/* A group fixture: a bus with one worker, whose receive buffers all clients share. */
int pressure_start_one_worker(void **state, const BusOptions *options);

int64_t pressure_now_ms(void);

/* The processor time that the daemon has spent: what it does costs the same on a machine that
 * stands still now and then. -1 if it is not known. */
int64_t pressure_spent_ms(const Bus *bus);

/* A time limit for normal builds, in milliseconds, made longer if this is a sanitizer's build. */
int64_t pressure_limit_ms(int64_t limit_ms);

/*
 * Writes bytes until all are written, or the socket has had no room for `patience_ms`, or it is
 * broken. How many were written: perhaps a part of a message.
 */
size_t pressure_push(RawClient *client, const Marshal *bytes, int patience_ms);

/* Appends `n` messages of this header, with `body` (may be NULL) and serials first, first + 1, ...
 */
void pressure_build(Marshal *bytes, const RawHeader *header, const Marshal *body, uint32_t first,
                    uint32_t n);

/* A body "s" of `size` characters. */
void pressure_body(Marshal *body, size_t size);

/* How many fds the daemon has open, or -1. */
int pressure_count_fds(const Bus *bus);

/* Whether resident memory says what the daemon holds: not with a sanitizer, which keeps what was
 * freed (and finds what was lost by itself, at the end). */
bool pressure_sees_memory(void);

#endif
