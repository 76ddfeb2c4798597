/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding whether a message may be sent. Cases are named
 *
 *      open/MESSAGE     of traffic.h: session.conf is in force, which allows everything
 *      hit/MESSAGE      rules like those of a distribution's system.conf and 40 services; the
 *                       verdict is in the cache
 *      decide/MESSAGE   the same rules, decided
 *
 * one iteration does it a thousand times.
 */
#include <stdio.h>
#include <string.h>

#include "bench/micro/gbench.h"
#include "bench/micro/traffic.h"
#include "bench/micro/world.h"
#include "broker/base/assert.h"
#include "broker/router/judge.h"

enum { DECISIONS = 1000, SERVICES = 40 };

static Traffic messages[TRAFFIC_KINDS];
static RouterRoot session, distribution;

static void add(PolicyRules *rules, PolicyRule rule, const char *name, const char *interface)
{
        rule.name = name ? strdup(name) : NULL;
        rule.interface = interface ? strdup(interface) : NULL;
        ASSERT(policyrules_add(rules, &rule) == 0);
}

/* What concerns messages in Debian's system.conf, and two rules for each of the services: root may
 * say anything to it, everybody may call three of its interfaces. */
static void compile_distribution(void)
{
        PolicyRules rules = {0};
        PolicyRule deny, allow, receive;
        char name[64], interface[80];

        policyrule_init(&deny, POLICY_CONTEXT_DEFAULT, POLICY_RULE_SEND, false);
        policyrule_init(&allow, POLICY_CONTEXT_DEFAULT, POLICY_RULE_SEND, true);
        policyrule_init(&receive, POLICY_CONTEXT_DEFAULT, POLICY_RULE_RECEIVE, true);
        deny.type = FRAME_TYPE_METHOD_CALL;
        add(&rules, deny, NULL, NULL);
        for (uint8_t type = FRAME_TYPE_METHOD_CALL; type <= FRAME_TYPE_SIGNAL; type++) {
                allow.type = receive.type = type;
                if (type != FRAME_TYPE_METHOD_CALL)
                        add(&rules, allow, NULL, NULL);
                add(&rules, receive, NULL, NULL);
        }
        allow.type = 0;
        add(&rules, allow, "org.freedesktop.DBus", "org.freedesktop.DBus");
        add(&rules, allow, ":1.1", NULL); /* whom the messages are for; decided last */
        for (unsigned i = 0; i < SERVICES; i++) {
                snprintf(name, sizeof(name), "org.example.Service%u", i);
                for (unsigned k = 0; k < 3; k++) {
                        snprintf(interface, sizeof(interface), "org.example.Service%u.Part%u", i,
                                 k);
                        add(&rules, allow, name, interface);
                }
                allow.context = POLICY_CONTEXT_USER;
                add(&rules, allow, name, NULL);
                allow.context = POLICY_CONTEXT_DEFAULT;
        }
        ASSERT(policy_compile(&rules, 1, &distribution.policy) == 0);
        policyrules_deinit(&rules);
}

/* Two connections of one user, the second called ":1.1". */
static void init_ends(Endpoint *ends)
{
        for (unsigned i = 0; i < 2; i++) {
                endpoint_init(&ends[i]);
                ends[i].id = i;
                ends[i].uid = 1000;
                ends[i].unique_name_size = (size_t)snprintf(
                        ends[i].unique_name, sizeof(ends[i].unique_name), ":1.%u", i);
        }
}

static void run_judge(GbenchState *state, const Traffic *message, const RouterRoot *root)
{
        static Endpoint ends[2];
        World *world = world_new();
        RouterThread *thread = &world->thread;
        unsigned long n_allowed = 0;

        init_ends(ends);
        thread->root = root;
        while (gbench_next(state))
                for (unsigned i = 0; i < DECISIONS; i++)
                        n_allowed += !judge_is_needed(thread) ||
                                     judge_unicast(thread, &ends[0], &ends[1], &message->header,
                                                   true) == VERDICT_ALLOWED;
        if (n_allowed != DECISIONS * gbench_iterations(state))
                gbench_fail(state, "a message that is allowed was denied");
        if (judge_is_needed(thread) && tally_read(&thread->n_verdict_misses) != 1)
                gbench_fail(state, "verdicts were not in the cache");
        gbench_did(state, DECISIONS, 0);
        router_load_root(thread);
        world_free(world);
}

static void run_open(GbenchState *state, const void *context)
{
        run_judge(state, context, &session);
}

static void run_hit(GbenchState *state, const void *context)
{
        run_judge(state, context, &distribution);
}

static bool has_name(const void *context, Text name, bool is_prefix)
{
        (void)is_prefix;
        return text_equal(name, *(const Text *)context);
}

static void run_decide(GbenchState *state, const void *context)
{
        const Text name = TEXT(":1.1");
        const PolicyParty party = {.uid = 1000, .has_name = has_name, .context = &name};
        const Policy *policy = distribution.policy;
        const Traffic *message = context;
        unsigned long n_allowed = 0;

        while (gbench_next(state)) {
                for (unsigned i = 0; i < DECISIONS; i++) {
                        PolicyShape shape;

                        policy_shape(policy, &message->header, TEXT_NONE, &shape);
                        shape.flags |= POLICY_SHAPE_REQUESTED;
                        n_allowed += policy_decide_send(policy, &party, &party, &shape).allowed &&
                                     policy_decide_receive(policy, &party, &party, &shape).allowed;
                }
        }
        if (n_allowed != DECISIONS * gbench_iterations(state))
                gbench_fail(state, "a message that is allowed was denied");
        gbench_did(state, DECISIONS, 0);
}

int main(int argc, char **argv)
{
        static const TrafficKind kinds[] = {TRAFFIC_CALL, TRAFFIC_REPLY, TRAFFIC_SIGNAL};
        static const struct {
                const char *name;
                GbenchRun *run;
        } cases[] = {{"open", run_open}, {"hit", run_hit}, {"decide", run_decide}};
        char name[64];
        int status;

        fprintf(stderr, "bench_policy: what it costs to decide whether a message may be sent.\n");
        world_free(world_new()); /* draws the secret of hashes */
        ASSERT(policy_compile_open(1, &session.policy) == 0);
        compile_distribution();
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                traffic_make(&messages[kinds[i]], kinds[i], traffic_native());
        for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
                for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                        snprintf(name, sizeof(name), "%s/%s", cases[k].name,
                                 traffic_name(kinds[i]));
                        gbench_register(name, cases[k].run, &messages[kinds[i]]);
                }
        }
        status = gbench_main(argc, argv);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                traffic_deinit(&messages[kinds[i]]);
        policy_free(session.policy);
        policy_free(distribution.policy);
        return status;
}
