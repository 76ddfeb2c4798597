/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting the workers where the kernel does not give them all a ring. What the kernel refuses is
 * decided here (--wrap=io_new), so that this does not depend on its limits; the rings that it
 * would give are epoll's.
 *
 * EXCEPTION: __wrap_ and __real_ are the linker's names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "broker/base/hash.h"
#include "broker/bus.h"
#include "tests/support/rawclient.h"
#include "tests/unit/config_fixture.h"
#include "tests/unit/listen_fixture.h"

enum { N_WORKERS = 4, FOREVER = 1 << 20 };

__typeof__(io_new) __real_io_new, __wrap_io_new;

/* Written before the workers start and by them one after the other. */
static struct {
        int rings_left; /* more are refused */
        int rings_error;
        int epolls_left;
        int n_rings, n_epolls; /* that were made */
} kernel;

int __wrap_io_new(const IoOptions *options, Io **ret_io)
{
        IoOptions given = *options;

        given.backend = IO_BACKEND_EPOLL;
        if (options->backend == IO_BACKEND_URING) {
                if (kernel.rings_left-- <= 0)
                        return kernel.rings_error;
                kernel.n_rings++;
        } else {
                if (kernel.epolls_left-- <= 0)
                        return -EMFILE;
                kernel.n_epolls++;
        }
        return __real_io_new(&given, ret_io);
}

typedef struct Fixture {
        ConfigFixture config;
        Listeners *listeners;
        Options options;
        Bus *bus;
        char log[4096]; /* of bus_start() */
} Fixture;

static int set_up(void **state)
{
        Fixture *fixture = calloc(1, sizeof(*fixture));
        char address[128];

        *state = fixture;
        if (listen_fixture_set_up(state) < 0)
                return -1;
        config_fixture_load_text("<busconfig>" CONFIG_FIXTURE_REST "</busconfig>",
                                 &fixture->config);
        config_fixture_assert_accepted(&fixture->config, "the least");
        listen_fixture_path(address, sizeof(address), "unix:path=", "bus");
        fixture->listeners = listen_fixture_open_one(address);
        fixture->options = (Options){.n_workers = N_WORKERS};
        memset(&kernel, 0, sizeof(kernel));
        kernel.epolls_left = FOREVER;
        return hash_init();
}

static int tear_down(void **state)
{
        Fixture *fixture = *state;

        bus_free(fixture->bus);
        listen_close(fixture->listeners);
        config_free(fixture->config.config);
        free(fixture);
        return listen_fixture_tear_down(state);
}

/* Starts the bus on io_uring; what bus_start() returns. */
static int start(Fixture *fixture, ProbeWish wish)
{
        FILE *log = tmpfile();
        int saved = dup(STDERR_FILENO), r;
        size_t size;

        assert_non_null(log);
        fixture->options.io_wish = wish;
        assert_int_equal(bus_new(&fixture->options, fixture->config.config, fixture->listeners,
                                 IO_BACKEND_URING, &fixture->bus),
                         0);
        dup2(fileno(log), STDERR_FILENO);
        r = bus_start(fixture->bus);
        dup2(saved, STDERR_FILENO);
        close(saved);
        rewind(log);
        size = fread(fixture->log, 1, sizeof(fixture->log) - 1, log);
        fixture->log[size] = '\0';
        fclose(log);
        return r;
}

/* As many clients as make it likely that every worker has some. */
static void assert_serves(const Fixture *fixture)
{
        RawClient *clients[4 * N_WORKERS];
        int error = 0;

        for (size_t i = 0; i < 4 * N_WORKERS; i++) {
                clients[i] = rawclient_open(fixture->listeners->address, 0, &error);
                if (!clients[i])
                        fail_msg("%s", strerror(-error));
                assert_int_equal(rawclient_hello(clients[i]), 0);
        }
        for (size_t i = 0; i < 4 * N_WORKERS; i++)
                rawclient_free(clients[i]);
}

static void test_bus_workers_on_rings_serve(void **state)
{
        Fixture *fixture = *state;

        kernel.rings_left = FOREVER;
        assert_int_equal(start(fixture, PROBE_AUTO), 0);
        assert_string_equal(fixture->log, "");
        assert_int_equal(kernel.n_rings, N_WORKERS);
        assert_int_equal(kernel.n_epolls, 0);
        assert_serves(fixture);
}

/* Whichever ring is the first to be refused, all workers are on epoll, and one line says why. */
static void fall_back(Fixture *fixture, int n_rings)
{
        char expected[128];

        kernel.rings_left = n_rings;
        kernel.rings_error = -ENOMEM;
        assert_int_equal(start(fixture, PROBE_AUTO), 0);
        snprintf(expected, sizeof(expected),
                 "ringbus: using epoll: io_uring cannot serve worker %d of %d: Cannot allocate "
                 "memory: ",
                 n_rings + 1, N_WORKERS);
        assert_int_equal(strncmp(fixture->log, expected, strlen(expected)), 0);
        assert_non_null(strstr(fixture->log, "RLIMIT_MEMLOCK"));
        assert_ptr_equal(strchr(fixture->log, '\n') + 1, fixture->log + strlen(fixture->log));
        assert_int_equal(kernel.n_rings, n_rings);
        assert_int_equal(kernel.n_epolls, N_WORKERS);
        assert_serves(fixture);
}

static void test_bus_workers_auto_without_a_ring_falls_back(void **state)
{
        fall_back(*state, 0);
}

static void test_bus_workers_auto_without_the_last_ring_falls_back(void **state)
{
        fall_back(*state, N_WORKERS - 1);
}

static void test_bus_workers_auto_without_epoll_either_fails(void **state)
{
        Fixture *fixture = *state;

        kernel.rings_left = 1;
        kernel.rings_error = -EMFILE;
        kernel.epolls_left = 2;
        assert_int_equal(start(fixture, PROBE_AUTO), -EMFILE);
        assert_non_null(strstr(fixture->log, "error: cannot start worker 3 of 4: Too many open "
                                             "files; "));
        assert_non_null(strstr(fixture->log, "RLIMIT_NOFILE"));
}

static void test_bus_workers_uring_without_all_rings_fails_with_a_remedy(void **state)
{
        Fixture *fixture = *state;

        kernel.rings_left = 2;
        kernel.rings_error = -ENOMEM;
        assert_int_equal(start(fixture, PROBE_URING), -ENOMEM);
        assert_non_null(strstr(fixture->log, "error: cannot start worker 3 of 4: Cannot allocate "
                                             "memory; "));
        assert_non_null(strstr(fixture->log, "RLIMIT_MEMLOCK"));
        assert_non_null(strstr(fixture->log, "--io=auto"));
        assert_int_equal(kernel.n_epolls, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_bus_workers_on_rings_serve),
                TEST(test_bus_workers_auto_without_a_ring_falls_back),
                TEST(test_bus_workers_auto_without_the_last_ring_falls_back),
                TEST(test_bus_workers_auto_without_epoll_either_fails),
                TEST(test_bus_workers_uring_without_all_rings_fails_with_a_remedy),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
