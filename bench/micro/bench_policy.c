/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding whether a message may be sent. Cases are named
 *
 *      decide/MESSAGE   of traffic.h; one iteration decides a thousand times
 *
 * There is one policy so far, which allows everything without looking: what is measured is the call
 * on the path of a message, beside which a policy with rules can be put.
 */
#include <stdio.h>

#include "auth/policy.h"
#include "bench/micro/gbench.h"
#include "bench/micro/traffic.h"
#include "broker/base/assert.h"

enum { DECISIONS = 1000 };

static Traffic messages[TRAFFIC_KINDS];

static void run_decide(GbenchState *state, const void *context)
{
        const Policy policy = {.generation = 1, .kind = POLICY_ALLOW_ALL};
        const Traffic *message = context;
        unsigned long n_allowed = 0;

        while (gbench_next(state))
                for (unsigned i = 0; i < DECISIONS; i++)
                        n_allowed +=
                                policy_decide_send(&policy, &message->header) == POLICY_ALLOWED;
        if (n_allowed != DECISIONS * gbench_iterations(state))
                gbench_fail(state, "the policy that allows everything has denied something");
        gbench_did(state, DECISIONS, 0);
        gbench_label(state, "what exists today: allows everything");
}

int main(int argc, char **argv)
{
        static const TrafficKind kinds[] = {TRAFFIC_CALL, TRAFFIC_REPLY, TRAFFIC_SIGNAL};
        char name[64];
        int status;

        fprintf(stderr, "bench_policy: what it costs to decide whether a message may be sent. The "
                        "only policy\nthere is today allows everything.\n");
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                traffic_make(&messages[i], kinds[i], traffic_native());
                snprintf(name, sizeof(name), "decide/%s", traffic_name(kinds[i]));
                gbench_register(name, run_decide, &messages[i]);
        }
        status = gbench_main(argc, argv);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                traffic_deinit(&messages[i]);
        return status;
}
