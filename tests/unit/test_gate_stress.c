/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many clients in random states, while other threads complete connections and read counters: for
 * the sanitizers, and for the sums of the counters. A failure prints the seed.
 */

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "broker/sync/counter.h"
#include "broker/sync/switch.h"
#include "broker/sync/tally.h"
#include "tests/unit/gate_fixture.h"

enum { CLIENTS = 24, STEPS = 4000, MAX_INCOMPLETE = 10 };

/* What each client sends, piece by piece; NULL: it waits for the end of the connection. */
static const char *const pieces[][5] = {
        {"AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\nmessage", NULL},
        {"AUTH EXTERNAL\r\n", "DATA\r\n", "NEGOTIATE_UNIX_FD\r\n", "BEGIN\r\n", NULL},
        {"AUTH EXTERNAL\r", "\nDATA\r\nBE", "GIN\r\n", NULL},
        {"BOGUS\r\n", "AUTH\r\n", "BEGIN\r\n", NULL},
        {"AUTH EXT", NULL},
        {"\xff\r\nAUTH EXTERNAL zz\r\n", NULL},
};

typedef struct Client {
        int fd; /* -1: none */
        unsigned kind;
        unsigned n_sent;
} Client;

typedef struct Stress {
        Fixture *fixture;
        Switch stopping;
        unsigned n_completed;
} Stress;

/* Takes what is delivered and completes it a little later, as a worker does. */
static void *complete(void *argument)
{
        Stress *stress = argument;
        Fixture *fixture = stress->fixture;

        for (;;) {
                GateConnection *connection = NULL;

                pthread_mutex_lock(&fixture->mutex);
                if (fixture->n_taken < fixture->n_delivered)
                        connection = fixture->delivered[fixture->n_taken++ % FIXTURE_DELIVERED_MAX];
                pthread_mutex_unlock(&fixture->mutex);
                if (!connection) {
                        if (switch_is_on(&stress->stopping))
                                return NULL;
                        usleep(200);
                        continue;
                }
                ASSERT(connection->credentials.uid == geteuid());
                ASSERT(connection->deadline_ns > 0);
                fixture_complete(fixture, connection);
                stress->n_completed++;
        }
}

static void *read_counters(void *argument)
{
        Stress *stress = argument;

        while (!switch_is_on(&stress->stopping)) {
                GateCounters counters = fixture_counters(stress->fixture);

                ASSERT(counters.incomplete <= MAX_INCOMPLETE);
                usleep(100);
        }
        return NULL;
}

/* Whether the gate, or the one who completed the connection, has closed it. */
static bool is_closed(const Client *client)
{
        char replies[256];
        ssize_t n = recv(client->fd, replies, sizeof(replies), MSG_DONTWAIT);

        return n == 0 || (n < 0 && errno != EAGAIN);
}

static void start_client(const Fixture *fixture, Client *client, unsigned *seed)
{
        client->fd = fixture_connect(fixture);
        client->kind = (unsigned)rand_r(seed) % ARRAY_SIZE(pieces);
        client->n_sent = 0;
        send(client->fd, "", 1, MSG_NOSIGNAL);
}

/* Says the next piece, waits, or now and then just goes away. */
static void step_client(Client *client, unsigned *seed)
{
        const char *piece = pieces[client->kind][client->n_sent];

        if (piece && send(client->fd, piece, strlen(piece), MSG_NOSIGNAL) > 0)
                client->n_sent++;
        if (is_closed(client) || rand_r(seed) % 32 == 0) {
                close(client->fd);
                client->fd = -1;
        }
}

static void test_gate_stress_counters_add_up(void **state)
{
        Stress stress = {.fixture = *state};
        Fixture *fixture = *state;
        unsigned seed = (unsigned)time(NULL);
        Client clients[CLIENTS];
        pthread_t threads[2];
        GateCounters counters;
        uint64_t n_connected = 0;

        print_message("seed %u\n", seed);
        fixture->options.max_incomplete = MAX_INCOMPLETE;
        fixture->options.auth_timeout_ms = 50;
        fixture_start(fixture);
        pthread_create(&threads[0], NULL, complete, &stress);
        pthread_create(&threads[1], NULL, read_counters, &stress);
        for (unsigned i = 0; i < CLIENTS; i++)
                clients[i].fd = -1;
        for (unsigned i = 0; i < STEPS; i++) {
                Client *client = &clients[(unsigned)rand_r(&seed) % CLIENTS];

                if (client->fd < 0) {
                        start_client(fixture, client, &seed);
                        n_connected++;
                } else {
                        step_client(client, &seed);
                }
                usleep(100);
        }
        for (unsigned i = 0; i < CLIENTS; i++)
                if (clients[i].fd >= 0)
                        close(clients[i].fd);
        fixture_wait_accepted(fixture, n_connected);
        fixture_wait_incomplete(fixture, 0);
        switch_set(&stress.stopping);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);

        counters = fixture_counters(fixture);
        assert_int_equal(counters.accepted, n_connected);
        assert_int_equal(counters.accepted,
                         counters.admitted + counters.refused + counters.timed_out);
        assert_int_equal(counters.admitted, stress.n_completed);
        assert_true(counters.admitted > 0 && counters.refused > 0 && counters.timed_out > 0);
        print_message("%llu accepted, %llu admitted, %llu refused, %llu timed out\n",
                      (unsigned long long)counters.accepted, (unsigned long long)counters.admitted,
                      (unsigned long long)counters.refused, (unsigned long long)counters.timed_out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_gate_stress_counters_add_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
