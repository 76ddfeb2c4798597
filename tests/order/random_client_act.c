/* SPDX-License-Identifier: Apache-2.0 */

/* See random_client.h: the steps. */

#include <stdio.h>

#include "tests/order/random_client.h"

enum {
        ACT_BURST = 24,          /* steps in one turn */
        ACT_OUTSTANDING = 48,    /* calls */
        ACT_QUEUED = 256 * 1024, /* bytes not yet written */
        ACT_BACKLOG = 1500,      /* broadcasts that an observer has not read yet */
        ACT_RULE_TWICE = 2,
};

static RandomRecord record_to(RandomTo to, unsigned name)
{
        return (RandomRecord){.to = (uint8_t)to, .name = (uint8_t)name};
}

static uint8_t flags_of(RandomJudged judged)
{
        if (judged == RANDOM_JUDGED_ALLOWED)
                return 0;
        return judged == RANDOM_JUDGED_DENIED ? RANDOM_FLAG_DENIED : RANDOM_FLAG_BY_TURNS;
}

static void send_signal_or_call(RandomClient *client, const RandomStep *step, bool to_name)
{
        bool is_call =
                step->action == RANDOM_ACTION_CALL || step->action == RANDOM_ACTION_CALL_NAME;
        char destination[24];
        RawHeader header = {.type = is_call ? RAWMESSAGE_CALL : RAWMESSAGE_SIGNAL,
                            .path = random_rules_path(step->features),
                            .interface = random_policy_interface(step->judged),
                            .member = random_rules_member(step->features),
                            .destination = destination};
        RandomRecord record = record_to(to_name ? RANDOM_TO_NAME : RANDOM_TO_UNIQUE,
                                        to_name ? step->name : RANDOM_NAME_NONE);

        if (to_name) {
                header.destination = random_rules_name(step->name);
        } else {
                unsigned unique = random_shared_get(&client->shared->unique[step->client]);

                record.peer = unique ? unique - 1 : client->unique;
                snprintf(destination, sizeof(destination), ":1.%u", record.peer);
        }
        record.flags = flags_of(step->judged);
        if (is_call && step->no_reply) {
                header.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
                record.flags |= RANDOM_FLAG_NO_REPLY;
        }
        random_client_send(client, &header, &record, step);
}

static void broadcast(RandomClient *client, const RandomStep *step, uint32_t features)
{
        RawHeader header = {.type = RAWMESSAGE_SIGNAL,
                            .path = random_rules_path(features),
                            .interface = random_rules_interface(features),
                            .member = random_rules_member(features)};
        RandomRecord record = record_to(RANDOM_TO_ALL, RANDOM_NAME_NONE);
        RandomStep chosen = *step;

        if (step->judged == RANDOM_JUDGED_DENIED) { /* by turns it would have no place */
                header.interface = random_policy_interface(step->judged);
                record.to = RANDOM_TO_NOBODY;
                record.flags = flags_of(step->judged);
        }
        chosen.features = record.value = features;
        random_client_send(client, &header, &record, &chosen);
}

/*
 * Between two broadcasts of our own that come back to us, if the rule is about NameOwnerChanged:
 * so that the checks can tell two equal ones apart (A to B, and once more A to B).
 */
static void change_rule(RandomClient *client, unsigned rule, bool add)
{
        const RandomStep fence = {.size = 0};
        uint32_t features = random_rules_features(RANDOM_MEMBER_FENCE, 0, 0);
        bool fenced = rule < RANDOM_RULE_MEMBER;
        RandomRecord record = {.method = add ? RANDOM_METHOD_ADD_MATCH : RANDOM_METHOD_REMOVE_MATCH,
                               .name = RANDOM_NAME_NONE,
                               .value = rule};

        if (fenced)
                broadcast(client, &fence, features);
        random_client_call_driver(client, &record);
        if (fenced)
                broadcast(client, &fence, features);
        if (add)
                client->rules[rule]++;
        else
                client->rules[rule]--;
}

static unsigned draw_rule(const RandomStep *step)
{
        return RANDOM_RULE_CHANGES + step->dice % (RANDOM_RULE_ALL - RANDOM_RULE_CHANGES);
}

static void act_on_rule(RandomClient *client, const RandomStep *step)
{
        unsigned rule = draw_rule(step);
        bool add =
                client->rules[rule] == 0 || (client->rules[rule] < ACT_RULE_TWICE && step->again);

        change_rule(client, rule, add);
}

/* Adds one rule and removes another at once; as a rule they overlap. */
static void replace_rule(RandomClient *client, const RandomStep *step)
{
        unsigned rule = draw_rule(step), old = rule;

        do
                old = old + 1 < RANDOM_RULE_ALL ? old + 1 : RANDOM_RULE_CHANGES;
        while (client->rules[old] == 0 && old != rule);
        if (client->rules[rule] < ACT_RULE_TWICE)
                change_rule(client, rule, true);
        if (old != rule)
                change_rule(client, old, false);
}

