/* SPDX-License-Identifier: Apache-2.0 */

/* See random_client.h: the life of a client. */

#include "tests/order/random_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
        CLIENT_READS = 8,            /* in one turn */
        CLIENT_LIST_PAUSE_US = 3000, /* between two questions who is still there */
        CLIENT_REJOIN_US = 3000,
};

int random_client_init(RandomClient *client, const char *directory)
{
        client->connection.fd = -1;
        client->connection.last = &client->connection.first;
        client->plan = (RandomPlan){.seed = client->options->seed,
                                    .round = client->plan.round,
                                    .n_clients = client->options->n_clients};
        client->n_all = client->options->n_clients + RANDOM_OBSERVERS;
        client->is_observer = client->index >= client->options->n_clients;
        client->pending = calloc(RANDOM_PENDING_MAX, sizeof(*client->pending));
        if (!client->pending)
                abort();
        return random_log_open(&client->log, directory, client->index);
}

void random_client_deinit(RandomClient *client)
{
        (void)random_connection_close(&client->connection);
        random_log_close(&client->log);
        free(client->pending);
        client->pending = NULL;
}

/* The connection is over; the next incarnation knows nothing of it. */
void random_client_end(RandomClient *client, RandomEnd end)
{
        const RandomRecord record = {
                .what = RANDOM_ENDED, .type = (uint8_t)end, .serial = client->connection.written};
        unsigned n_unsent;

        random_log_write(&client->log, &record, NULL);
        if (end == RANDOM_END_FINISHED || end == RANDOM_END_STUCK || end == RANDOM_END_LOST) {
                client->life = RANDOM_LIFE_FINISHED; /* nobody closes before everybody has read */
                random_shared_set(&client->shared->progress[client->index],
                                  RANDOM_PROGRESS_FINISHED);
                return;
        }
        n_unsent = random_connection_close(&client->connection);
        random_shared_subtract(&client->shared->n_broadcasts, n_unsent);
        memset(client->clock, 0, sizeof(client->clock));
        memset(client->rules, 0, sizeof(client->rules));
        client->next_serial = 0;
        client->n_outstanding = client->n_pending = 0;
        client->awaiting = client->farewell = false;
        client->paused_until_us = 0;
        client->thinking_until_us = random_shared_now_us() + CLIENT_REJOIN_US;
        client->life = RANDOM_LIFE_NEW;
}

void random_client_leave(RandomClient *client)
{
        client->life = RANDOM_LIFE_LEAVING; /* once all is written */
        client->n_pending = 0;
}

static void join(RandomClient *client, int64_t now_us)
{
        unsigned phase = random_shared_get(&client->shared->phase);
        unsigned first = client->options->n_clients; /* the first observer */
        RandomRecord record = {.method = RANDOM_METHOD_HELLO};
        int r;

        if (client->is_observer
                    ? client->index > first &&
                              random_shared_get(&client->shared->progress[client->index - 1]) ==
                                      RANDOM_PROGRESS_NONE
                    : phase == RANDOM_PHASE_OBSERVE)
                return;
        if (random_shared_get(&client->shared->monitor) == RANDOM_PROGRESS_NONE)
                return;
        if (now_us < client->thinking_until_us)
                return;
        r = random_connection_open(&client->connection, client->address);
        if (r < 0) {
                fprintf(stderr, "random: client %u cannot connect: %s\n", client->index,
                        strerror(-r));
                random_client_end(client, RANDOM_END_LOST);
                return;
        }
        random_client_call_driver(client, &record);
        client->life = RANDOM_LIFE_HELLO;
}

/* The reply that a state waits for has come: there is nothing outstanding. */
static void advance(RandomClient *client, int64_t now_us)
{
        bool lists = client->is_observer && client->index == client->options->n_clients;
        RandomRecord list = {.method = RANDOM_METHOD_LIST_NAMES};
        const RandomRecord started = {.what = RANDOM_STARTED};

        switch (client->life) {
        case RANDOM_LIFE_RULE:
                client->n_listed = 0;
                client->life = lists ? RANDOM_LIFE_ALONE : RANDOM_LIFE_RUN;
                if (client->life == RANDOM_LIFE_ALONE)
                        return;
                break;
        case RANDOM_LIFE_ALONE:
                if (client->n_listed != 1) {
                        if (now_us < client->thinking_until_us)
                                return;
                        client->thinking_until_us = now_us + CLIENT_LIST_PAUSE_US;
                        random_client_call_driver(client, &list);
                        return;
                }
                client->life = RANDOM_LIFE_RUN;
                break;
        case RANDOM_LIFE_SETTLING:
                client->life = RANDOM_LIFE_SETTLED;
                random_shared_set(&client->shared->progress[client->index],
                                  RANDOM_PROGRESS_SETTLED);
                return;
        case RANDOM_LIFE_FINISHING:
                random_client_end(client, RANDOM_END_FINISHED);
                return;
        case RANDOM_LIFE_NEW:
        case RANDOM_LIFE_HELLO:
        case RANDOM_LIFE_RUN:
        case RANDOM_LIFE_LEAVING:
        case RANDOM_LIFE_SETTLED:
        case RANDOM_LIFE_FINISHED:
                return;
        }
        random_log_write(&client->log, &started, NULL);
        random_shared_set(&client->shared->progress[client->index], RANDOM_PROGRESS_READY);
}

