/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_ROUTER_ANSWERS_H
#define RINGBUS_ROUTER_ANSWERS_H

/*
 * Answers: what the security modules said last time about such a message between these two. Fixed
 * size, mapped when its thread starts, its pages used only where a module mediates. What is found
 * is exact: the key is all that the module was told, compared in full. A message whose key is too
 * long is asked about each time.
 *
 * Owner: one thread that routes.
 */

#include "broker/base/text.h"

enum { ANSWERS_TEXTS = 4, ANSWERS_BYTES_MAX = 472 };

/* Without padding in what counts: the bytes behind n_bytes do not. */
typedef struct AnswersKey {
        uint64_t sender;    /* id of a connection, never ENDPOINT_NO_ID */
        uint64_t recipient; /* ENDPOINT_NO_ID: the bus */
        uint16_t n_bytes;
        uint8_t module; /* index */
        uint8_t unused[5];
        char bytes[ANSWERS_BYTES_MAX];
} AnswersKey;

typedef struct AnswersEntry AnswersEntry;

typedef struct Answers {
        AnswersEntry *entries;
        uint64_t generation; /* of the policy that was in force then */
} Answers;

int answers_init(Answers *answers); /* 0 or -ENOMEM */
void answers_deinit(Answers *answers);

/* Absent texts are not the same as empty ones. False: it is too long to be remembered. */
bool answers_key(uint64_t sender, uint64_t recipient, unsigned module,
                 const Text texts[static ANSWERS_TEXTS], AnswersKey *ret_key);

/* False: not there. Another generation empties the cache. */
bool answers_find(Answers *answers, uint64_t generation, const AnswersKey *key, bool *ret_allowed);

/* Of the generation that was looked for last. Something else is forgotten for it. */
void answers_add(Answers *answers, const AnswersKey *key, bool allowed);

#endif
