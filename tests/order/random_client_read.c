/* SPDX-License-Identifier: Apache-2.0 */

/* See random_client.h: everything that a client reads, and its record in the log. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/order/random_client.h"

enum {
        READ_NAMES_MAX = 512,
};

/* N + 1 of ":1.N", or 0. */
static uint32_t number_of(const char *name)
{
        return name && !strncmp(name, ":1.", 3) ? (uint32_t)strtoul(name + 3, NULL, 10) + 1 : 0;
}

static uint8_t index_of(const char *name)
{
        if (!name)
                return RANDOM_NAME_NONE;
        if (name[0] == ':')
                return RANDOM_NAME_UNIQUE;
        for (unsigned i = 0; i < RANDOM_NAMES; i++) {
                if (!strcmp(name, random_rules_name(i)))
                        return (uint8_t)i;
        }
        return RANDOM_NAME_NONE;
}

static RandomError error_of(const char *name)
{
        static const struct {
                const char *name;
                RandomError error;
        } errors[] = {{"NoReply", RANDOM_ERROR_NO_REPLY},
                      {"NameHasNoOwner", RANDOM_ERROR_NO_OWNER},
                      {"ServiceUnknown", RANDOM_ERROR_NO_OWNER},
                      {"AccessDenied", RANDOM_ERROR_DENIED},
                      {"LimitsExceeded", RANDOM_ERROR_LIMITS}};
        const char *last = name ? strrchr(name, '.') : NULL;

        for (unsigned i = 0; last && i < sizeof(errors) / sizeof(errors[0]); i++) {
                if (!strcmp(last + 1, errors[i].name))
                        return errors[i].error;
        }
        return RANDOM_ERROR_OTHER;
}

/* Takes an answered call out of the list. */
static RandomMethod settle(RandomClient *client, uint32_t serial)
{
        for (unsigned i = 0; i < client->n_outstanding; i++) {
                RandomMethod method = client->outstanding[i].method;

                if (client->outstanding[i].serial != serial)
                        continue;
                client->outstanding[i] = client->outstanding[--client->n_outstanding];
                return method;
        }
        return RANDOM_METHOD_NONE;
}

static void start(RandomClient *client, const RawMessage *message)
{
        RandomRecord joined = {.what = RANDOM_JOINED}, add = {.method = RANDOM_METHOD_ADD_MATCH};
        const char *name = "";

        if (!rawmessage_read(message, "s", &name) || !number_of(name)) {
                fprintf(stderr, "random: client %u: no answer to Hello\n", client->index);
                random_client_end(client, RANDOM_END_LOST);
                return;
        }
        client->unique = joined.peer = number_of(name) - 1;
        random_log_write(&client->log, &joined, NULL);
        random_shared_set(&client->shared->unique[client->index], client->unique + 1);
        random_shared_add(&client->shared->n_joined, 1);
        add.value = client->is_observer ? RANDOM_RULE_ALL : RANDOM_RULE_SELF;
        add.name = RANDOM_NAME_NONE;
        random_client_call_driver(client, &add);
        client->life = RANDOM_LIFE_RULE;
}

static void read_names(RandomClient *client, const RawMessage *message, RandomRecord *record)
{
        const char *names[READ_NAMES_MAX];
        int n = rawmessage_read_strings(message, names, READ_NAMES_MAX);

        client->n_listed = 0;
        for (int i = 0; i < n; i++) {
                uint8_t name = index_of(names[i]);

                if (name == RANDOM_NAME_UNIQUE) {
                        record->hash += random_log_hash_unique(number_of(names[i]) - 1);
                        client->n_listed++;
                } else if (name != RANDOM_NAME_NONE) {
                        record->hash += random_log_hash_name(name);
                }
        }
        record->value = client->n_listed;
}

/* An answer of the driver's to one of our calls. */
static void read_answer(RandomClient *client, const RawMessage *message, RandomRecord *record)
{
        const char *signature = message->signature ? message->signature : "";
        RandomMethod method = settle(client, message->reply_serial);
        const char *name = "";
        unsigned number = 0;

        if (message->type == RAWMESSAGE_ERROR) {
                record->error = (uint8_t)error_of(message->error_name);
                record->old = random_shared_get(&client->shared->policy);
        }
        if (!strcmp(signature, "as"))
                read_names(client, message, record);
        else if (!strcmp(signature, "s") && rawmessage_read(message, "s", &name))
                record->value = number_of(name);
        else if ((signature[0] == 'u' || signature[0] == 'b') && !signature[1] &&
                 rawmessage_read(message, signature, &number))
                record->value = number;
        if (method == RANDOM_METHOD_HELLO)
                start(client, message);
        if (method == RANDOM_METHOD_GET_ID && message->type == RAWMESSAGE_RETURN)
                random_shared_set_barrier(&client->shared->barriers[client->index],
                                          (uint64_t)client->unique << 32 | message->reply_serial);
}

