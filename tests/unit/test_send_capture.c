/* SPDX-License-Identifier: Apache-2.0 */
/* Eavesdroppers, and fan-outs that more than one thread flushes. */
#include "tests/unit/router_fixture.h"

/* The recipient comes first; eavesdroppers see what is addressed to others. */
static void test_send_eavesdropper_gets_it_behind_the_recipient(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 0), *e = actor_join(fixture, 0);

        assert_int_equal(actor_add_rule(e, "eavesdrop=true,type=method_call"), RULES_OK);
        assert_int_equal(actor_call(a, 5, ":1.1"), SEND_OK);
        router_fixture_collect(fixture);
        /* Duties lie in the order of the pushes. */
        assert_ptr_equal(list_first(&fixture->duties), &b->duty_node);
        assert_ptr_equal(list_last(&fixture->duties), &e->duty_node);
        actor_expect(e, "call Call");
        actor_expect_nothing(e);
        actor_expect(b, "call Call");
        actor_expect_nothing(b);
        assert_int_equal(actor_signal(a, ":1.1", "S"), SEND_OK); /* not of the type asked for */
        actor_expect_nothing(e);
        actor_expect(b, "signal S");
        /* The recipient is not offered its own message twice. */
        actor_add_rule(b, "eavesdrop=true");
        actor_call(a, 6, ":1.1");
        actor_expect(b, "call Call");
        actor_expect_nothing(b);
        actor_expect(e, "call Call");
        actor_remove_rule(b, "eavesdrop=true");
        actor_remove_rule(e, "eavesdrop=true,type=method_call");
        actor_call(a, 7, ":1.1");
        actor_expect_nothing(e);
        actor_expect(b, "call Call");
}

static void call_bus(Actor *actor, Message **shown, bool before, bool overheard)
{
        RawHeader header = {.type = RAWMESSAGE_CALL,
                            .serial = 3,
                            .path = "/a",
                            .member = "RequestName",
                            .destination = "org.freedesktop.DBus"};
        Parcel parcel;

        parcel_init(&parcel, actor, &header, NULL, NULL);
        if (before)
                *shown = send_capture(actor->thread, &actor->endpoint, &parcel.incoming);
        else
                send_end_capture(actor->thread, &actor->endpoint, &parcel.incoming, *shown,
                                 overheard);
        parcel_deinit(&parcel, actor);
}

/* As the reference has it: behind what the call has done, not its answer, and no call that failed;
 * a monitor sees all of it, in order. */
static void test_send_eavesdropper_sees_calls_to_the_bus_behind_what_they_do(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *e = actor_join(fixture, 0), *m = actor_join(fixture, 0);
        Message *shown;

        actor_add_rule(e, "eavesdrop=true");
        actor_become_monitor(m, "");
        router_fixture_drop_all(fixture);
        call_bus(a, &shown, true, true);
        actor_request(a, "com.example.X", 0);
        call_bus(a, &shown, false, true);
        actor_expect(e, "signal NameOwnerChanged com.example.X,,:1.0"); /* a plain match */
        actor_expect(e, "call RequestName");
        actor_expect_nothing(e); /* neither NameAcquired nor the answer */
        actor_expect(m, "call RequestName");
        actor_expect(m, "signal NameOwnerChanged com.example.X,,:1.0");
        actor_expect(m, "signal NameAcquired com.example.X");
        actor_expect(m, "return %u 1", a->serial);
        actor_expect_nothing(m);
        call_bus(a, &shown, true, true);
        call_bus(a, &shown, false, false); /* it failed */
        actor_expect_nothing(e);
        actor_expect(m, "call RequestName");
        actor_expect(a, "signal NameAcquired com.example.X");
        actor_expect(a, "return %u 1", a->serial);
        actor_leave(e);
        assert_int_equal(counter_read(&fixture->router.n_capturing), 1);
}

/* The call that begins the eavesdropping is the first that is overheard. */
static void test_send_eavesdropper_sees_the_call_that_made_it_one(void **state)
{
        RouterFixture *fixture = *state;
        Actor *e = actor_join(fixture, 0);
        Message *shown;

        call_bus(e, &shown, true, true);
        assert_null(shown);
        actor_add_rule(e, "eavesdrop=true");
        call_bus(e, &shown, false, true);
        actor_expect(e, "call RequestName");
        actor_expect_nothing(e);
}

/* A fan-out to more receivers than one thread should flush: each one's own worker does. */
static void test_send_wide_broadcast_hands_duties_over(void **state)
{
        enum { WIDE = 100 };
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *receivers[WIDE];

        for (int i = 0; i < WIDE; i++) {
                receivers[i] = actor_join(fixture, i % 2 ? 1 : 0);
                actor_add_rule(receivers[i], "member=M");
        }
        fixture->n_handed[0] = fixture->n_handed[1] = 0;
        actor_broadcast(a, "M", "");
        router_fixture_collect(fixture);
        assert_int_equal(fixture->n_handed[0], 0);        /* its own */
        assert_int_equal(fixture->n_handed[1], WIDE / 2); /* from the first on */
        /* Those of one worker lie together: their places in the message share no cache line with
         * the other's. */
        for (unsigned i = 0; i < WIDE; i++)
                assert_int_equal(a->thread->targets[i]->home, i / (WIDE / 2));
        for (int i = 0; i < WIDE; i++) {
                actor_expect(receivers[i], "signal M ");
                actor_expect_nothing(receivers[i]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_send_eavesdropper_gets_it_behind_the_recipient),
                ROUTER_TEST(test_send_eavesdropper_sees_calls_to_the_bus_behind_what_they_do),
                ROUTER_TEST(test_send_eavesdropper_sees_the_call_that_made_it_one),
                ROUTER_TEST(test_send_wide_broadcast_hands_duties_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
