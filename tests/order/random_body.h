/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_BODY_H
#define RINGBUS_TESTS_ORDER_RANDOM_BODY_H

/*
 * The bodies of test messages: a topic for arg0, who sent it, its counter, a vector clock, padding
 * whose every byte follows from these, and fds to files that say the same.
 *
 * A clock has one entry for each client: unique << 32 | serial of the newest message of its newest
 * incarnation that is known of. Numbers of later incarnations are greater, so the greater entry is
 * the newer; what was known of an earlier incarnation is forgotten, which only asks for less.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tests/order/random_shared.h"
#include "tests/support/marshal.h"
#include "tests/support/rawmessage.h"

typedef struct RandomBody {
        const char *topic;
        uint32_t client;
        uint32_t unique;
        uint32_t serial; /* the counter: the message's serial */
        uint32_t step;
        uint32_t size; /* of the padding */
        uint32_t n_fds;
        uint64_t clock[RANDOM_CLIENTS_MAX];
        unsigned n_clock;
} RandomBody;

/* The signature of a body with n fds. */
const char *random_body_signature(unsigned n_fds);

void random_body_write(const RandomBody *body, Marshal *bytes);

/* Makes the fds of a body. The number made: all, or 0 if there are no fds left. */
unsigned random_body_make_fds(const RandomBody *body, int *ret_fds);

/* False if the message has no such body, or anything in it is damaged. */
bool random_body_read(const RawMessage *message, RandomBody *ret_body);

/* Whether the fds that came with a message are those that its sender put in. */
bool random_body_check_fds(const RawMessage *message, const RandomBody *body);

#endif
