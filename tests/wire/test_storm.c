/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Guarantees that a bus with several threads breaks most easily, under load: everything is
 * pipelined, nothing is awaited in between, and each client checks its own stream.
 */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

enum {
        N_OWNERS = 3,
        N_TURNS = 300,
        N_CALLS_PER_TURN = 4,
        N_CALLEES = 20,
        N_CALLERS = 4,
        N_CALLS = 25,
        N_SHORT = 200, /* short-lived clients */
        MAX_ID = 10000,
};

#define NAME "t.Storm"

/* An owner's view of the name: calls may only come between NameAcquired and NameLost. */
typedef struct Owner {
        RawClient *client;
        bool owns;
        uint32_t n_calls;
        uint32_t n_taken; /* NameAcquired */
        uint32_t last;    /* number of the last call; they must ascend */
} Owner;

static void owner_message(Owner *owner, const RawMessage *message)
{
        uint32_t number;

        if (message->type == RAWMESSAGE_SIGNAL) {
                assert_int_equal(owner->owns, !strcmp(message->member, "NameLost"));
                owner->owns = !owner->owns;
                owner->n_taken += owner->owns;
        } else if (message->type == RAWMESSAGE_CALL) {
                assert_true(owner->owns);
                assert_true(rawmessage_read(message, "u", &number));
                assert_true(owner->n_calls == 0 || number > owner->last);
                owner->last = number;
                owner->n_calls++;
        } else {
                assert_int_equal(message->type, RAWMESSAGE_RETURN);
        }
}

/* Reads until the reply to `serial`. */
static void owner_read(Owner *owner, uint32_t serial)
{
        for (;;) {
                const RawMessage *message = expect_message(owner->client);

                owner_message(owner, message);
                if (message->type == RAWMESSAGE_RETURN && message->reply_serial == serial)
                        return;
        }
}

static void test_storm_calls_reach_only_the_owner_of_the_moment(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene);
        RawHeader call = scene_method(NAME, "M", "u");
        Owner owners[N_OWNERS] = {{.client = NULL}};
        uint32_t number = 0, n_received = 0, n_taken = 0;

        call.flags = RAWMESSAGE_NO_REPLY_EXPECTED;
        for (size_t i = 0; i < N_OWNERS; i++)
                owners[i].client = scene_join(scene);
        scene_own(owners[0].client, NAME);
        owners[0].owns = true;
        (void)scene_call(owners[0].client, "RequestName", "su", NAME, 1U);
        expect_nothing(scene->janitor);
        (void)expect_message(owners[0].client);
        for (uint32_t turn = 0; turn < N_TURNS; turn++) {
                (void)scene_call(owners[turn % N_OWNERS].client, "RequestName", "su", NAME, 3U);
                for (int n = 0; n < N_CALLS_PER_TURN; n++)
                        (void)scene_send(caller, &call, ++number);
        }
        expect_nothing(caller);
        for (size_t i = 0; i < N_OWNERS; i++)
                owner_read(&owners[i], scene_call(owners[i].client, "GetId", NULL));
        for (size_t i = 0; i < N_OWNERS; i++) {
                n_received += owners[i].n_calls;
                n_taken += owners[i].n_taken;
        }
        assert_int_equal(n_received, number);
        assert_true(n_taken > 0);
}

