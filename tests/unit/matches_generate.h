/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_MATCHES_GENERATE_H
#define RINGBUS_TESTS_UNIT_MATCHES_GENERATE_H

/* Random rules and messages, from small sets of values so that they often match. One thread. */

#include "tests/unit/matches_model.h"

/* Unique names that are in use. */
typedef struct MatchesParties {
        const char *unique[32];
        unsigned n;
} MatchesParties;

extern const char *const matches_generate_names[MODEL_NAMES]; /* the well-known names */

void matches_generate_begin(uint64_t seed);
unsigned matches_generate_below(unsigned n);
const char *matches_generate_path(void);
const char *matches_generate_interface(void);
const char *matches_generate_member(void);
const char *matches_generate_party(MatchesParties parties); /* a bus name, perhaps nobody's */
void matches_generate_args(ModelMessage *message);

/* The text of a rule, of at most MATCHRULE_TEXT_MAX bytes. */
void matches_generate_rule(MatchesParties parties, char *text);

#endif
