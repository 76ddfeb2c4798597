/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard itself: a daemon that is made to do what it must not (RINGBUS_GUARD_PROVOKE) dies of it
 * and says why; messages that are no ordinary unicasts may do what they like.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/support/bus.h"
#include "tests/wire/expect.h"

static const char *const provoked_functions[] = {
        "pthread_mutex_lock", "malloc",       "free",     "alloc_aligned",
        "clock_gettime",      "clock_now_ns", "log_line",
};

static void provoked_start(Bus *bus, const char *window, const char *function)
{
        const struct rlimit no_core = {0};
        char wish[64];

        snprintf(wish, sizeof(wish), "%s:%s", window, function);
        assert_int_equal(setrlimit(RLIMIT_CORE, &no_core), 0);
        assert_int_equal(setenv("RINGBUS_GUARD_PROVOKE", wish, 1), 0);
        assert_int_equal(bus_start(bus, NULL), 0);
}

/* The daemon is dead by SIGABRT, and its last words name the function. */
static void provoked_expect_abort(Bus *bus, const char *function, const char *doing)
{
        const struct timespec pause = {.tv_nsec = 2000000};
        char path[160], words[128], line[512];
        bool found = false;
        int status = 0;
        FILE *file;

        for (int waited_ms = 0; waited_ms < RAWCLIENT_TIMEOUT_MS; waited_ms += 2) {
                if (waitpid(bus->pid, &status, WNOHANG) == bus->pid)
                        break;
                nanosleep(&pause, NULL);
        }
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
        snprintf(path, sizeof(path), "%s/log", bus->directory);
        snprintf(words, sizeof(words), "ringbus-guarded: %s() while %s\n", function, doing);
        file = fopen(path, "re");
        assert_non_null(file);
        while (!found && fgets(line, sizeof(line), file))
                found = strcmp(line, words) == 0;
        fclose(file);
        assert_true(found);
        bus->pid = -1;
        (void)bus_stop(bus); /* removes the directory; the daemon's end is what we wanted */
}

static RawClient *provoked_join(const Bus *bus)
{
        int error;
        RawClient *client = rawclient_open(bus->address, 0, &error);

        assert_non_null(client);
        assert_int_equal(rawclient_hello(client), 0);
        expect_name_signal(client, "NameAcquired", client->unique_name);
        return client;
}

/* Whoever talks to the bus itself, broadcasts or calls nobody is out of the window; a unicast is
 * not. */
static void test_guard_provoked_while_routing_aborts_at_the_unicast(void **state)
{
        RawHeader header = {
                .type = RAWMESSAGE_SIGNAL, .path = "/t", .interface = "t.I", .member = "M"};

        (void)state;
        for (size_t i = 0; i < sizeof(provoked_functions) / sizeof(char *); i++) {
                RawClient *sender, *receiver;
                uint32_t serial;
                Bus bus;

                provoked_start(&bus, "parse", provoked_functions[i]);
                sender = provoked_join(&bus);
                receiver = provoked_join(&bus);
                header.destination = NULL;
                assert_int_equal(rawclient_send_header(sender, &header, NULL), 0);
                header.destination = ":1.999";
                assert_int_equal(rawclient_send_header(sender, &header, &serial), 0);
                expect_error(sender, serial, "ServiceUnknown", NULL);
                expect_nothing(receiver);
                header.destination = receiver->unique_name;
                assert_int_equal(rawclient_send_header(sender, &header, NULL), 0);
                provoked_expect_abort(&bus, provoked_functions[i], "routing an ordinary unicast");
                rawclient_free(sender);
                rawclient_free(receiver);
        }
}

static void test_guard_provoked_while_flushing_aborts_at_once(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(provoked_functions) / sizeof(char *); i++) {
                RawClient *client;
                int error;
                Bus bus;

                provoked_start(&bus, "flush", provoked_functions[i]);
                client = rawclient_open(bus.address, 0, &error);
                assert_non_null(client);
                assert_int_not_equal(rawclient_hello(client), 0);
                provoked_expect_abort(&bus, provoked_functions[i], "flushing an ordinary unicast");
                rawclient_free(client);
        }
}

static void test_guard_provoked_under_a_lock_aborts_at_once(void **state)
{
        RawClient *client;
        int error;
        Bus bus;

        (void)state;
        provoked_start(&bus, "parse", "locked alloc_aligned");
        client = rawclient_open(bus.address, 0, &error);
        assert_non_null(client);
        assert_int_not_equal(rawclient_hello(client), 0);
        provoked_expect_abort(&bus, "alloc_aligned", "holding a lock of the routing");
        rawclient_free(client);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_guard_provoked_while_routing_aborts_at_the_unicast),
                cmocka_unit_test(test_guard_provoked_while_flushing_aborts_at_once),
                cmocka_unit_test(test_guard_provoked_under_a_lock_aborts_at_once),
        };

        return cmocka_run_group_tests_name("provoked", tests, NULL, NULL);
}
