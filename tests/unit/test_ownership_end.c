/* SPDX-License-Identifier: Apache-2.0 */
/* Hello, limits, and the end of a connection: who is told what, in which order. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/router_fixture.h"

enum {
        ALLOW = NAMES_ALLOW_REPLACEMENT,
        REPLACE = NAMES_REPLACE_EXISTING,
};

#define NAME "com.example.Name"

/* Three owners-to-be and one who watches all changes of names. */
typedef struct Cast {
        RouterFixture *fixture;
        Actor *a, *b, *c, *watcher;
} Cast;

static Cast cast_new(void **state)
{
        RouterFixture *fixture = *state;
        Cast cast = {.fixture = fixture,
                     .a = actor_join(fixture, 0),
                     .b = actor_join(fixture, 1),
                     .c = actor_join(fixture, 0),
                     .watcher = actor_join(fixture, 1)};

        actor_add_rule(cast.watcher, "member=NameOwnerChanged");
        return cast;
}

static void expect_changed(Actor *watcher, const char *name, const Actor *old, const Actor *new)
{
        actor_expect(watcher, "signal NameOwnerChanged %s,%s,%s", name,
                     old ? old->endpoint.unique_name : "", new ? new->endpoint.unique_name : "");
}

/* Gets the name when it is free; its messages are dropped. */
static void own(Cast *cast, Actor *actor, uint32_t flags)
{
        assert_int_equal(actor_request(actor, NAME, flags), OWNERSHIP_OK);
        router_fixture_drop_all(cast->fixture);
}

/* The queue as ListQueuedOwners shows it. */
static void expect_queue(Cast *cast, Actor *first, Actor *second, Actor *third)
{
        const Actor *expected[] = {first, second, third};
        const Name *name = names_find(&cast->fixture->router.names, TEXT(NAME));
        size_t n = 0;
        bool marked;

        if (!first) {
                assert_true(!name || list_is_empty(&name->queue));
                return;
        }
        assert_non_null(name);
        LIST_FOREACH(&name->queue, node)
        {
                assert_true(n < 3 && expected[n]);
                assert_ptr_equal(CONTAINER_OF(node, NameOwner, queue_node)->endpoint,
                                 &expected[n]->endpoint);
                n++;
        }
        assert_true(n == 3 || !expected[n]);
        assert_ptr_equal(names_load(name, &marked), &first->endpoint);
        assert_false(marked);
        for (size_t i = 0; i < n; i++) {
                assert_true(names_endpoint_has(&expected[i]->endpoint, TEXT(NAME), false));
                assert_int_equal(names_endpoint_has(&expected[i]->endpoint, TEXT(NAME), true),
                                 i == 0);
        }
}

static void test_ownership_hello_order(void **state)
{
        RouterFixture *fixture = *state;
        Actor *watcher = actor_join(fixture, 0);
        Actor *actor = actor_new(fixture, 1);

        assert_string_equal(watcher->endpoint.unique_name, ":1.0");
        actor_add_rule(watcher, "member=NameOwnerChanged");
        assert_int_equal(actor_hello(actor), OWNERSHIP_OK);
        assert_string_equal(actor->endpoint.unique_name, ":1.1");
        actor_expect(actor, "return 1 0");
        actor_expect(actor, "signal NameAcquired :1.1");
        actor_expect_nothing(actor);
        actor_expect(watcher, "signal NameOwnerChanged :1.1,,:1.1");
        actor_expect_nothing(watcher);
}

static void test_ownership_hello_limits(void **state)
{
        RouterFixture *fixture = *state;
        Actor *first = actor_new(fixture, 0), *second = actor_new(fixture, 0);
        Actor *other = actor_new(fixture, 0), *fourth = actor_new(fixture, 0);

        fixture->root->limits.max_connections_per_user = 1;
        fixture->root->limits.max_completed_connections = 2;
        other->endpoint.uid = 1001;
        fourth->endpoint.uid = 1002;
        assert_int_equal(actor_hello(first), OWNERSHIP_OK);
        assert_int_equal(actor_hello(second), OWNERSHIP_USER_LIMIT);
        actor_expect_nothing(second);
        assert_int_equal(second->endpoint.id, ENDPOINT_NO_ID);
        assert_int_equal(actor_hello(other), OWNERSHIP_OK);
        assert_int_equal(actor_hello(fourth), OWNERSHIP_LIMIT);
        actor_leave(first);
        assert_int_equal(actor_hello(fourth), OWNERSHIP_OK);
        assert_string_equal(fourth->endpoint.unique_name, ":1.2"); /* numbers are not used again */
        actor_leave(other);
        assert_int_equal(actor_hello(second), OWNERSHIP_OK);
}

