/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_AUTH_POLICYTEXTS_H
#define RINGBUS_AUTH_POLICYTEXTS_H

/*
 * The strings that a policy's rules mention, each with a small number, so that a message's strings
 * are compared once, with all of them, instead of once with each rule.
 *
 * Owner: the policy, with which it is immutable after it was filled. hash_init() comes first.
 */

#include "broker/base/text.h"

enum {
        POLICYTEXTS_ABSENT = 0, /* of a message: it has no such field; of a rule: any will do */
        POLICYTEXTS_OTHER = 1,  /* of a message: a text that no rule mentions */
        POLICYTEXTS_FIRST = 2,  /* the first number of a text */
};

typedef struct PolicyText {
        uint64_t hash;
        const char *data;
        uint32_t size;
        uint32_t parent; /* the longest other text that is this one up to one of its dots, or 0 */
} PolicyText;

typedef struct PolicyTexts {
        PolicyText *items; /* by number */
        uint32_t n;        /* numbers in use, the two that are no texts included */
        uint32_t capacity;
        uint32_t *buckets; /* numbers by hash, 0: free; at most half full */
        uint32_t mask;
        char *bytes; /* of all texts */
        size_t n_bytes;
} PolicyTexts;

/* Room for `n_max` texts of `size_max` bytes together. 0 or -ENOMEM. */
int policytexts_init(PolicyTexts *texts, uint32_t n_max, size_t size_max);
void policytexts_deinit(PolicyTexts *texts); /* idempotent */

/* The number of a text, which is copied if it is new. Never fails within what was asked for. */
uint32_t policytexts_add(PolicyTexts *texts, Text text);

/* After the last text: finds each one's parent. */
void policytexts_link(PolicyTexts *texts);

/* A present text's number, or POLICYTEXTS_OTHER. */
uint32_t policytexts_find(const PolicyTexts *texts, Text text);

/*
 * The class of a name: names of one class are equal to the same texts, and begin with the same ones
 * (followed by a dot or the end). 0 for an absent name.
 */
uint32_t policytexts_classify(const PolicyTexts *texts, Text name);

/* Whether names of this class are the text, or begin with it in that sense. */
bool policytexts_class_is(uint32_t class, uint32_t text);
bool policytexts_class_begins(const PolicyTexts *texts, uint32_t class, uint32_t text);

#endif
