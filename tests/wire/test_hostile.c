/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Clients that leave, stop reading or ask for too much at the worst moment: the bus lives, tells
 * everybody else what happened, and goes on serving them.
 */

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/pressure.h"
#include "tests/wire/scene.h"

enum {
        N_CALLERS = 3,
        N_CALLS = 3000,
        N_ROUNDS = 30,
        ROUNDS_MS = 6000,
        N_VARIABLES = 30000,
        N_TAKEOVERS = 400,
};

#define NAME "t.Taken"

/* What one thread writes while the others write, too. */
typedef struct Burst {
        RawClient *client;
        Marshal bytes;
        size_t n_written;
} Burst;

static void *burst_run(void *argument)
{
        Burst *burst = argument;

        burst->n_written = pressure_push(burst->client, &burst->bytes, RAWCLIENT_TIMEOUT_MS);
        return NULL;
}

/* Each call of the burst, and nothing else, is answered, and that with an error. */
static void expect_refused_once(RawClient *caller, uint32_t first)
{
        bool answered[N_CALLS] = {false};

        for (int n = 0; n < N_CALLS; n++) {
                const RawMessage *answer = expect_message(caller);
                uint32_t index = answer->reply_serial - first;

                assert_int_equal(answer->type, RAWMESSAGE_ERROR);
                if (strcmp(answer->error_name, EXPECT_ERROR_PREFIX "NoReply") != 0)
                        assert_string_equal(answer->error_name,
                                            EXPECT_ERROR_PREFIX "ServiceUnknown");
                assert_true(index < N_CALLS);
                assert_false(answered[index]);
                answered[index] = true;
        }
        expect_nothing(caller);
}

/* Calls from several threads to a callee that closes after `delay_us`. */
static void call_a_leaving_callee(Scene *scene, RawClient *const *callers, unsigned delay_us)
{
        const struct timespec delay = {.tv_nsec = (long)delay_us * 1000};
        RawClient *callee = scene_join(scene);
        const RawHeader call = scene_method(callee->unique_name, "M", NULL);
        Burst bursts[N_CALLERS];
        pthread_t threads[N_CALLERS];
        uint32_t first[N_CALLERS];

        for (size_t i = 0; i < N_CALLERS; i++) {
                bursts[i].client = callers[i];
                marshal_init(&bursts[i].bytes, false);
                first[i] = callers[i]->next_serial + 1;
                callers[i]->next_serial += N_CALLS;
                pressure_build(&bursts[i].bytes, &call, NULL, first[i], N_CALLS);
        }
        for (size_t i = 0; i < N_CALLERS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, burst_run, &bursts[i]), 0);
        nanosleep(&delay, NULL);
        scene_leave(scene, callee);
        scene->n_clients--;
        for (size_t i = 0; i < N_CALLERS; i++)
                pthread_join(threads[i], NULL);
        for (size_t i = 0; i < N_CALLERS; i++) {
                assert_int_equal(bursts[i].n_written, bursts[i].bytes.size);
                marshal_deinit(&bursts[i].bytes);
                expect_refused_once(callers[i], first[i]);
        }
}

static void test_hostile_callee_leaving_under_a_flood_refuses_each_call_once(void **state)
{
        int64_t end = pressure_now_ms() + ROUNDS_MS;
        Scene *scene = *state;
        RawClient *callers[N_CALLERS];

        for (size_t i = 0; i < N_CALLERS; i++)
                callers[i] = scene_join(scene);
        for (unsigned round = 0; round < N_ROUNDS && pressure_now_ms() < end; round++)
                call_a_leaving_callee(scene, callers, round % 12 * 500);
        expect_nothing(scene->janitor);
}

/* The body "a{ss}" of UpdateActivationEnvironment. */
static void make_variables(Marshal *body)
{
        MarshalArray array;

        marshal_init(body, false);
        array = marshal_open_array(body, 8);
        for (unsigned i = 0; i < N_VARIABLES; i++) {
                char key[16];

                snprintf(key, sizeof(key), "K%07u", i);
                marshal_align(body, 8);
                marshal_string(body, key);
                marshal_string(body, "v");
        }
        marshal_close_array(body, array);
}

static void test_hostile_environment_of_30000_variables_is_answered_at_once(void **state)
{
        const RawHeader call = {.type = RAWMESSAGE_CALL,
                                .serial = 1000,
                                .path = SCENE_DRIVER_PATH,
                                .interface = SCENE_DRIVER,
                                .member = "UpdateActivationEnvironment",
                                .destination = SCENE_DRIVER,
                                .signature = "a{ss}"};
        Scene *scene = *state;
        RawClient *caller = scene_join(scene);
        RawClient *others[] = {scene_join(scene), scene_join(scene), scene_join(scene)};
        const RawMessage *answer;
        int64_t before_ms;
        Marshal body;

        make_variables(&body);
        before_ms = pressure_spent_ms(&scene->bus);
        assert_true(before_ms >= 0);
        assert_int_equal(rawclient_send_body(caller, &call, &body, NULL, 0), 0);
        marshal_deinit(&body);
        for (size_t i = 0; i < 3; i++)
                expect_nothing(others[i]);
        answer = expect_message(caller);
        /* So it has not kept anybody waiting for longer, on a processor of its own. */
        assert_in_range(pressure_spent_ms(&scene->bus) - before_ms, 0, pressure_limit_ms(1000));
        assert_int_equal(answer->reply_serial, 1000);
        if (answer->type != RAWMESSAGE_RETURN)
                assert_string_equal(answer->error_name, EXPECT_ERROR_PREFIX "LimitsExceeded");
        expect_nothing(caller);
}