/* Whether all others are done with this and the dead are buried: asked by the first observer. */
static bool all_settled(RandomClient *client, int64_t now_us)
{
        RandomRecord list = {.method = RANDOM_METHOD_LIST_NAMES};

        for (unsigned i = 0; i < client->n_all; i++) {
                if (i != client->index &&
                    random_shared_get(&client->shared->progress[i]) != RANDOM_PROGRESS_SETTLED)
                        return false;
        }
        if (client->n_listed == client->n_all)
                return true;
        if (now_us >= client->thinking_until_us) {
                client->thinking_until_us = now_us + CLIENT_LIST_PAUSE_US;
                random_client_call_driver(client, &list);
        }
        return false;
}

/* The end of the round. */
static void wind_up(RandomClient *client, unsigned phase, int64_t now_us)
{
        if (phase == RANDOM_PHASE_ABORT && client->life < RANDOM_LIFE_FINISHED &&
            client->connection.fd >= 0) {
                random_client_end(client, RANDOM_END_STUCK);
        } else if (phase == RANDOM_PHASE_SETTLE && client->life == RANDOM_LIFE_RUN &&
                   client->n_outstanding == 0 && client->n_pending == 0) {
                if (client->index == client->options->n_clients && !all_settled(client, now_us))
                        return;
                random_client_barrier(client);
                client->life = RANDOM_LIFE_SETTLING;
        } else if (phase == RANDOM_PHASE_FINISH && client->life == RANDOM_LIFE_SETTLED) {
                random_client_barrier(client);
                client->life = RANDOM_LIFE_FINISHING;
        }
}

static void answer_due(RandomClient *client, unsigned phase, int64_t now_us)
{
        unsigned n = 0;

        for (unsigned i = 0; i < client->n_pending; i++) {
                RandomPending pending = client->pending[i];

                if (phase == RANDOM_PHASE_RUN && pending.due_us > now_us)
                        client->pending[n++] = pending;
                else
                        random_client_answer(client, &pending);
        }
        client->n_pending = n;
}

/* Reads and handles messages; the bus closing is only right while we are leaving. */
static void read_all(RandomClient *client, int64_t now_us)
{
        RawMessage *message = NULL;
        int r = 1;

        for (unsigned i = 0; i < CLIENT_READS && r > 0; i++) {
                r = random_connection_read(&client->connection);
                while (r > 0 && client->life < RANDOM_LIFE_FINISHED) {
                        int taken = random_connection_take(&client->connection, &message);

                        if (taken < 0)
                                r = taken;
                        if (!message)
                                break;
                        random_client_handle(client, message, now_us);
                        message = rawmessage_free(message);
                        if (client->n_outstanding == 0)
                                advance(client, now_us);
                }
        }
        if (r >= 0 || client->life >= RANDOM_LIFE_FINISHED)
                return;
        if (client->life != RANDOM_LIFE_LEAVING || r != -ECONNRESET)
                fprintf(stderr, "random: client %u :1.%u: %s\n", client->index, client->unique,
                        strerror(-r));
        random_client_end(client, client->life == RANDOM_LIFE_LEAVING && !client->connection.first
                                          ? RANDOM_END_ORDERLY
                                          : RANDOM_END_LOST);
}

static void write_all(RandomClient *client, int64_t now_us)
{
        /* A failure to write shows when we read, too: then all that came before is read. */
        (void)random_connection_write(&client->connection, now_us);
        if (client->life == RANDOM_LIFE_LEAVING && !client->connection.first)
                shutdown(client->connection.fd, SHUT_WR);
}

void random_client_turn(RandomClient *client)
{
        unsigned phase = random_shared_get(&client->shared->phase);
        int64_t now_us = random_shared_now_us();

        if (client->life == RANDOM_LIFE_NEW) {
                join(client, now_us);
                if (client->life == RANDOM_LIFE_NEW)
                        return;
        }
        if (client->life == RANDOM_LIFE_FINISHED)
                return;
        if (now_us >= client->paused_until_us || phase != RANDOM_PHASE_RUN)
                read_all(client, now_us);
        if (client->connection.fd < 0 || client->life == RANDOM_LIFE_FINISHED)
                return;
        if (client->n_outstanding == 0)
                advance(client, now_us);
        answer_due(client, phase, now_us);
        if (phase == RANDOM_PHASE_RUN && client->life == RANDOM_LIFE_RUN)
                random_client_act(client, now_us);
        else
                wind_up(client, phase, now_us);
        if (client->connection.fd >= 0 && client->life != RANDOM_LIFE_FINISHED)
                write_all(client, now_us);
}

short random_client_events(const RandomClient *client, int64_t now_us)
{
        short events = now_us >= client->paused_until_us ? POLLIN : 0;

        if (client->life == RANDOM_LIFE_FINISHED || client->connection.fd < 0)
                return 0;
        if (client->connection.first && now_us >= client->connection.held_until_us)
                events |= POLLOUT;
        return events;
}
