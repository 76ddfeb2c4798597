/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_PEER_TESTS_H
#define RINGBUS_TESTS_UNIT_PEER_TESTS_H

/* What the tests of broker/peer share; each program runs its tests on both backends. */

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "broker/base/clock.h"
#include "tests/unit/peer_fixture.h"

enum { PEER_TESTS_BUFFERS = 64, SIZE_1M = 1 << 20 };

/* Two shards; the state is a PeerFixture *. */
#define PEER_TEST(function)                                                                        \
        cmocka_unit_test_setup_teardown(function, peer_tests_setup, peer_tests_teardown)
int peer_tests_setup(void **state);
int peer_tests_teardown(void **state);

/* The number of failures. */
int peer_tests_run(const char *name, const struct CMUnitTest *tests, size_t n);

/* What a test's own handler notes. */
typedef struct Seen {
        unsigned n;
        uint32_t serials[512];
        uint64_t sum; /* of all body bytes */
        size_t body_size;
        unsigned n_buffered; /* messages that lay whole in a receive buffer */
        unsigned n_fds;
} Seen;

/* PeerFixture.on_message: notes it in the Seen that is the fixture's context. */
void seen_note(PeerFixture *fixture, Peer *peer, Incoming *incoming);

/* Appends a signal with a byte array of `size` to `bytes`; returns the sum of its body's bytes. */
uint64_t seen_add_signal(Marshal *bytes, uint32_t serial, const char *destination, uint32_t size,
                         uint32_t n_fds);

#endif
