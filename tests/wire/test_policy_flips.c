/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A policy that changes all the time while clients talk. Of the two that alternate, one forbids to
 * send t.X and the other to receive it: judged by either it is refused, and only half of the one
 * and half of the other would let it pass.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/wire/denial.h"

enum { N_PAIRS = 4, N_RELOADS = 300 };

#define CALLS "type=\"method_call\" "
static const char *const policies[] = {
        "<policy context=\"default\"><deny send_" CALLS "send_interface=\"t.X\"/>"
        "<deny send_" CALLS "send_interface=\"t.One\"/></policy>",
        "<policy context=\"default\"><deny receive_" CALLS "receive_interface=\"t.X\"/>"
        "<deny send_" CALLS "send_interface=\"t.Two\"/></policy>",
};

/* Owner: its thread, but for what is atomic. */
typedef struct Pair {
        const char *address;
        atomic_bool *stop;
        atomic_uint n_refused;
        atomic_bool ended;
        unsigned n_others; /* messages that arrived and are allowed */
        const char *failure;
} Pair;

static RawHeader pair_call(const RawClient *receiver, const char *interface)
{
        return (RawHeader){.type = RAWMESSAGE_CALL,
                           .flags = RAWMESSAGE_NO_REPLY_EXPECTED,
                           .path = "/t",
                           .interface = interface,
                           .member = "M",
                           .destination = receiver->unique_name};
}

/* One message that is refused, and one that arrives. NULL, or what went wrong. */
static const char *pair_exchange(Pair *pair, RawClient *sender, RawClient *receiver)
{
        const RawHeader denied = pair_call(receiver, "t.X"), allowed = pair_call(receiver, "t.I");
        RawMessage *message;
        uint32_t serial;

        if (rawclient_send_header(sender, &denied, &serial) < 0 ||
            rawclient_send_header(sender, &allowed, NULL) < 0 ||
            rawclient_receive(sender, RAWCLIENT_TIMEOUT_MS, &message) < 0)
                return "the connection failed";
        if (message->type != RAWMESSAGE_ERROR || message->reply_serial != serial)
                return "something else than a refusal came back";
        atomic_fetch_add(&pair->n_refused, 1);
        if (rawclient_receive(receiver, RAWCLIENT_TIMEOUT_MS, &message) < 0)
                return "what is allowed did not arrive";
        if (!message->interface || strcmp(message->interface, "t.I") != 0)
                return "what both policies forbid arrived";
        pair->n_others++;
        return NULL;
}

static void *pair_run(void *argument)
{
        Pair *pair = argument;
        int error;
        RawClient *sender = rawclient_open(pair->address, 0, &error);
        RawClient *receiver = rawclient_open(pair->address, 0, &error);
        RawMessage *message;

        pair->failure =
                sender && receiver && rawclient_hello(sender) == 0 && rawclient_hello(receiver) == 0
                        ? NULL
                        : "cannot connect";
        for (int i = 0; i < 2 && !pair->failure; i++) /* NameAcquired */
                if (rawclient_receive(i ? receiver : sender, RAWCLIENT_TIMEOUT_MS, &message) < 0)
                        pair->failure = "no NameAcquired";
        while (!pair->failure && !atomic_load(pair->stop))
                pair->failure = pair_exchange(pair, sender, receiver);
        atomic_store(&pair->ended, true);
        rawclient_free(sender);
        rawclient_free(receiver);
        return NULL;
}

/* After the reply nothing is judged by the other policy any more. */
static void flip(Scene *scene, RawClient *client, RawClient *witness, unsigned round)
{
        RawHeader calls[2] = {scene_method(witness->unique_name, "M", NULL),
                              scene_method(witness->unique_name, "M", NULL)};
        uint32_t serials[3];

        calls[0].interface = "t.One";
        calls[1].interface = "t.Two";
        assert_int_equal(bus_write_config(&scene->bus, policies[round % 2]), 0);
        serials[2] = scene_call(client, "ReloadConfig", "");
        for (unsigned i = 0; i < 2; i++)
                serials[i] = scene_send(client, &calls[i]);
        expect_empty(client, serials[2]);
        (void)expect_error(client, serials[round % 2], "AccessDenied", NULL);
        assert_string_equal(expect_call(witness, client->unique_name, "M")->interface,
                            calls[1 - round % 2].interface);
}

/* Until each pair talks, or has failed. */
static void await_talk(Pair *pairs)
{
        const struct timespec pause = {.tv_nsec = 1000000};

        for (size_t i = 0; i < N_PAIRS; i++)
                while (!atomic_load(&pairs[i].n_refused) && !atomic_load(&pairs[i].ended))
                        nanosleep(&pause, NULL);
}

static void test_policy_flips_while_clients_talk(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *witness = scene_join(scene);
        static Pair pairs[N_PAIRS]; /* they outlive a test that fails */
        static atomic_bool stop;
        pthread_t threads[N_PAIRS];

        flip(scene, client, witness, 0);
        for (size_t i = 0; i < N_PAIRS; i++) {
                pairs[i] = (Pair){.address = scene->bus.address, .stop = &stop};
                assert_int_equal(pthread_create(&threads[i], NULL, pair_run, &pairs[i]), 0);
        }
        await_talk(pairs);
        for (unsigned round = 1; round <= N_RELOADS; round++)
                flip(scene, client, witness, round);
        atomic_store(&stop, true);
        for (size_t i = 0; i < N_PAIRS; i++) {
                pthread_join(threads[i], NULL);
                if (pairs[i].failure)
                        print_error("pair %zu: %s\n", i, pairs[i].failure);
        }
        for (size_t i = 0; i < N_PAIRS; i++) {
                assert_null(pairs[i].failure);
                assert_int_equal(pairs[i].n_others, atomic_load(&pairs[i].n_refused));
        }
        expect_nothing(witness);
}

/* The first policy is there from the beginning. */
static int start(void **state)
{
        return scene_start_with(state, policies[0]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_policy_flips_while_clients_talk, scene_clear),
        };

        return scene_run("policy_flips", tests, start);
}
