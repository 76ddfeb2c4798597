/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RequestName, ReleaseName, Hello and the end of a connection: result codes, queue order and the
 * exact sequence of messages in every mailbox (specification: "Message Bus Messages"; the order on
 * the wire is the reference's).
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/router_fixture.h"

enum {
        ALLOW = NAMES_ALLOW_REPLACEMENT,
        REPLACE = NAMES_REPLACE_EXISTING,
        NO_QUEUE = NAMES_DO_NOT_QUEUE,
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

static void expect_code(Actor *actor, uint32_t code)
{
        actor_expect(actor, "return %u %u", actor->serial, code);
        actor_expect_nothing(actor);
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

static void test_ownership_free_name_is_acquired(void **state)
{
        Cast cast = cast_new(state);

        assert_int_equal(actor_request(cast.a, NAME, 0), OWNERSHIP_OK);
        actor_expect(cast.a, "signal NameAcquired " NAME);
        expect_code(cast.a, OWNERSHIP_PRIMARY);
        expect_changed(cast.watcher, NAME, NULL, cast.a);
        actor_expect_nothing(cast.watcher);
        actor_expect_nothing(cast.b);
        expect_queue(&cast, cast.a, NULL, NULL);
}

/* NameOwnerChanged comes before NameAcquired, and that before the reply, also for one who sees all
 * three. */
static void test_ownership_requester_watches_sees_wire_order(void **state)
{
        Cast cast = cast_new(state);

        actor_add_rule(cast.a, "member=NameOwnerChanged");
        assert_int_equal(actor_request(cast.a, NAME, 0), OWNERSHIP_OK);
        expect_changed(cast.a, NAME, NULL, cast.a);
        actor_expect(cast.a, "signal NameAcquired " NAME);
        expect_code(cast.a, OWNERSHIP_PRIMARY);
        assert_int_equal(actor_release(cast.a, NAME), OWNERSHIP_OK);
        actor_expect(cast.a, "signal NameLost " NAME);
        expect_changed(cast.a, NAME, cast.a, NULL);
        expect_code(cast.a, OWNERSHIP_RELEASED);
}

static void test_ownership_owner_requests_again_updates_flags(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, NO_QUEUE);
        assert_int_equal(actor_request(cast.a, NAME, ALLOW), OWNERSHIP_OK);
        expect_code(cast.a, OWNERSHIP_ALREADY);
        actor_expect_nothing(cast.watcher);
        /* Replaceable now, and it queues: DO_NOT_QUEUE is gone. */
        assert_int_equal(actor_request(cast.b, NAME, REPLACE), OWNERSHIP_OK);
        expect_queue(&cast, cast.b, cast.a, NULL);
}

static void test_ownership_replacement_old_owner_is_second(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, ALLOW);
        actor_request(cast.c, NAME, 0);
        router_fixture_drop_all(cast.fixture);
        actor_add_rule(cast.a, "member=NameOwnerChanged");
        actor_add_rule(cast.b, "member=NameOwnerChanged");
        assert_int_equal(actor_request(cast.b, NAME, REPLACE), OWNERSHIP_OK);
        actor_expect(cast.a, "signal NameLost " NAME);
        expect_changed(cast.a, NAME, cast.a, cast.b);
        actor_expect_nothing(cast.a);
        expect_changed(cast.b, NAME, cast.a, cast.b);
        actor_expect(cast.b, "signal NameAcquired " NAME);
        expect_code(cast.b, OWNERSHIP_PRIMARY);
        actor_expect_nothing(cast.c);
        expect_queue(&cast, cast.b, cast.a, cast.c);
}

static void test_ownership_replacement_of_no_queue_owner_removes_it(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, ALLOW | NO_QUEUE);
        assert_int_equal(actor_request(cast.b, NAME, REPLACE), OWNERSHIP_OK);
        actor_expect(cast.a, "signal NameLost " NAME);
        actor_expect_nothing(cast.a);
        expect_changed(cast.watcher, NAME, cast.a, cast.b);
        expect_queue(&cast, cast.b, NULL, NULL);
        assert_int_equal(cast.a->endpoint.n_owners, 0);
        assert_false(names_endpoint_has(&cast.a->endpoint, TEXT(NAME), false));
}

static void test_ownership_without_replacement_queues_in_order(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, 0);
        assert_int_equal(actor_request(cast.b, NAME, 0), OWNERSHIP_OK);
        expect_code(cast.b, OWNERSHIP_IN_QUEUE);
        /* REPLACE_EXISTING against an owner that does not allow it: right behind the owner. */
        assert_int_equal(actor_request(cast.c, NAME, REPLACE), OWNERSHIP_OK);
        expect_code(cast.c, OWNERSHIP_IN_QUEUE);
        actor_expect_nothing(cast.a);
        actor_expect_nothing(cast.watcher);
        expect_queue(&cast, cast.a, cast.c, cast.b);
        /* One who waits already: stays, or moves up with REPLACE_EXISTING. */
        assert_int_equal(actor_request(cast.b, NAME, 0), OWNERSHIP_OK);
        expect_code(cast.b, OWNERSHIP_IN_QUEUE);
        expect_queue(&cast, cast.a, cast.c, cast.b);
        assert_int_equal(actor_request(cast.b, NAME, REPLACE), OWNERSHIP_OK);
        expect_code(cast.b, OWNERSHIP_IN_QUEUE);
        expect_queue(&cast, cast.a, cast.b, cast.c);
}

