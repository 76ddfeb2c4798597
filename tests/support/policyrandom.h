/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_SUPPORT_POLICYRANDOM_H
#define RINGBUS_TESTS_SUPPORT_POLICYRANDOM_H

/*
 * Cases for the policy at random, out of few words, so that rules and messages often meet.
 *
 * Owner: the test.
 */

#include "tests/support/policycase.h"

typedef struct PolicyRandom {
        uint64_t state;
} PolicyRandom;

/* A number below `n`, which is not 0. */
unsigned policyrandom_below(PolicyRandom *random, unsigned n);

/* A case; policyrandom_end() frees its rules. */
void policyrandom_make(PolicyRandom *random, PolicyCase *ret_case);
void policyrandom_end(PolicyCase *self);

/* Other names for a connection, but for its unique one. */
void policyrandom_rename(PolicyRandom *random, PolicyCaseParty *party);

#endif