/* The unique name counts, and so do queued names; the limit comes before everything else. */
static void test_ownership_names_limit(void **state)
{
        Cast cast = cast_new(state);

        cast.fixture->root->limits.max_names_per_connection = 3;
        own(&cast, cast.a, 0);
        assert_int_equal(actor_request(cast.b, NAME, 0), OWNERSHIP_OK);
        assert_int_equal(actor_request(cast.b, "com.example.Other", 0), OWNERSHIP_OK);
        router_fixture_drop_all(cast.fixture);
        assert_int_equal(actor_request(cast.b, "com.example.Third", 0), OWNERSHIP_LIMIT);
        assert_int_equal(actor_request(cast.b, "com.example.Other", 0), OWNERSHIP_LIMIT);
        actor_expect_nothing(cast.b);
        assert_null(names_find(&cast.fixture->router.names, TEXT("com.example.Third")));
        assert_int_equal(actor_release(cast.b, NAME), OWNERSHIP_OK);
        assert_int_equal(actor_request(cast.b, "com.example.Third", 0), OWNERSHIP_OK);
}

/* Rules first, then names in the reverse order of joining their queues, the unique name last. */
static void test_ownership_disconnect_reverse_order(void **state)
{
        Cast cast = cast_new(state);

        actor_add_rule(cast.a, "member=NameOwnerChanged");
        actor_request(cast.a, "com.example.One", 0);
        actor_request(cast.b, "com.example.Two", ALLOW);
        actor_request(cast.a, "com.example.Two", 0); /* queued here: its place */
        actor_request(cast.a, "com.example.Three", 0);
        actor_request(cast.a, "com.example.Two", REPLACE);
        actor_request(cast.c, "com.example.One", 0);
        router_fixture_drop_all(cast.fixture);
        actor_leave(cast.a);
        expect_changed(cast.watcher, "com.example.Three", cast.a, NULL);
        expect_changed(cast.watcher, "com.example.Two", cast.a, cast.b);
        expect_changed(cast.watcher, "com.example.One", cast.a, cast.c);
        actor_expect(cast.watcher, "signal NameOwnerChanged :1.0,:1.0,");
        actor_expect_nothing(cast.watcher);
        actor_expect(cast.b, "signal NameAcquired com.example.Two");
        actor_expect_nothing(cast.b);
        actor_expect(cast.c, "signal NameAcquired com.example.One");
        actor_expect_nothing(cast.c);
        assert_null(names_find_unique(&cast.fixture->router.names, TEXT(":1.0")));
}

/* Who leaves while it only waits is gone from the queue, without a word. */
static void test_ownership_disconnect_of_queued_one_is_silent(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, 0);
        actor_request(cast.b, NAME, 0);
        actor_request(cast.c, NAME, 0);
        router_fixture_drop_all(cast.fixture);
        actor_leave(cast.b);
        actor_expect(cast.watcher, "signal NameOwnerChanged :1.1,:1.1,");
        actor_expect_nothing(cast.watcher);
        expect_queue(&cast, cast.a, cast.c, NULL);
        actor_release(cast.a, NAME);
        expect_queue(&cast, cast.c, NULL, NULL);
}

/* NoReply follows the last NameOwnerChanged of the one that owed the answer. */
static void test_ownership_disconnect_no_reply_after_changes(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, 0);
        assert_int_equal(actor_call(cast.watcher, 7, NAME), SEND_OK);
        assert_int_equal(actor_call(cast.watcher, 8, ":1.0"), SEND_OK);
        actor_leave(cast.a);
        expect_changed(cast.watcher, NAME, cast.a, NULL);
        actor_expect(cast.watcher, "signal NameOwnerChanged :1.0,:1.0,");
        for (int i = 0; i < 2; i++) { /* one answer each, in either order */
                const RawMessage *message = actor_next(cast.watcher);

                assert_non_null(message);
                assert_string_equal(message->error_name, "org.freedesktop.DBus.Error.NoReply");
                assert_true(message->reply_serial == 7 || message->reply_serial == 8);
        }
        actor_expect_nothing(cast.watcher);
}

/* A full queue drops the bus's own messages, but the name changes hands all the same. */
static void test_ownership_full_loser_still_loses(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, ALLOW);
        actor_signal(cast.b, ":1.0", "Fill");
        cast.fixture->root->limits.max_outgoing_bytes = 1;
        assert_int_equal(actor_request(cast.b, NAME, REPLACE), OWNERSHIP_OK);
        expect_queue(&cast, cast.b, cast.a, NULL);
        actor_expect(cast.a, "signal Fill");
        actor_expect(cast.a, "signal NameLost " NAME); /* the epoch must be raised in any case */
        actor_expect_nothing(cast.a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_ownership_hello_order),
                ROUTER_TEST(test_ownership_hello_limits),
                ROUTER_TEST(test_ownership_names_limit),
                ROUTER_TEST(test_ownership_disconnect_reverse_order),
                ROUTER_TEST(test_ownership_disconnect_of_queued_one_is_silent),
                ROUTER_TEST(test_ownership_disconnect_no_reply_after_changes),
                ROUTER_TEST(test_ownership_full_loser_still_loses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
