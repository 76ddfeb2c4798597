/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_POLICY_H
#define RINGBUS_TESTS_ORDER_RANDOM_POLICY_H

/*
 * The policy of the bus: it denies one interface always, and another one by turns, for it is
 * reloaded all the time. Everybody can tell which turn it is from the *state* that the processes
 * share: even while a policy is in force, odd from before ReloadConfig is called until its reply
 * is there. So a message that was sent and answered within one even state was judged by it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tests/order/random_shared.h"
#include "tests/support/bus.h"
#include "tests/support/rawclient.h"

/* What the policy says of a message, by its interface. */
typedef enum RandomJudged {
        RANDOM_JUDGED_ALLOWED,
        RANDOM_JUDGED_DENIED,
        RANDOM_JUDGED_BY_TURNS,
} RandomJudged;

typedef struct RandomPolicy {
        Bus *bus; // borrowed
        RawClient *client;
        unsigned state; /* of the bus, over all rounds */
        int64_t next_us;
        uint64_t n_reloads;
} RandomPolicy;

/* An interface of that kind. */
const char *random_policy_interface(RandomJudged judged);

/* Whether a policy is in force in that state, and not about to be replaced. */
static inline bool random_policy_is_settled(unsigned state)
{
        return state % 2 == 0;
}

/* Of a settled state: whether it denies what is denied by turns. */
static inline bool random_policy_denies(unsigned state)
{
        return state / 2 % 2 == 1;
}

/* The further elements of the bus's configuration in a settled state; 0 is that of a new bus. */
const char *random_policy_config(unsigned state);

/* Joins the bus, reloads it now and then, and leaves. 0, or -1 after a line on stderr. */
int random_policy_begin(RandomPolicy *policy);
int random_policy_tick(RandomPolicy *policy, RandomShared *shared, int64_t now_us);
void random_policy_end(RandomPolicy *policy);

#endif
