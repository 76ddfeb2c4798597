/* SPDX-License-Identifier: Apache-2.0 */
/* Eavesdroppers, and fan-outs that more than one thread flushes. */
#include "tests/unit/router_fixture.h"

/* Eavesdroppers come first, and see what is addressed to others, to the bus or to nobody known. */
static void test_send_eavesdropper_gets_it_before_the_recipient(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 0), *e = actor_join(fixture, 0);

        assert_int_equal(actor_add_rule(e, "eavesdrop=true,type=method_call"), RULES_OK);
        assert_int_equal(actor_call(a, 5, ":1.1"), SEND_OK);
        router_fixture_collect(fixture);
        /* Duties lie in the order of the pushes. */
        assert_ptr_equal(list_first(&fixture->duties), &e->duty_node);
        assert_ptr_equal(list_last(&fixture->duties), &b->duty_node);
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

/* What the bus is asked, and what it says, in the order in which it happens. */
static void test_send_eavesdropper_sees_calls_to_the_bus_and_answers(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *e = actor_join(fixture, 0);
        RawHeader header = {.type = RAWMESSAGE_CALL,
                            .serial = 3,
                            .path = "/a",
                            .member = "RequestName",
                            .destination = "org.freedesktop.DBus"};
        Parcel parcel;

        actor_add_rule(e, "eavesdrop=true");
        actor_drop(e);
        parcel_init(&parcel, a, &header, NULL, NULL);
        send_capture(a->thread, &a->endpoint, &parcel.incoming);
        parcel_deinit(&parcel, a);
        actor_request(a, "com.example.X", 0);
        actor_expect(e, "call RequestName");
        actor_expect(e, "signal NameOwnerChanged com.example.X,,:1.0"); /* a plain match */
        actor_expect(e, "return %u 1", a->serial);                      /* not NameAcquired */
        actor_expect_nothing(e);
        actor_expect(a, "signal NameAcquired com.example.X");
        actor_expect(a, "return %u 1", a->serial);
        actor_leave(e);
        assert_int_equal(counter_read(&fixture->router.n_capturing), 0);
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
                ROUTER_TEST(test_send_eavesdropper_gets_it_before_the_recipient),
                ROUTER_TEST(test_send_eavesdropper_sees_calls_to_the_bus_and_answers),
                ROUTER_TEST(test_send_wide_broadcast_hands_duties_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
