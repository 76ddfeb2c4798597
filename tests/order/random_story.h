/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_STORY_H
#define RINGBUS_TESTS_ORDER_RANDOM_STORY_H

/*
 * Logs made by hand, for the test of the checks: three clients :1.10 to :1.12 and the observers
 * :1.1 and :1.2, who have all joined. A test tells who sent and who read what, in any order it
 * likes, and asks which clauses the checks find broken.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tests/order/random_history.h"
#include "tests/order/random_monitor.h"
#include "tests/order/random_rules.h"
#include "tests/support/rawmessage.h"

enum {
        STORY_CLIENTS = 3,
        STORY_UNIQUE = 10,  /* of client 0 */
        STORY_OBSERVER = 1, /* the first one's unique */
        STORY_LOGS = STORY_CLIENTS + RANDOM_OBSERVERS,
        STORY_LOG_MAX = 8192, /* bytes */
        STORY_SERIALS_MAX = 32,
};

typedef struct Story {
        uint64_t bytes[STORY_LOGS][STORY_LOG_MAX / 8];
        size_t sizes[STORY_LOGS];
        RandomRecord sent[STORY_LOGS][STORY_SERIALS_MAX]; /* by serial */
        uint32_t serials[STORY_LOGS];                     /* the last one */
        bool ended[STORY_LOGS];
        RandomSeen seen[STORY_SERIALS_MAX]; /* by a monitor */
        size_t n_seen;                      /* 0: there was none */
} Story;

uint32_t story_unique(unsigned client);

/* Any record. */
void story_write(Story *story, unsigned client, const RandomRecord *record,
                 const RandomKnown *known);

/* Sending: the serial. */
uint32_t story_send(Story *story, unsigned from, unsigned type, unsigned to);
uint32_t story_send_to_name(Story *story, unsigned from, unsigned type, unsigned name);
/* A call that the policy denies, always or by turns (flags), sent in that state of it. */
uint32_t story_send_judged(Story *story, unsigned from, unsigned to, unsigned flags,
                           unsigned state);
uint32_t story_broadcast(Story *story, unsigned from, unsigned member);
uint32_t story_answer(Story *story, unsigned from, unsigned to, uint32_t call);
uint32_t story_call(Story *story, unsigned from, RandomMethod method, unsigned name,
                    uint32_t value);

/* A client reads a message that was sent; the second form with what it learns from its clock. */
void story_read(Story *story, unsigned client, unsigned from, uint32_t serial);
void story_read_knowing(Story *story, unsigned client, unsigned from, uint32_t serial,
                        RandomKnown known);
void story_observe(Story *story, unsigned from, uint32_t serial); /* both observers read it */

/* A monitor sees a message of a client's. */
void story_see(Story *story, unsigned from, uint32_t serial);

/* From the driver. Owners are numbers of clients, or -1. */
void story_read_reply(Story *story, unsigned client, uint32_t call, uint32_t value);
void story_read_error(Story *story, unsigned client, uint32_t call, RandomError error);
void story_read_denial(Story *story, unsigned client, uint32_t call, unsigned state);
void story_read_change(Story *story, unsigned client, unsigned name, int old, int new);
void story_change(Story *story, unsigned name, int old, int new); /* both observers read it */
void story_read_told(Story *story, unsigned client, RandomMethod told, unsigned name);

/* AddMatch, and its reply. */
void story_add_rule(Story *story, unsigned client, unsigned rule);

/* The observers read that a client has gone; it may still read what was on its way. */
void story_gone(Story *story, unsigned client);
void story_end(Story *story, unsigned client, RandomEnd end);

/*
 * Tells a story twice, as a bus that keeps the contract would have it, then with one thing wrong.
 * Whoever has not ended in it has read to the end of the round. Fails unless the checks find
 * nothing in the first telling and that clause, and no other, in the second.
 */
typedef void (*StoryTale)(Story *story, bool broken);
void story_tell(StoryTale tale, char clause);

#define STORY_TEST(name, clause)                                                                   \
        static void test_checker_##name##_is_clause_##clause(void **state)                         \
        {                                                                                          \
                (void)state;                                                                       \
                story_tell(tale_##name, #clause[0]);                                               \
        }

#endif
