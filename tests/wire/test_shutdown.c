/* SPDX-License-Identifier: Apache-2.0 */

/* Signals to a busy daemon: SIGTERM ends it soon, whatever its clients do; SIGHUP does not. */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

enum {
        N_CHURNERS = 4,
        N_RULES = 40, /* added and removed in one write */
        N_ROUNDS = 30,
        N_CONNECTORS = 3,
        N_CONNECTIONS = 250, /* of each */
        LOG_TIMEOUT_MS = 5000,
        /* Long, for a machine that stands still: whoever can hold the end up does so until the
         * daemon is killed, after twice that. */
        END_MAX_MS = 30000,
};

/* A thread that keeps the bus busy; what it does ends with the bus or with `stop`. */
typedef struct Pest {
        const Bus *bus;
        unsigned number;
        atomic_bool stop;
        atomic_bool begun, ended;
        RawClient *clients[N_CONNECTIONS];
        size_t n_clients;
} Pest;

static void sleep_ms(long ms)
{
        const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

        nanosleep(&pause, NULL);
}

/* Until so many of them keep the bus busy. */
static void pests_await(Pest *pests, size_t n, size_t n_wanted)
{
        size_t n_begun, n_ended;

        do {
                sleep_ms(1);
                n_begun = n_ended = 0;
                for (size_t i = 0; i < n; i++) {
                        n_begun += atomic_load(&pests[i].begun);
                        n_ended += atomic_load(&pests[i].ended);
                }
        } while (n_begun < n_wanted && n_ended < n);
}

static int send_hello(RawClient *client)
{
        const RawHeader hello = {.type = RAWMESSAGE_CALL,
                                 .path = SCENE_DRIVER_PATH,
                                 .interface = SCENE_DRIVER,
                                 .member = "Hello",
                                 .destination = SCENE_DRIVER};

        return rawclient_send_header(client, &hello, NULL);
}

/* AddMatch and RemoveMatch of one rule, many times. */
static void make_churn(Marshal *bytes, unsigned number)
{
        RawHeader call = {.type = RAWMESSAGE_CALL,
                          .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                          .path = SCENE_DRIVER_PATH,
                          .interface = SCENE_DRIVER,
                          .destination = SCENE_DRIVER,
                          .signature = "s"};
        char rule[64];
        Marshal body;

        snprintf(rule, sizeof(rule), "type='signal',interface='t.I%u'", number);
        marshal_init(bytes, false);
        marshal_init(&body, false);
        marshal_string(&body, rule);
        for (uint32_t i = 0; i < N_RULES; i++) {
                call.member = "AddMatch";
                pressure_build(bytes, &call, &body, 1000 + 2 * i, 1);
                call.member = "RemoveMatch";
                pressure_build(bytes, &call, &body, 1001 + 2 * i, 1);
        }
        marshal_deinit(&body);
}

static void *churn_rules(void *argument)
{
        Pest *pest = argument;
        int error;
        RawClient *client = rawclient_open(pest->bus->address, 0, &error);
        Marshal bytes;

        if (!client) {
                atomic_store(&pest->ended, true);
                return NULL;
        }
        make_churn(&bytes, pest->number);
        if (rawclient_hello(client) == 0) {
                atomic_store(&pest->begun, true);
                while (!atomic_load(&pest->stop) &&
                       pressure_push(client, &bytes, RAWCLIENT_TIMEOUT_MS) == bytes.size)
                        continue;
        }
        atomic_store(&pest->ended, true);
        marshal_deinit(&bytes);
        rawclient_free(client);
        return NULL;
}

/* Connections that say Hello and wait for nothing. */
static void *connect_often(void *argument)
{
        Pest *pest = argument;

        while (!atomic_load(&pest->stop) && pest->n_clients < N_CONNECTIONS) {
                int error;
                RawClient *client = rawclient_open(pest->bus->address,
                                                   RAWCLIENT_PIPELINE | RAWCLIENT_NO_FDS, &error);

                if (!client)
                        break;
                pest->clients[pest->n_clients++] = client;
                atomic_store(&pest->begun, true);
                if (send_hello(client) < 0)
                        break;
        }
        atomic_store(&pest->ended, true);
        return NULL;
}

/* A bus that handles signals: the reference only does so some time after printing its address. */
static void start_and_ask(Bus *bus)
{
        RawClient *client;
        int error;

        assert_int_equal(bus_start(bus, NULL), 0);
        client = rawclient_open(bus->address, 0, &error);
        assert_non_null(client);
        assert_int_equal(rawclient_hello(client), 0);
        rawclient_free(client);
}

