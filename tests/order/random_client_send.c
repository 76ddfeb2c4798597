/* SPDX-License-Identifier: Apache-2.0 */

/* See random_client.h: everything that a client sends, and its record in the log. */

#include <stdio.h>
#include <stdlib.h>

#include "tests/order/random_client.h"

#define DRIVER "org.freedesktop.DBus"
#define DRIVER_PATH "/org/freedesktop/DBus"

static void expect_answer(RandomClient *client, uint32_t serial, RandomMethod method)
{
        if (client->n_outstanding == RANDOM_OUTSTANDING_MAX)
                abort(); /* a client stops acting long before */
        client->outstanding[client->n_outstanding++] =
                (RandomOutstanding){.serial = serial, .method = method};
}

/* Our own entry of the clock moves with each message. */
static uint32_t take_serial(RandomClient *client)
{
        uint32_t serial = ++client->next_serial;

        client->clock[client->index] = (uint64_t)client->unique << 32 | serial;
        random_shared_add(&client->shared->n_sent, 1);
        return serial;
}

void random_client_send(RandomClient *client, RawHeader *header, RandomRecord *record,
                        const RandomStep *step)
{
        int fds[RANDOM_FDS_MAX];
        RandomBody body = {.topic = random_rules_topic(step->features),
                           .client = client->index,
                           .unique = client->unique,
                           .step = client->step,
                           .size = step->size,
                           .n_fds = step->n_fds,
                           .n_clock = client->n_all};
        Marshal body_bytes, bytes;

        header->serial = body.serial = take_serial(client);
        for (unsigned i = 0; i < client->n_all; i++)
                body.clock[i] = client->clock[i];
        body.n_fds = random_body_make_fds(&body, fds);
        header->unix_fds = body.n_fds;
        header->signature = random_body_signature(body.n_fds);
        marshal_init(&body_bytes, false);
        marshal_init(&bytes, false);
        random_body_write(&body, &body_bytes);
        rawmessage_build(header, &body_bytes, &bytes);
        record->what = RANDOM_SENT;
        record->type = header->type;
        record->serial = header->serial;
        record->n_fds = (uint8_t)body.n_fds;
        record->old = random_shared_get(&client->shared->policy);
        random_log_write(&client->log, record, NULL);
        random_connection_queue(&client->connection, header, &bytes, fds, step->half_ms);
        marshal_deinit(&body_bytes);
        if (record->type == RAWMESSAGE_CALL && !(record->flags & RANDOM_FLAG_NO_REPLY))
                expect_answer(client, record->serial, RANDOM_METHOD_NONE);
        if (record->to == RANDOM_TO_ALL)
                random_shared_add(&client->shared->n_broadcasts, 1);
}

/* The one string argument of a call of the driver. */
static void write_argument(const RandomClient *client, const RandomRecord *record, char *text,
                           size_t size)
{
        if (record->method == RANDOM_METHOD_ADD_MATCH ||
            record->method == RANDOM_METHOD_REMOVE_MATCH)
                random_rules_text(record->value, client->unique, text, size);
        else if (record->name == RANDOM_NAME_UNIQUE)
                snprintf(text, size, ":1.%u", record->old);
        else
                snprintf(text, size, "%s", random_rules_name(record->name));
}

void random_client_call_driver(RandomClient *client, RandomRecord *record)
{
        static const struct {
                const char *member, *signature;
        } methods[] = {
                [RANDOM_METHOD_HELLO] = {"Hello", NULL},
                [RANDOM_METHOD_GET_ID] = {"GetId", NULL},
                [RANDOM_METHOD_ADD_MATCH] = {"AddMatch", "s"},
                [RANDOM_METHOD_REMOVE_MATCH] = {"RemoveMatch", "s"},
                [RANDOM_METHOD_REQUEST_NAME] = {"RequestName", "su"},
                [RANDOM_METHOD_RELEASE_NAME] = {"ReleaseName", "s"},
                [RANDOM_METHOD_GET_OWNER] = {"GetNameOwner", "s"},
                [RANDOM_METHOD_HAS_OWNER] = {"NameHasOwner", "s"},
                [RANDOM_METHOD_LIST_NAMES] = {"ListNames", NULL},
        };
        RawHeader header = {.type = RAWMESSAGE_CALL,
                            .serial = take_serial(client),
                            .path = DRIVER_PATH,
                            .interface = DRIVER,
                            .member = methods[record->method].member,
                            .destination = DRIVER,
                            .signature = methods[record->method].signature};
        char text[200] = "";
        Marshal bytes;

        marshal_init(&bytes, false);
        if (header.signature)
                write_argument(client, record, text, sizeof(text));
        rawmessage_build_values(&header, &bytes, text, record->value);
        record->what = RANDOM_SENT;
        record->type = RAWMESSAGE_CALL;
        record->to = RANDOM_TO_DRIVER;
        record->serial = header.serial;
        random_log_write(&client->log, record, NULL);
        random_connection_queue(&client->connection, &header, &bytes, NULL, 0);
        expect_answer(client, header.serial, record->method);
}

void random_client_barrier(RandomClient *client)
{
        RandomRecord snapshot = {.what = RANDOM_SNAPSHOT};
        RandomRecord call = {.method = RANDOM_METHOD_GET_ID};
        RandomKnown known[RANDOM_CLIENTS_MAX];

        for (unsigned i = 0; i < client->n_all; i++) {
                uint64_t barrier = random_shared_get_barrier(&client->shared->barriers[i]);

                if (barrier)
                        known[snapshot.n_known++] = (RandomKnown){
                                .unique = (uint32_t)(barrier >> 32), .serial = (uint32_t)barrier};
        }
        random_log_write(&client->log, &snapshot, known);
        random_client_call_driver(client, &call);
}

void random_client_answer(RandomClient *client, const RandomPending *pending)
{
        const RandomReaction *reaction = &pending->reaction;
        const RandomStep step = {.size = reaction->size, .n_fds = reaction->n_fds};
        char destination[24];
        RawHeader header = {.type = reaction->error ? RAWMESSAGE_ERROR : RAWMESSAGE_RETURN,
                            .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                            .reply_serial = pending->serial,
                            .error_name = reaction->error ? "ringbus.order.Error" : NULL,
                            .destination = destination};
        RandomRecord record = {.to = RANDOM_TO_UNIQUE,
                               .name = RANDOM_NAME_NONE,
                               .peer = pending->caller,
                               .reply_serial = pending->serial};

        snprintf(destination, sizeof(destination), ":1.%u", pending->caller);
        random_client_send(client, &header, &record, &step);
}
