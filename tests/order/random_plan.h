/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_PLAN_H
#define RINGBUS_TESTS_ORDER_RANDOM_PLAN_H

/*
 * The choices: each is a function of the seed, the round, the client and the number of its step,
 * of nothing else. So a seed replays what everybody does, though not when.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tests/order/random_policy.h"

typedef enum RandomAction {
        RANDOM_ACTION_CALL,
        RANDOM_ACTION_CALL_NAME,
        RANDOM_ACTION_SIGNAL,
        RANDOM_ACTION_SIGNAL_NAME,
        RANDOM_ACTION_BROADCAST,
        RANDOM_ACTION_REQUEST,
        RANDOM_ACTION_RELEASE,
        RANDOM_ACTION_RULE,
        RANDOM_ACTION_REPLACE_RULE,
        RANDOM_ACTION_QUERY,
        RANDOM_ACTION_BARRIER,
        RANDOM_ACTION_PAUSE,
        RANDOM_ACTION_ABRUPT,
        RANDOM_ACTION_LEAVE,
} RandomAction;

typedef struct RandomPlan { /* whose choices */
        uint64_t seed;
        unsigned round;
        unsigned n_clients; /* without the observers */
} RandomPlan;

typedef struct RandomStep {
        RandomAction action;
        unsigned client; /* to whom */
        unsigned name;
        unsigned flags; /* of RequestName */
        uint32_t features;
        uint32_t dice; /* for choices that depend on the client's state */
        unsigned size; /* of the padding */
        unsigned n_fds;
        unsigned half_ms; /* how long to hold the second half of the message back; 0: not */
        unsigned think_us;
        unsigned pause_ms;
        bool no_reply;
        bool again; /* add a rule that is there already */
        bool await; /* go on only when everything is answered */
        RandomJudged judged;
} RandomStep;

typedef struct RandomReaction {
        bool error;
        unsigned delay_ms;
        unsigned size;
        unsigned n_fds;
} RandomReaction;

uint64_t random_plan_mix(uint64_t number);

RandomStep random_plan_step(const RandomPlan *plan, unsigned client, uint32_t step);

/* What an observer does: reads, asks, and reads slowly at times. */
RandomStep random_plan_observe(const RandomPlan *plan, unsigned client, uint32_t step);

/* How a callee answers the call that `caller` made in its step. */
RandomReaction random_plan_react(const RandomPlan *plan, unsigned caller, uint32_t step);

#endif