static void pests_start(Pest *pests, pthread_t *threads, size_t n, const Bus *bus,
                        void *(*run)(void *))
{
        for (size_t i = 0; i < n; i++) {
                pests[i] = (Pest){.bus = bus, .number = (unsigned)i};
                assert_int_equal(pthread_create(&threads[i], NULL, run, &pests[i]), 0);
        }
}

/* Ends the threads; how many of them had begun. */
static size_t pests_join(Pest *pests, const pthread_t *threads, size_t n)
{
        size_t n_begun = 0;

        for (size_t i = 0; i < n; i++) {
                atomic_store(&pests[i].stop, true);
                pthread_join(threads[i], NULL);
                n_begun += atomic_load(&pests[i].begun);
                for (size_t c = 0; c < pests[i].n_clients; c++)
                        rawclient_free(pests[i].clients[c]);
        }
        return n_begun;
}

static void test_sigterm_is_honoured_while_clients_change_rules(void **state)
{
        pthread_t threads[N_CHURNERS];
        static Pest pests[N_CHURNERS];
        size_t n_begun;
        int64_t start, took;
        Bus bus;
        int r;

        (void)state;
        start_and_ask(&bus);
        pests_start(pests, threads, N_CHURNERS, &bus, churn_rules);
        pests_await(pests, N_CHURNERS, N_CHURNERS);
        sleep_ms(1000);
        start = pressure_now_ms();
        r = bus_stop(&bus);
        took = pressure_now_ms() - start;
        n_begun = pests_join(pests, threads, N_CHURNERS);
        assert_int_equal(r, 0);
        assert_int_equal(n_begun, N_CHURNERS);
        assert_true(took < END_MAX_MS);
}

static void test_sigterm_is_honoured_while_clients_connect(void **state)
{
        int64_t end = pressure_now_ms() + 10000;
        pthread_t threads[N_CONNECTORS];
        static Pest pests[N_CONNECTORS];
        size_t n_begun = 0;

        (void)state;
        for (int round = 0; round < N_ROUNDS && pressure_now_ms() < end; round++) {
                int64_t start, took;
                Bus bus;
                int r;

                start_and_ask(&bus);
                pests_start(pests, threads, N_CONNECTORS, &bus, connect_often);
                if (round % 2 == 0) /* else, on a busy machine, it may end before they come */
                        pests_await(pests, N_CONNECTORS, 1);
                sleep_ms(10 + round % 17);
                start = pressure_now_ms();
                r = bus_stop(&bus);
                took = pressure_now_ms() - start;
                n_begun += pests_join(pests, threads, N_CONNECTORS);
                assert_int_equal(r, 0);
                assert_true(took < END_MAX_MS);
        }
        assert_true(n_begun > 0);
}

/* Waits until the daemon's log contains `text`. */
static bool log_says(const Bus *bus, const char *text)
{
        int64_t end = pressure_now_ms() + LOG_TIMEOUT_MS;
        char path[160], line[1024];

        snprintf(path, sizeof(path), "%s/log", bus->directory);
        while (pressure_now_ms() < end) {
                FILE *file = fopen(path, "re");
                bool found = false;

                while (file && !found && fgets(line, sizeof(line), file))
                        found = strstr(line, text) != NULL;
                if (file)
                        fclose(file);
                if (found)
                        return true;
                sleep_ms(2);
        }
        return false;
}

static void test_sighup_does_not_end_the_bus(void **state)
{
        RawClient *client;
        int error;
        Bus bus;

        (void)state;
        start_and_ask(&bus);
        client = rawclient_open(bus.address, 0, &error);
        assert_non_null(client);
        assert_int_equal(rawclient_hello(client), 0);
        expect_name_signal(client, "NameAcquired", client->unique_name);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(kill(bus.pid, SIGHUP), 0);
                expect_nothing(client);
        }
        for (int i = 0; bus.is_ringbus && !log_says(&bus, "is in force"); i++) {
                assert_in_range(i, 0, 300);
                sleep_ms(100);
        }
        sleep_ms(100);
        expect_nothing(client);
        rawclient_free(client);
        assert_int_equal(bus_stop(&bus), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sigterm_is_honoured_while_clients_change_rules),
                cmocka_unit_test(test_sigterm_is_honoured_while_clients_connect),
                cmocka_unit_test(test_sighup_does_not_end_the_bus),
        };

        return cmocka_run_group_tests_name("wire/shutdown", tests, NULL, NULL) != 0;
}