static void query(RandomClient *client, const RandomStep *step)
{
        unsigned kind = step->dice % 16;
        RandomRecord record = {.name = (uint8_t)step->name};
        unsigned unique = random_shared_get(&client->shared->unique[step->client]);

        record.method = kind == 0  ? RANDOM_METHOD_LIST_NAMES
                        : kind < 9 ? RANDOM_METHOD_GET_OWNER
                                   : RANDOM_METHOD_HAS_OWNER;
        if (kind >= 14 && unique) {
                record.name = RANDOM_NAME_UNIQUE;
                record.old = unique - 1;
        }
        random_client_call_driver(client, &record);
}

static void act_on_name(RandomClient *client, const RandomStep *step)
{
        RandomRecord record = {.name = (uint8_t)step->name};

        if (step->action == RANDOM_ACTION_REQUEST) {
                record.method = RANDOM_METHOD_REQUEST_NAME;
                record.value = step->flags;
        } else {
                record.method = RANDOM_METHOD_RELEASE_NAME;
        }
        random_client_call_driver(client, &record);
}

/* Every other time with some names in hand, which it lets go with the connection. */
static void end_connection(RandomClient *client, const RandomStep *step, int64_t now_us)
{
        enum {
                FAREWELL_NAMES = 3,
                FAREWELL_FLAGS = 3, /* replaces, may be replaced, queues */
        };

        if (step->again || client->farewell) {
                client->farewell = false;
                if (step->action == RANDOM_ACTION_LEAVE) {
                        random_client_leave(client);
                        return;
                }
                (void)random_connection_write(&client->connection, now_us);
                random_client_end(client, RANDOM_END_ABRUPT);
                return;
        }
        for (unsigned i = 0; i < FAREWELL_NAMES; i++) {
                RandomRecord record = {.method = RANDOM_METHOD_REQUEST_NAME,
                                       .name = (uint8_t)((step->name + i) % RANDOM_NAMES),
                                       .value = FAREWELL_FLAGS};

                random_client_call_driver(client, &record);
        }
        client->farewell = client->awaiting = true;
        client->last_step = *step;
}

static void act_step(RandomClient *client, const RandomStep *step, int64_t now_us)
{
        switch (step->action) {
        case RANDOM_ACTION_CALL:
        case RANDOM_ACTION_SIGNAL:
                send_signal_or_call(client, step, false);
                break;
        case RANDOM_ACTION_CALL_NAME:
        case RANDOM_ACTION_SIGNAL_NAME:
                send_signal_or_call(client, step, true);
                break;
        case RANDOM_ACTION_BROADCAST:
                broadcast(client, step, step->features);
                break;
        case RANDOM_ACTION_REQUEST:
        case RANDOM_ACTION_RELEASE:
                act_on_name(client, step);
                break;
        case RANDOM_ACTION_RULE:
                act_on_rule(client, step);
                break;
        case RANDOM_ACTION_REPLACE_RULE:
                replace_rule(client, step);
                break;
        case RANDOM_ACTION_QUERY:
                query(client, step);
                break;
        case RANDOM_ACTION_BARRIER:
                random_client_barrier(client);
                break;
        case RANDOM_ACTION_PAUSE:
                client->paused_until_us = now_us + step->pause_ms * 1000;
                break;
        case RANDOM_ACTION_ABRUPT:
        case RANDOM_ACTION_LEAVE:
                end_connection(client, step, now_us);
                break;
        }
}

/* Whether the whole bus keeps up; nobody's queue grows without bound. */
static bool may_act(RandomClient *client, int64_t now_us)
{
        unsigned long sent = random_shared_count(&client->shared->n_broadcasts);

        if (client->life != RANDOM_LIFE_RUN || now_us < client->thinking_until_us ||
            client->n_outstanding >= ACT_OUTSTANDING ||
            (client->awaiting && client->n_outstanding > 0) ||
            client->connection.queued_bytes > ACT_QUEUED)
                return false;
        for (unsigned i = 0; i < RANDOM_OBSERVERS; i++) {
                unsigned long seen = random_shared_count(&client->shared->n_observed[i]);

                if (sent > seen + ACT_BACKLOG)
                        return false;
        }
        client->awaiting = false;
        return true;
}

void random_client_act(RandomClient *client, int64_t now_us)
{
        for (unsigned i = 0; i < ACT_BURST && may_act(client, now_us); i++) {
                RandomStep step =
                        client->is_observer
                                ? random_plan_observe(&client->plan, client->index, client->step)
                                : random_plan_step(&client->plan, client->index, client->step);

                if (client->farewell) {
                        end_connection(client, &client->last_step, now_us);
                        return;
                }
                client->awaiting = step.await;
                if (step.think_us)
                        client->thinking_until_us = now_us + step.think_us;
                act_step(client, &step, now_us);
                client->step++;
        }
}