/* A watcher's view of NAME: signals come from its owner of the moment, and from nobody else. */
static void expect_signals_of_the_owner(RawClient *watcher, const char *first_owner)
{
        char owner[RAWCLIENT_NAME_MAX];
        unsigned n_changes = 0, n_signals = 0;

        snprintf(owner, sizeof(owner), "%s", first_owner);
        for (;;) {
                const RawMessage *message = expect_message(watcher);
                const char *name, *old_owner, *new_owner;

                assert_int_equal(message->type, RAWMESSAGE_SIGNAL);
                if (!strcmp(message->member, "End"))
                        break;
                if (!strcmp(message->member, "S")) {
                        assert_string_equal(message->sender, owner);
                        n_signals++;
                        continue;
                }
                assert_string_equal(message->member, "NameOwnerChanged");
                assert_true(rawmessage_read(message, "sss", &name, &old_owner, &new_owner));
                assert_string_equal(name, NAME);
                assert_string_equal(old_owner, owner);
                snprintf(owner, sizeof(owner), "%s", new_owner);
                n_changes++;
        }
        assert_true(n_signals > 0);
        assert_true(n_changes > 0);
}

/* An owner in one of two threads: both take NAME in each turn, and send signals all the time. */
typedef struct Taker {
        RawClient *client;
        pthread_barrier_t *turn;
        size_t n_lost; /* bytes that could not be written */
} Taker;

/* A RequestName that takes the name over, then signals. */
static void make_takeover(Marshal *bytes, uint32_t first)
{
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        const RawHeader request = {.type = RAWMESSAGE_CALL,
                                   .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                                   .path = SCENE_DRIVER_PATH,
                                   .interface = SCENE_DRIVER,
                                   .member = "RequestName",
                                   .destination = SCENE_DRIVER,
                                   .signature = "su"};
        Marshal body;

        marshal_init(bytes, false);
        marshal_init(&body, false);
        marshal_string(&body, NAME);
        marshal_align(&body, 4);
        marshal_u32(&body, 3); /* ALLOW_REPLACEMENT, REPLACE_EXISTING */
        pressure_build(bytes, &request, &body, first, 1);
        pressure_build(bytes, &signal, NULL, first + 1, 9);
        marshal_deinit(&body);
}

static void *taker_run(void *argument)
{
        Taker *taker = argument;

        for (uint32_t turn = 0; turn < N_TAKEOVERS; turn++) {
                Marshal bytes;

                make_takeover(&bytes, 1000 + turn * 10);
                pthread_barrier_wait(taker->turn);
                taker->n_lost +=
                        bytes.size - pressure_push(taker->client, &bytes, RAWCLIENT_TIMEOUT_MS);
                marshal_deinit(&bytes);
        }
        return NULL;
}

/* Reads until the reply to `serial`. */
static void skip_to_reply(RawClient *client, uint32_t serial)
{
        while (expect_message(client)->reply_serial != serial)
                continue;
}

static void test_hostile_takeover_ends_the_signals_of_the_old_owner(void **state)
{
        Scene *scene = *state;
        RawClient *owners[2] = {scene_join(scene), scene_join(scene)};
        RawClient *watcher = scene_join(scene), *last = scene_join(scene);
        const RawHeader end = scene_signal(watcher->unique_name, "End", NULL);
        pthread_barrier_t turn;
        pthread_t threads[2];
        Taker takers[2];

        scene_own(owners[0], NAME);
        scene_match(watcher, "type='signal',sender='" NAME "'");
        scene_match(watcher, "member='NameOwnerChanged',arg0='" NAME "'");
        assert_int_equal(pthread_barrier_init(&turn, NULL, 2), 0);
        for (size_t i = 0; i < 2; i++) {
                takers[i] = (Taker){.client = owners[i], .turn = &turn};
                assert_int_equal(pthread_create(&threads[i], NULL, taker_run, &takers[i]), 0);
        }
        for (size_t i = 0; i < 2; i++)
                pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&turn);
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(takers[i].n_lost, 0);
                skip_to_reply(owners[i], scene_call(owners[i], "GetId", NULL));
        }
        (void)scene_send(last, &end);
        expect_signals_of_the_owner(watcher, owners[0]->unique_name);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_hostile_callee_leaving_under_a_flood_refuses_each_call_once),
                TEST(test_hostile_environment_of_30000_variables_is_answered_at_once),
                TEST(test_hostile_takeover_ends_the_signals_of_the_old_owner),
        };

        return scene_run("wire/hostile", tests, scene_start);
}
