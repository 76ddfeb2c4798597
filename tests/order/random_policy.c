/* SPDX-License-Identifier: Apache-2.0 */

/* See random_policy.h. */

#include "tests/order/random_policy.h"

#include <stdio.h>
#include <string.h>

enum {
        POLICY_PERIOD_US = 30000,
        POLICY_PATIENCE_MS = 60000,
};

/* Nothing may be dropped because a queue is full: fds are what fills first. */
#define POLICY_LIMITS                                                                              \
        "  <limit name=\"max_outgoing_unix_fds\">100000</limit>\n"                                 \
        "  <limit name=\"max_incoming_unix_fds\">100000</limit>\n"
/* A sender's rule for calls, a receiver's for signals. */
#define POLICY_DENIED                                                                              \
        "  <policy context=\"mandatory\">\n"                                                       \
        "    <deny send_interface=\"ringbus.order.Denied\" send_type=\"method_call\"/>\n"          \
        "    <deny receive_interface=\"ringbus.order.Denied\" receive_type=\"signal\"/>\n"         \
        "  </policy>\n"
/* Both ask the same: a verdict of the one could pass for one of the other. */
#define POLICY_BY_TURNS(what)                                                                      \
        "  <policy context=\"default\">\n"                                                         \
        "    <" what " send_interface=\"ringbus.order.ByTurns\"/>\n"                               \
        "  </policy>\n"

const char *random_policy_interface(RandomJudged judged)
{
        static const char *const interfaces[] = {
                [RANDOM_JUDGED_ALLOWED] = "ringbus.order.Random",
                [RANDOM_JUDGED_DENIED] = "ringbus.order.Denied",
                [RANDOM_JUDGED_BY_TURNS] = "ringbus.order.ByTurns",
        };

        return interfaces[judged];
}

const char *random_policy_config(unsigned state)
{
        return random_policy_denies(state) ? POLICY_LIMITS POLICY_DENIED POLICY_BY_TURNS("deny")
                                           : POLICY_LIMITS POLICY_DENIED POLICY_BY_TURNS("allow");
}

int random_policy_begin(RandomPolicy *policy)
{
        int error = 0;

        policy->client = rawclient_open(policy->bus->address, 0, &error);
        if (policy->client && rawclient_hello(policy->client) == 0)
                return 0;
        fputs("random: who reloads the policy cannot join\n", stderr);
        random_policy_end(policy);
        return -1;
}

/* Calls ReloadConfig and waits for its reply. */
static int reload(RandomPolicy *policy)
{
        const RawHeader header = {.type = RAWMESSAGE_CALL,
                                  .path = "/org/freedesktop/DBus",
                                  .interface = "org.freedesktop.DBus",
                                  .member = "ReloadConfig",
                                  .destination = "org.freedesktop.DBus"};
        RawMessage *message = NULL;
        uint32_t serial;
        int r = rawclient_send_header(policy->client, &header, &serial);

        while (r >= 0 && !(message && message->reply_serial == serial))
                r = rawclient_receive(policy->client, POLICY_PATIENCE_MS, &message);
        return r >= 0 && message->type == RAWMESSAGE_RETURN ? 0 : -1;
}

int random_policy_tick(RandomPolicy *policy, RandomShared *shared, int64_t now_us)
{
        if (!policy->client || now_us < policy->next_us)
                return 0;
        policy->next_us = now_us + POLICY_PERIOD_US;
        random_shared_set(&shared->policy, ++policy->state);
        if (bus_write_config(policy->bus, random_policy_config(policy->state + 1)) < 0 ||
            reload(policy) < 0) {
                fputs("random: the bus does not reload its policy\n", stderr);
                return -1;
        }
        random_shared_set(&shared->policy, ++policy->state);
        policy->n_reloads++;
        return 0;
}

void random_policy_end(RandomPolicy *policy)
{
        rawclient_free(policy->client);
        policy->client = NULL;
}
