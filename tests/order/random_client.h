/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_CLIENT_H
#define RINGBUS_TESTS_ORDER_RANDOM_CLIENT_H

/*
 * One client of the randomized test: joins, does what the plan says, answers calls, leaves, comes
 * back under a new name, and at the end of the round waits until everything must have come.
 *
 *      NEW -> HELLO -> RULE -> (ALONE) -> RUN -> SETTLING -> SETTLED -> FINISHING -> FINISHED
 *       ^                                  |
 *       +------------ LEAVING <------------+      ALONE: the first observer only
 *
 * Owner: one thread, which runs several of them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tests/order/random_body.h"
#include "tests/order/random_connection.h"
#include "tests/order/random_log.h"
#include "tests/order/random_plan.h"
#include "tests/order/random_rules.h"
#include "tests/order/random_shared.h"

enum {
        RANDOM_OUTSTANDING_MAX = 128,
        RANDOM_PENDING_MAX = 4096,
};

typedef enum RandomLife {
        RANDOM_LIFE_NEW,
        RANDOM_LIFE_HELLO, /* waits for the reply */
        RANDOM_LIFE_RULE,  /* waits for its first match rule */
        RANDOM_LIFE_ALONE, /* waits until the clients of earlier rounds are gone */
        RANDOM_LIFE_RUN,
        RANDOM_LIFE_LEAVING,   /* has stopped writing, waits for the bus to close */
        RANDOM_LIFE_SETTLING,  /* waits for the round trip after all answers */
        RANDOM_LIFE_SETTLED,   /* waits for all others to settle */
        RANDOM_LIFE_FINISHING, /* waits for the last round trip */
        RANDOM_LIFE_FINISHED,
} RandomLife;

/* A call of ours that is not answered yet. */
typedef struct RandomOutstanding {
        uint32_t serial;
        RandomMethod method;
} RandomOutstanding;

/* An answer that we owe. */
typedef struct RandomPending {
        int64_t due_us;
        uint32_t caller; /* unique */
        uint32_t serial;
        RandomReaction reaction;
} RandomPending;

typedef struct RandomClient {
        const RandomOptions *options; // borrowed, and so are the next two
        RandomShared *shared;
        const char *address;
        RandomPlan plan;
        unsigned index;
        unsigned n_all; /* clients and observers */
        bool is_observer;

        RandomLife life;
        RandomLog log;
        RandomConnection connection;
        uint32_t unique;
        uint32_t next_serial;
        uint32_t step;
        uint64_t clock[RANDOM_CLIENTS_MAX];
        uint8_t rules[RANDOM_RULES]; /* how often we have added each */
        RandomOutstanding outstanding[RANDOM_OUTSTANDING_MAX];
        unsigned n_outstanding;
        bool awaiting; /* no further step before all is answered */
        bool farewell; /* and then the connection ends, as the last step said */
        RandomStep last_step;
        RandomPending *pending;
        unsigned n_pending;
        unsigned n_listed; /* unique names in the last ListNames reply */
        int64_t paused_until_us, thinking_until_us;
} RandomClient;

int random_client_init(RandomClient *client, const char *directory);
void random_client_deinit(RandomClient *client);

/* Does what there is to do now: reads, answers, acts, writes. Never blocks for long. */
void random_client_turn(RandomClient *client);

/* poll(2) events that the client waits for, 0 if it waits for a time. */
short random_client_events(const RandomClient *client, int64_t now_us);

/* random_client_send.c */

/* A message to another client, or to all. Fills in sender, serial and body, and logs it. */
void random_client_send(RandomClient *client, RawHeader *header, RandomRecord *record,
                        const RandomStep *step);
/* A call of the driver; record says which and about what. */
void random_client_call_driver(RandomClient *client, RandomRecord *record);
void random_client_barrier(RandomClient *client); /* GetId, with a snapshot of others' */
void random_client_answer(RandomClient *client, const RandomPending *pending);

/* random_client_act.c */
void random_client_act(RandomClient *client, int64_t now_us);

/* random_client_read.c */

/* Handles and logs a message that came. */
void random_client_handle(RandomClient *client, const RawMessage *message, int64_t now_us);

/* random_client.c, for the steps */
void random_client_end(RandomClient *client, RandomEnd end);
void random_client_leave(RandomClient *client);

#endif
