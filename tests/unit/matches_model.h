/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_UNIT_MATCHES_MODEL_H
#define RINGBUS_TESTS_UNIT_MATCHES_MODEL_H

/*
 * The literal matcher: whether one rule matches one message, key by key as the specification has it
 * ("Match Rules"), slowly. It shares nothing with the index but the parsed rule.
 */

#include "proto/matchrule.h"

enum { MODEL_ARGS_MAX = 70, MODEL_NAMES = 4 };

typedef struct ModelArg {
        char type; /* 's', 'o', 'g', 'u', 'a' */
        const char *text;
} ModelArg;

/* A message as the test made it up; absent texts are NULL. */
typedef struct ModelMessage {
        uint8_t type;
        const char *path, *interface, *member, *destination;
        ModelArg args[MODEL_ARGS_MAX];
        unsigned n_args;
        const char *sender;        /* unique name, or the bus's */
        const char *recipient;     /* unique name of the recipient; NULL: unknown, or none */
        const char *const *names;  /* the well-known names */
        const char *const *owners; /* of each name, its owner's unique name or NULL */
} ModelMessage;

bool model_matches(const MatchRule *rule, const ModelMessage *message);

#endif
