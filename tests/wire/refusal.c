/* SPDX-License-Identifier: Apache-2.0 */

/* See refusal.h. The witnesses are the first two clients of the test. */

#include "tests/wire/refusal.h"

#include <errno.h>

#include "tests/wire/expect.h"

static void refusal_call_witnesses(Scene *scene)
{
        if (scene->n_clients >= 2)
                return;
        assert_int_equal(scene->n_clients, 0);
        scene_match(scene_join(scene), "type='signal',interface='t.I'");
        scene_match(scene_join(scene), "type='signal',interface='t.I'");
}

RawHeader refusal_signal(Scene *scene)
{
        RawHeader signal;

        refusal_call_witnesses(scene);
        signal = scene_signal(scene->clients[0]->unique_name, "S", NULL);
        signal.serial = 99;
        return signal;
}

void refusal_check_witness(Scene *scene)
{
        RawClient *a = scene->clients[0], *b = scene->clients[1];
        const RawHeader call = scene_method(b->unique_name, "Witness", NULL);
        RawHeader reply;
        uint32_t serial;

        serial = scene_send(a, &call);
        reply = scene_reply(expect_call(b, a->unique_name, "Witness"), NULL);
        (void)scene_send(b, &reply);
        expect_empty(a, serial);
        expect_nothing(a);
        expect_nothing(b);
}

void refusal_check_bytes(Scene *scene, const char *what, const Marshal *bytes)
{
        RawClient *client;
        RawMessage *message = NULL;
        size_t n_before;
        int r;

        refusal_call_witnesses(scene);
        n_before = scene->n_clients;
        client = scene_join(scene);
        assert_int_equal(rawclient_send(client, bytes->data, bytes->size), 0);
        r = rawclient_receive(client, RAWCLIENT_TIMEOUT_MS, &message);
        if (r != -ECONNRESET) {
                print_error("%s: the connection was not closed\n", what);
                fail();
        }
        scene_leave(scene, client);
        scene->n_clients = n_before;
        refusal_check_witness(scene);
}