static void test_storm_every_call_to_a_dying_callee_is_answered_once(void **state)
{
        Scene *scene = *state;
        RawClient *callers[N_CALLERS], *callee;
        uint32_t first[N_CALLERS];

        for (size_t i = 0; i < N_CALLERS; i++)
                callers[i] = scene_join(scene);
        for (int round = 0; round < N_CALLEES; round++) {
                RawHeader call, reply;

                callee = scene_join(scene);
                call = scene_method(callee->unique_name, "M", NULL);
                call.flags = RAWMESSAGE_NO_AUTO_START;
                for (size_t i = 0; i < N_CALLERS; i++)
                        first[i] = callers[i]->next_serial + 1;
                for (int n = 0; n < N_CALLS; n++) {
                        for (size_t i = 0; i < N_CALLERS; i++)
                                (void)scene_send(callers[i], &call);
                        if (n % 5 != 0)
                                continue;
                        reply = scene_reply(expect_message(callee), NULL);
                        (void)scene_send(callee, &reply);
                }
                scene_leave(scene, callee);
                scene->n_clients--;
                for (size_t i = 0; i < N_CALLERS; i++) {
                        bool answered[N_CALLS] = {false};

                        for (int n = 0; n < N_CALLS; n++) {
                                const RawMessage *answer = expect_message(callers[i]);
                                uint32_t index = answer->reply_serial - first[i];

                                assert_true(index < N_CALLS);
                                assert_false(answered[index]);
                                answered[index] = true;
                        }
                        expect_nothing(callers[i]);
                }
        }
}

static void test_storm_watchers_see_ownership_as_the_bus_answers_it(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *watcher = scene_join(scene);
        bool owned = false;
        uint32_t answer;

        scene_match(watcher, "member='NameOwnerChanged',arg0='" NAME "'");
        for (uint32_t turn = 0; turn < N_TURNS; turn++) {
                (void)scene_call(owner, "RequestName", "su", NAME, 0U);
                (void)scene_call(watcher, "NameHasOwner", "s", NAME);
                (void)scene_call(owner, "ReleaseName", "s", NAME);
                (void)scene_call(watcher, "NameHasOwner", "s", NAME);
        }
        for (uint32_t n_answers = 0; n_answers < 2 * N_TURNS;) {
                const RawMessage *message = expect_message(watcher);

                if (message->type == RAWMESSAGE_SIGNAL) {
                        owned = !owned;
                        continue;
                }
                assert_true(rawmessage_read(message, "b", &answer));
                assert_int_equal(answer, owned);
                n_answers++;
        }
}

/* A tells C, then B; B tells C. C hears A first: through the bus, effects follow causes. */
static void test_storm_reactions_do_not_overtake_their_causes(void **state)
{
        Scene *scene = *state;
        RawClient *a = scene_join(scene), *b = scene_join(scene), *c = scene_join(scene);
        const RawHeader direct = scene_signal(c->unique_name, "Cause", "u");
        const RawHeader broadcast = scene_signal(NULL, "Both", "u");
        const RawHeader reaction = scene_signal(c->unique_name, "Effect", "u");

        scene_match(b, "member='Both'");
        scene_match(c, "member='Both'");
        for (uint32_t turn = 0; turn < N_TURNS; turn++) {
                (void)scene_send(a, &direct, turn);
                (void)scene_send(a, &broadcast, turn);
                (void)expect_signal(b, a->unique_name, "Both");
                (void)scene_send(b, &reaction, turn);
                (void)expect_signal(c, a->unique_name, "Cause");
                (void)expect_signal(c, a->unique_name, "Both");
                (void)expect_signal(c, b->unique_name, "Effect");
        }
}

static void test_storm_all_receivers_see_one_order_of_broadcasts(void **state)
{
        enum { N_SENDERS = 4, N_RECEIVERS = 4, N_EACH = 200 };
        Scene *scene = *state;
        RawClient *senders[N_SENDERS], *receivers[N_RECEIVERS];
        static uint32_t order[N_SENDERS * N_EACH];
        const RawHeader signal = scene_signal(NULL, "S", "u");
        uint32_t value;

        for (size_t i = 0; i < N_RECEIVERS; i++) {
                receivers[i] = scene_join(scene);
                scene_match(receivers[i], "member='S'");
        }
        for (size_t i = 0; i < N_SENDERS; i++)
                senders[i] = scene_join(scene);
        for (uint32_t n = 0; n < N_EACH; n++) {
                for (uint32_t i = 0; i < N_SENDERS; i++)
                        (void)scene_send(senders[i], &signal, n * N_SENDERS + i);
        }
        for (size_t i = 0; i < N_RECEIVERS; i++) {
                for (size_t n = 0; n < N_SENDERS * N_EACH; n++) {
                        assert_true(rawmessage_read(expect_message(receivers[i]), "u", &value));
                        if (i == 0)
                                order[n] = value;
                        assert_int_equal(value, order[n]);
                }
                expect_nothing(receivers[i]);
        }
}