static void read_driver_signal(const RawMessage *message, RandomRecord *record)
{
        const char *name = "", *old = "", *new = "";
        const char *member = message->member ? message->member : "";

        record->method = RANDOM_METHOD_OTHER;
        if (!strcmp(member, "NameOwnerChanged") &&
            rawmessage_read(message, "sss", &name, &old, &new)) {
                record->method = RANDOM_METHOD_CHANGED;
                record->old = number_of(old);
                record->value = number_of(new);
        } else if (!strcmp(member, "NameAcquired") && rawmessage_read(message, "s", &name)) {
                record->method = RANDOM_METHOD_ACQUIRED;
        } else if (!strcmp(member, "NameLost") && rawmessage_read(message, "s", &name)) {
                record->method = RANDOM_METHOD_LOST;
        }
        record->name = index_of(name);
        if (record->name == RANDOM_NAME_UNIQUE)
                record->hash = number_of(name) - 1;
}

/* Merges the clock of a message; what is new in it goes into the log. */
static void merge(RandomClient *client, const RandomBody *body, RandomRecord *record,
                  RandomKnown *known)
{
        uint64_t own = (uint64_t)body->unique << 32 | body->serial;

        for (unsigned i = 0; i < body->n_clock && i < client->n_all; i++) {
                if (body->clock[i] <= client->clock[i])
                        continue;
                client->clock[i] = body->clock[i];
                if (i != body->client && i != client->index)
                        known[record->n_known++] =
                                (RandomKnown){.unique = (uint32_t)(body->clock[i] >> 32),
                                              .serial = (uint32_t)body->clock[i]};
        }
        if (body->client < client->n_all && own > client->clock[body->client])
                client->clock[body->client] = own;
}

/* Answers now or remembers to. */
static void react(RandomClient *client, const RawMessage *message, const RandomBody *body,
                  int64_t now_us)
{
        RandomPending pending = {
                .caller = body->unique,
                .serial = message->serial,
                .reaction = random_plan_react(&client->plan, body->client, body->step)};

        if (client->life == RANDOM_LIFE_LEAVING)
                return;
        pending.due_us = now_us + pending.reaction.delay_ms * 1000;
        if (pending.reaction.delay_ms > 0 && client->n_pending < RANDOM_PENDING_MAX)
                client->pending[client->n_pending++] = pending;
        else
                random_client_answer(client, &pending);
}

static void read_peer(RandomClient *client, const RawMessage *message, RandomRecord *record,
                      int64_t now_us)
{
        RandomKnown known[RANDOM_CLIENTS_MAX];
        RandomBody body;

        record->peer = number_of(message->sender) - 1;
        record->old = random_shared_get(&client->shared->policy);
        if (!random_body_read(message, &body) || body.serial != message->serial)
                record->flags |= RANDOM_FLAG_BAD_BODY;
        else if (body.unique != record->peer)
                record->flags |= RANDOM_FLAG_BAD_SENDER;
        else if (!random_body_check_fds(message, &body))
                record->flags |= RANDOM_FLAG_BAD_FDS;
        else
                merge(client, &body, record, known);
        random_log_write(&client->log, record, known);
        if (message->reply_serial)
                (void)settle(client, message->reply_serial);
        if (message->type == RAWMESSAGE_CALL && !(record->flags & RANDOM_FLAG_BAD_BODY) &&
            !(message->flags & RAWMESSAGE_NO_REPLY_EXPECTED))
                react(client, message, &body, now_us);
}

static bool is_of_a_reload(const RawMessage *message)
{
        return message->type == RAWMESSAGE_SIGNAL && message->member &&
               !strcmp(message->member, "ActivatableServicesChanged");
}

void random_client_handle(RandomClient *client, const RawMessage *message, int64_t now_us)
{
        RandomRecord record = {.what = RANDOM_RECEIVED,
                               .type = message->type,
                               .name = index_of(message->destination),
                               .n_fds = (uint8_t)message->n_fds,
                               .serial = message->serial,
                               .peer = RANDOM_DRIVER,
                               .reply_serial = message->reply_serial};
        bool answers_hello;

        record.to = !message->destination               ? RANDOM_TO_ALL
                    : record.name == RANDOM_NAME_UNIQUE ? RANDOM_TO_UNIQUE
                                                        : RANDOM_TO_NAME;
        random_shared_add(&client->shared->n_received, 1);
        if (client->is_observer && record.to == RANDOM_TO_ALL && message->sender &&
            message->sender[0] == ':')
                random_shared_add(
                        &client->shared->n_observed[client->index - client->options->n_clients], 1);
        if (message->sender && message->sender[0] == ':') {
                read_peer(client, message, &record, now_us);
                return;
        }
        if (is_of_a_reload(message))
                return; /* it has no place in anybody's log */
        if (message->type == RAWMESSAGE_SIGNAL)
                read_driver_signal(message, &record);
        if (message->type == RAWMESSAGE_SIGNAL || !message->reply_serial) {
                random_log_write(&client->log, &record, NULL);
                return;
        }
        answers_hello = client->life == RANDOM_LIFE_HELLO; /* JOINED says so in the log */
        read_answer(client, message, &record);
        if (!answers_hello)
                random_log_write(&client->log, &record, NULL);
}
