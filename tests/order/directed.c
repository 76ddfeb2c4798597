/* SPDX-License-Identifier: Apache-2.0 */
/* See directed.h. */
#include "tests/order/directed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { SPARES_MAX = 64 };

static StagedControl *control;
static unsigned n_workers;
static RawClient *spares[SPARES_MAX]; /* clients that came to a worker where none was wanted */
static unsigned n_spares;

static int open_control(void)
{
        const char *parent = getenv("TMPDIR");
        char path[160];
        void *area;
        int fd;

        snprintf(path, sizeof(path), "%s/ringbus-stage-XXXXXX",
                 parent && strlen(parent) < 120 ? parent : "/tmp");
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0 || ftruncate(fd, sizeof(*control)) < 0)
                return -1;
        area = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (area == MAP_FAILED)
                return -1;
        control = area;
        return setenv("RINGBUS_STAGE", path, 1);
}

int directed_start_with(void **state, const char *config)
{
        const char *workers;
        int r;

        setenv("RINGBUS_TEST_WORKERS", "2", 0);
        workers = getenv("RINGBUS_TEST_WORKERS");
        n_workers = (unsigned)strtoul(workers, NULL, 10);
        if (n_workers == 0 || n_workers > STAGED_THREADS_MAX || open_control() < 0)
                return -1;
        r = scene_start_with(state, config);
        unlink(getenv("RINGBUS_STAGE"));
        if (r == 0 && !((const Scene *)*state)->bus.is_ringbus)
                n_workers = 1;
        return r;
}

int directed_start(void **state)
{
        return directed_start_with(state, NULL);
}

int directed_run_tests(const char *name, const struct CMUnitTest *tests, size_t n_tests)
{
        const char *filter = getenv("RINGBUS_ORDER_TEST");

        if (filter)
                cmocka_set_test_filter(filter);
        return scene_run_tests(name, tests, n_tests, directed_start);
}

unsigned directed_workers(void)
{
        return n_workers;
}

bool directed_stops(void)
{
        return n_workers > 1;
}

static void pause_briefly(void)
{
        const struct timespec pause = {.tv_nsec = 200 * 1000};

        nanosleep(&pause, NULL);
}

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int directed_clear(void **state)
{
        for (unsigned i = 0; i < STAGED_STOPS_MAX; i++) {
                uint32_t armed = STAGED_ARMED;

                /* A test that failed may have left a thread in any of these states. */
                atomic_compare_exchange_strong(&control->stops[i].state, &armed, STAGED_FREE);
                while (atomic_load(&control->stops[i].state) == STAGED_MEETING)
                        pause_briefly();
                directed_release(&control->stops[i]);
        }
        directed_activate(false);
        while (n_spares > 0)
                rawclient_free(spares[--n_spares]);
        return scene_clear(state);
}

uint64_t directed_id(const RawClient *client)
{
        assert_memory_equal(client->unique_name, ":1.", 3);
        return strtoull(client->unique_name + 3, NULL, 10);
}

unsigned directed_worker(const RawClient *client)
{
        uint64_t id = directed_id(client);
        uint32_t worker;

        if (!directed_stops())
                return 0;
        assert_true(id < STAGED_PLACES_MAX);
        worker = atomic_load(&control->places[id].worker);
        assert_int_not_equal(worker, 0);
        return worker - 1;
}

uint64_t directed_mailbox(const RawClient *client)
{
        (void)directed_worker(client); /* known at all? */
        return atomic_load(&control->places[directed_id(client)].mailbox);
}

/* The gate gives a connection to the less loaded of two workers drawn at random: whoever comes to
 * another one than is wanted stays as a spare, which also drives the next ones elsewhere. */
