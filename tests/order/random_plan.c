/* SPDX-License-Identifier: Apache-2.0 */

/* See random_plan.h. The generator is splitmix64, begun anew for each step. */

#include "tests/order/random_plan.h"

#include <stddef.h>

#include "tests/order/random_rules.h"
#include "tests/order/random_shared.h"

uint64_t random_plan_mix(uint64_t number)
{
        number += 0x9e3779b97f4a7c15ULL;
        number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9ULL;
        number = (number ^ number >> 27) * 0x94d049bb133111ebULL;
        return number ^ number >> 31;
}

static uint64_t begin(const RandomPlan *plan, unsigned kind, unsigned client, uint32_t step)
{
        uint64_t state = random_plan_mix(plan->seed);

        state = random_plan_mix(state ^ plan->round);
        state = random_plan_mix(state ^ (uint64_t)kind << 32 ^ client);
        return random_plan_mix(state ^ step);
}

/* 0 to n - 1. */
static unsigned draw(uint64_t *state, unsigned n)
{
        *state = random_plan_mix(*state);
        return (unsigned)((*state >> 32) * n >> 32);
}

static bool chance(uint64_t *state, unsigned per_mille)
{
        return draw(state, 1000) < per_mille;
}

/*
 * What the clients of a round are like: a bit of everything, a fight for two names, rules that
 * change all the time, or clients that come and go.
 */
typedef enum Flavour {
        FLAVOUR_MIXED,
        FLAVOUR_NAMES,
        FLAVOUR_RULES,
        FLAVOUR_CHURN,
        FLAVOURS,
} Flavour;

/* How often clients do what, by flavour; the sums do not matter. */
static const struct {
        RandomAction action;
        unsigned weights[FLAVOURS];
} plan_weights[] = {
        {RANDOM_ACTION_CALL, {2250, 800, 800, 1800}},
        {RANDOM_ACTION_CALL_NAME, {1600, 3000, 800, 1800}},
        {RANDOM_ACTION_SIGNAL, {900, 400, 600, 900}},
        {RANDOM_ACTION_SIGNAL_NAME, {500, 1500, 300, 500}},
        {RANDOM_ACTION_BROADCAST, {1900, 400, 3500, 1900}},
        {RANDOM_ACTION_REQUEST, {900, 2500, 500, 900}},
        {RANDOM_ACTION_RELEASE, {600, 600, 300, 600}},
        {RANDOM_ACTION_RULE, {400, 100, 1500, 400}},
        {RANDOM_ACTION_REPLACE_RULE, {200, 50, 1500, 200}},
        {RANDOM_ACTION_QUERY, {500, 400, 200, 500}},
        {RANDOM_ACTION_BARRIER, {225, 100, 100, 225}},
        {RANDOM_ACTION_PAUSE, {10, 10, 10, 10}},
        {RANDOM_ACTION_ABRUPT, {8, 4, 4, 60}},
        {RANDOM_ACTION_LEAVE, {7, 3, 3, 60}},
};

static Flavour flavour_of(const RandomPlan *plan)
{
        return (Flavour)(plan->round % FLAVOURS);
}

static RandomAction draw_action(const RandomPlan *plan, uint64_t *state)
{
        const size_t n = sizeof(plan_weights) / sizeof(plan_weights[0]);
        Flavour flavour = flavour_of(plan);
        unsigned sum = 0, dice;

        for (size_t i = 0; i < n; i++)
                sum += plan_weights[i].weights[flavour];
        dice = draw(state, sum);
        for (size_t i = 0; i < n; i++) {
                if (dice < plan_weights[i].weights[flavour])
                        return plan_weights[i].action;
                dice -= plan_weights[i].weights[flavour];
        }
        return RANDOM_ACTION_CALL;
}

/* Mostly small; some are larger than a copy is worth, a few larger than a receive buffer. */
static unsigned draw_size(uint64_t *state)
{
        if (chance(state, 3))
                return 65536 + draw(state, 300000);
        if (chance(state, 40))
                return 1024 + draw(state, 12000);
        return draw(state, 100);
}

/* Of RequestName: mostly such that names move. */
static unsigned draw_flags(uint64_t *state)
{
        enum {
                ALLOW_REPLACEMENT = 1,
                REPLACE_EXISTING = 2,
                DO_NOT_QUEUE = 4,
        };
        unsigned flags = chance(state, 750) ? ALLOW_REPLACEMENT : 0;

        flags |= chance(state, 750) ? REPLACE_EXISTING : 0;
        return flags | (chance(state, 500) ? DO_NOT_QUEUE : 0);
}

static RandomJudged draw_judged(uint64_t *state)
{
        if (chance(state, 40))
                return RANDOM_JUDGED_DENIED;
        return chance(state, 80) ? RANDOM_JUDGED_BY_TURNS : RANDOM_JUDGED_ALLOWED;
}

RandomStep random_plan_step(const RandomPlan *plan, unsigned client, uint32_t step)
{
        uint64_t state = begin(plan, 0, client, step);
        RandomStep chosen = {.action = draw_action(plan, &state)};

        chosen.client = draw(&state, plan->n_clients);
        chosen.name = draw(&state, flavour_of(plan) == FLAVOUR_NAMES ? 2 : RANDOM_NAMES);
        chosen.flags = draw_flags(&state);
        chosen.features =
                random_rules_features(draw(&state, RANDOM_MEMBERS), draw(&state, RANDOM_PATHS),
                                      draw(&state, RANDOM_TOPICS));
        chosen.dice = draw(&state, 0xffffffff);
        chosen.again = chance(&state, 250);
        chosen.size = draw_size(&state);
        chosen.n_fds = chance(&state, 15) ? 1 + draw(&state, RANDOM_FDS_MAX) : 0;
        chosen.half_ms = chance(&state, 6) ? 1 + draw(&state, 20) : 0;
        chosen.think_us = chance(&state, 60) ? draw(&state, 8000) : 0;
        chosen.pause_ms = 5 + draw(&state, chance(&state, 100) ? 400 : 60);
        chosen.no_reply = chance(&state, 150);
        chosen.await = chance(&state, 40);
        chosen.judged = draw_judged(&state);
        return chosen;
}

RandomStep random_plan_observe(const RandomPlan *plan, unsigned client, uint32_t step)
{
        uint64_t state = begin(plan, 1, client, step);
        RandomStep chosen = {.action = RANDOM_ACTION_QUERY, .await = true};

        if (chance(&state, 20))
                chosen.action = RANDOM_ACTION_PAUSE;
        chosen.client = draw(&state, plan->n_clients);
        chosen.name = draw(&state, RANDOM_NAMES);
        chosen.dice = draw(&state, 0xffffffff);
        chosen.pause_ms = 5 + draw(&state, 100);
        chosen.think_us = draw(&state, 4000);
        return chosen;
}

RandomReaction random_plan_react(const RandomPlan *plan, unsigned caller, uint32_t step)
{
        uint64_t state = begin(plan, 2, caller, step);
        RandomReaction chosen = {.error = chance(&state, 80)};

        if (chance(&state, 120))
                chosen.delay_ms = 1 + draw(&state, chance(&state, 100) ? 300 : 20);
        chosen.size = draw_size(&state);
        chosen.n_fds = chance(&state, 10) ? 1 + draw(&state, RANDOM_FDS_MAX) : 0;
        return chosen;
}