static void test_ownership_do_not_queue_leaves_the_queue(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, 0);
        assert_int_equal(actor_request(cast.b, NAME, NO_QUEUE), OWNERSHIP_OK);
        expect_code(cast.b, OWNERSHIP_EXISTS);
        expect_queue(&cast, cast.a, NULL, NULL);
        actor_request(cast.b, NAME, 0);
        expect_code(cast.b, OWNERSHIP_IN_QUEUE);
        assert_int_equal(actor_request(cast.b, NAME, NO_QUEUE), OWNERSHIP_OK);
        expect_code(cast.b, OWNERSHIP_EXISTS);
        expect_queue(&cast, cast.a, NULL, NULL);
        assert_false(names_endpoint_has(&cast.b->endpoint, TEXT(NAME), false));
        /* Refused although the owner could be replaced: REPLACE_EXISTING was not asked for. */
        actor_request(cast.a, NAME, ALLOW);
        router_fixture_drop_all(cast.fixture);
        actor_request(cast.b, NAME, NO_QUEUE);
        expect_code(cast.b, OWNERSHIP_EXISTS);
        actor_request(cast.b, NAME, REPLACE | NO_QUEUE);
        actor_expect(cast.b, "signal NameAcquired " NAME);
        expect_code(cast.b, OWNERSHIP_PRIMARY);
}

/* Waiting with DO_NOT_QUEUE never set; taken over from the queue by REPLACE_EXISTING. */
static void test_ownership_queued_one_replaces_owner(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, ALLOW);
        actor_request(cast.b, NAME, 0);
        actor_request(cast.c, NAME, 0);
        router_fixture_drop_all(cast.fixture);
        assert_int_equal(actor_request(cast.c, NAME, REPLACE), OWNERSHIP_OK);
        actor_expect(cast.c, "signal NameAcquired " NAME);
        expect_code(cast.c, OWNERSHIP_PRIMARY);
        expect_queue(&cast, cast.c, cast.a, cast.b);
}

/* The flags of whoever waits hold when its time comes. */
static void test_ownership_flags_of_the_queue_hold_when_promoted(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, 0);
        actor_request(cast.b, NAME, ALLOW);
        actor_release(cast.a, NAME);
        router_fixture_drop_all(cast.fixture);
        expect_queue(&cast, cast.b, NULL, NULL);
        actor_request(cast.c, NAME, REPLACE);
        expect_queue(&cast, cast.c, cast.b, NULL);
}

/* Bits that mean nothing, and flags that only matter once, change nothing. */
static void test_ownership_unknown_flags_are_ignored(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, REPLACE | 0xfffffff8);
        assert_int_equal(actor_request(cast.b, NAME, REPLACE | 0x80), OWNERSHIP_OK);
        expect_code(cast.b, OWNERSHIP_IN_QUEUE);
        expect_queue(&cast, cast.a, cast.b, NULL);
}

static void test_ownership_release_promotes_the_next(void **state)
{
        Cast cast = cast_new(state);

        own(&cast, cast.a, 0);
        actor_request(cast.b, NAME, 0);
        router_fixture_drop_all(cast.fixture);
        actor_add_rule(cast.b, "member=NameOwnerChanged");
        assert_int_equal(actor_release(cast.a, NAME), OWNERSHIP_OK);
        actor_expect(cast.a, "signal NameLost " NAME);
        expect_code(cast.a, OWNERSHIP_RELEASED);
        expect_changed(cast.b, NAME, cast.a, cast.b);
        actor_expect(cast.b, "signal NameAcquired " NAME);
        actor_expect_nothing(cast.b);
        expect_changed(cast.watcher, NAME, cast.a, cast.b);
        actor_expect_nothing(cast.watcher);
        expect_queue(&cast, cast.b, NULL, NULL);
}

static void test_ownership_release_codes(void **state)
{
        Cast cast = cast_new(state);

        actor_release(cast.a, NAME);
        expect_code(cast.a, OWNERSHIP_NON_EXISTENT);
        own(&cast, cast.a, 0);
        actor_release(cast.b, NAME);
        expect_code(cast.b, OWNERSHIP_NOT_OWNER);
        actor_request(cast.b, NAME, 0);
        actor_drop(cast.b);
        actor_release(cast.b, NAME); /* out of the queue, without any signal */
        expect_code(cast.b, OWNERSHIP_RELEASED);
        actor_expect_nothing(cast.watcher);
        expect_queue(&cast, cast.a, NULL, NULL);
        /* A name that a rule watches exists without an owner. */
        actor_add_rule(cast.watcher, "sender=com.example.Watched");
        actor_release(cast.a, "com.example.Watched");
        expect_code(cast.a, OWNERSHIP_NON_EXISTENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_ownership_free_name_is_acquired),
                ROUTER_TEST(test_ownership_requester_watches_sees_wire_order),
                ROUTER_TEST(test_ownership_owner_requests_again_updates_flags),
                ROUTER_TEST(test_ownership_replacement_old_owner_is_second),
                ROUTER_TEST(test_ownership_replacement_of_no_queue_owner_removes_it),
                ROUTER_TEST(test_ownership_without_replacement_queues_in_order),
                ROUTER_TEST(test_ownership_do_not_queue_leaves_the_queue),
                ROUTER_TEST(test_ownership_queued_one_replaces_owner),
                ROUTER_TEST(test_ownership_flags_of_the_queue_hold_when_promoted),
                ROUTER_TEST(test_ownership_unknown_flags_are_ignored),
                ROUTER_TEST(test_ownership_release_promotes_the_next),
                ROUTER_TEST(test_ownership_release_codes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