/* What a watcher has seen of a short-lived client, in this order. */
enum {
        LIFE_UNKNOWN,
        LIFE_APPEARED,
        LIFE_SPOKE,
        LIFE_OWNED,
        LIFE_DISOWNED,
        LIFE_GONE,
};

static unsigned *life_of(unsigned *lives, const char *unique_name)
{
        unsigned id = 0;

        assert_int_equal(sscanf(unique_name, ":1.%u", &id), 1);
        assert_true(id < MAX_ID);
        return &lives[id];
}

static void life_step(unsigned *life, unsigned step)
{
        assert_int_equal(*life + 1, step);
        *life = step;
}

static void life_message(unsigned *lives, const RawMessage *message)
{
        const char *name, *old_owner, *new_owner;

        if (strcmp(message->sender, SCENE_DRIVER) != 0) {
                life_step(life_of(lives, message->sender), LIFE_SPOKE);
                return;
        }
        assert_true(rawmessage_read(message, "sss", &name, &old_owner, &new_owner));
        if (name[0] == ':')
                life_step(life_of(lives, name), *new_owner ? LIFE_APPEARED : LIFE_GONE);
        else if (*new_owner)
                life_step(life_of(lives, new_owner), LIFE_OWNED);
        else
                life_step(life_of(lives, old_owner), LIFE_DISOWNED);
}

/*
 * Leaves right after speaking, without reading what is on its way. (A client that is gone before
 * its handshake was answered may go unnoticed.)
 */
static void live_shortly(Scene *scene, unsigned number)
{
        RawClient *client = scene_open(scene, RAWCLIENT_PIPELINE);
        const RawHeader signal = scene_signal(NULL, "S", NULL);
        char name[32];

        snprintf(name, sizeof(name), "t.Short.N%u", number);
        assert_int_equal(rawclient_hello(client), 0);
        (void)scene_send(client, &signal);
        (void)scene_call(client, "RequestName", "su", name, 0U);
        scene_leave(scene, client);
        scene->n_clients--;
}

static void test_storm_short_lived_clients_appear_speak_and_go_in_order(void **state)
{
        static unsigned lives[2][MAX_ID];
        Scene *scene = *state;
        RawClient *watchers[2];

        memset(lives, 0, sizeof(lives));
        for (size_t i = 0; i < 2; i++) {
                watchers[i] = scene_join(scene);
                scene_match(watchers[i], "type='signal',member='NameOwnerChanged'");
                scene_match(watchers[i], "type='signal',member='S'");
        }
        /* The first one was there when the second came. */
        expect_owner_change(watchers[0], watchers[1]->unique_name, "", watchers[1]->unique_name);
        for (unsigned n = 0; n < N_SHORT; n++)
                live_shortly(scene, n);
        for (size_t i = 0; i < 2; i++) {
                for (unsigned n = 0; n < N_SHORT * LIFE_GONE; n++)
                        life_message(lives[i], expect_message(watchers[i]));
                expect_nothing(watchers[i]);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_storm_calls_reach_only_the_owner_of_the_moment),
                TEST(test_storm_every_call_to_a_dying_callee_is_answered_once),
                TEST(test_storm_watchers_see_ownership_as_the_bus_answers_it),
                TEST(test_storm_reactions_do_not_overtake_their_causes),
                TEST(test_storm_short_lived_clients_appear_speak_and_go_in_order),
                TEST(test_storm_all_receivers_see_one_order_of_broadcasts),
        };

        return scene_run("wire/storm", tests, scene_start);
}