RawClient *directed_join(Scene *scene, unsigned worker)
{
        worker %= n_workers;
        for (unsigned i = 0; i < n_spares; i++) {
                if (directed_worker(spares[i]) != worker)
                        continue;
                assert_true(scene->n_clients < SCENE_CLIENTS_MAX);
                scene->clients[scene->n_clients++] = spares[i];
                spares[i] = spares[--n_spares];
                return scene->clients[scene->n_clients - 1];
        }
        for (;;) {
                RawClient *client = scene_join(scene);

                if (directed_worker(client) == worker)
                        return client;
                assert_true(n_spares < SPARES_MAX);
                spares[n_spares++] = client;
                scene->n_clients--;
        }
}

StagedStop *directed_arm_after(StagePoint point, uint64_t who, uint32_t skips)
{
        if (!directed_stops())
                return NULL;
        for (unsigned i = 0; i < STAGED_STOPS_MAX; i++) {
                StagedStop *stop = &control->stops[i];

                if (atomic_load(&stop->state) != STAGED_FREE)
                        continue;
                stop->point = (uint32_t)point;
                stop->who = who;
                stop->skips = skips;
                stop->skipped = 0;
                atomic_store(&stop->state, STAGED_ARMED);
                return stop;
        }
        fail_msg("no stop is free");
        return NULL;
}

static bool has_arrived(RawClient *client)
{
        RawMessage *message = NULL;
        char text[512];

        if (!client || rawclient_try(client, &message) == 0)
                return false;
        if (message)
                print_error("%s received: %s\n", client->unique_name,
                            rawmessage_describe(message, text, sizeof(text)));
        return true;
}

/* Waits for the word to become `wanted`. */
static void wait_for(_Atomic(uint32_t) *word, uint32_t wanted, RawClient *silent, const char *at)
{
        const int64_t deadline = now_ms() + RAWCLIENT_TIMEOUT_MS;

        while (atomic_load(word) != wanted) {
                if (has_arrived(silent))
                        fail_msg("%s: nothing should have arrived there yet", at);
                if (now_ms() > deadline)
                        fail_msg("%s: no thread has come by", at);
                pause_briefly();
        }
        if (has_arrived(silent))
                fail_msg("%s: nothing should have arrived there yet", at);
}

void directed_wait(StagedStop *stop)
{
        if (stop)
                wait_for(&stop->state, STAGED_STOPPED, NULL, "a stop");
}

void directed_wait_silent_at(StagedStop *stop, RawClient *client, const char *at)
{
        if (stop)
                wait_for(&stop->state, STAGED_STOPPED, client, at);
}

void directed_wait_blocked_at(unsigned worker, RawClient *client, const char *at)
{
        if (directed_stops())
                wait_for(&control->waits[worker % n_workers], 1, client, at);
}

void directed_release(StagedStop *stop)
{
        uint32_t stopped = STAGED_STOPPED;

        if (stop)
                atomic_compare_exchange_strong(&stop->state, &stopped, STAGED_RELEASED);
}

StagedStop *directed_hold(RawClient *holder, RawClient *receiver)
{
        const RawHeader signal = scene_signal(receiver->unique_name, "Held", NULL);
        StagedStop *stop;

        for (;;) {
                stop = directed_arm(OUTPUT_TAKEN, directed_id(receiver));
                (void)scene_send(holder, &signal);
                if (!stop) {
                        directed_barrier(holder);
                        return NULL;
                }
                directed_wait(stop);
                if (stop->worker == directed_worker(holder))
                        return stop;
                /* Another worker had sent something before and had not given up the duty yet. */
                directed_release(stop);
                (void)expect_signal(receiver, holder->unique_name, "Held");
        }
}

void directed_barrier(RawClient *client)
{
        (void)expect_return(client, scene_call(client, "GetId", NULL));
}

void directed_expect_pushed_at(RawClient *client, const char *sender, const char *member,
                               const char *at)
{
        uint32_t serial = scene_call(client, "GetId", NULL);

        (void)expect_signal_at(client, sender, member, at);
        (void)expect_return_at(client, serial, at);
}

void directed_silent_at(RawClient *client, const char *at)
{
        if (has_arrived(client))
                fail_msg("%s: nothing should have arrived there yet", at);
}

void directed_activate(bool wanted)
{
        atomic_store(&control->activates, wanted);
}
