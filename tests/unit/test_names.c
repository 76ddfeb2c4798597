/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: parsing of unique names, entries and their life, snapshots, order, slots, users. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/router_fixture.h"

static Endpoint *find(RouterFixture *fixture, const char *text)
{
        return names_find_unique(&fixture->router.names, text_from(text));
}

static Endpoint *get_owner(RouterFixture *fixture, const char *text) LOCK_UNCHECKED
{
        Names *names = &fixture->router.names;
        Endpoint *owner;

        lock_acquire(&names->lock);
        owner = names_get_owner(names, text_from(text));
        lock_release(&names->lock);
        return owner;
}

static void test_names_unique_only_canonical_text_is_found(void **state)
{
        static const char *const strange[] = {"",
                                              ":",
                                              ":1",
                                              ":1.",
                                              ":1.00",
                                              ":1.01",
                                              ":1.+0",
                                              ":1.0 ",
                                              " :1.0",
                                              ":2.0",
                                              ":1.0.0",
                                              ":1.-0",
                                              ":1.a",
                                              ":1.0a",
                                              "1.0",
                                              ":1.0x10",
                                              ":1.18446744073709551616",
                                              ":1.99999999999999999999999",
                                              ":1.4294967296"};
        RouterFixture *fixture = *state;
        Actor *first = actor_join(fixture, 0);

        assert_ptr_equal(find(fixture, ":1.0"), &first->endpoint);
        for (size_t i = 0; i < ARRAY_SIZE(strange); i++)
                assert_null(find(fixture, strange[i]));
        assert_null(find(fixture, ":1.1"));
}

static void test_names_unique_number_of_two_digits_is_found(void **state)
{
        RouterFixture *fixture = *state;
        Actor *actors[112];

        for (size_t i = 0; i < ARRAY_SIZE(actors); i++)
                actors[i] = actor_join(fixture, 0);
        assert_ptr_equal(find(fixture, ":1.10"), &actors[10]->endpoint);
        assert_ptr_equal(find(fixture, ":1.111"), &actors[111]->endpoint);
}

/* Before Hello nobody finds it; after the end nobody does again. */
static void test_names_unique_is_found_between_hello_and_end(void **state)
{
        RouterFixture *fixture = *state;
        Actor *actor = actor_new(fixture, 0);

        assert_null(find(fixture, ":1.0"));
        actor_hello(actor);
        assert_ptr_equal(find(fixture, ":1.0"), &actor->endpoint);
        actor_leave(actor);
        assert_null(find(fixture, ":1.0"));
        actor_join(fixture, 0);
        assert_null(find(fixture, ":1.0"));
        assert_non_null(find(fixture, ":1.1"));
}

static void test_names_owner_agrees_with_the_queue(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 1);

        assert_null(get_owner(fixture, "com.example.A"));
        actor_request(a, "com.example.A", 0);
        actor_request(b, "com.example.A", 0);
        assert_ptr_equal(get_owner(fixture, "com.example.A"), &a->endpoint);
        assert_ptr_equal(get_owner(fixture, ":1.1"), &b->endpoint);
        actor_release(a, "com.example.A");
        assert_ptr_equal(get_owner(fixture, "com.example.A"), &b->endpoint);
        actor_leave(b);
        assert_null(get_owner(fixture, "com.example.A"));
        assert_null(get_owner(fixture, ":1.1"));
        assert_null(get_owner(fixture, ""));
        assert_null(get_owner(fixture, ":"));
}

/* An entry lives while somebody owns, queues for or watches it. */
static void test_names_entry_dies_with_its_last_user(void **state)
{
        const Text text = TEXT("com.example.A");
        RouterFixture *fixture = *state;
        Names *names = &fixture->router.names;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 0);

        actor_add_rule(b, "sender=com.example.A");
        assert_non_null(names_find(names, text));
        actor_request(a, "com.example.A", 0);
        actor_remove_rule(b, "sender=com.example.A");
        assert_non_null(names_find(names, text));
        actor_add_rule(b, "sender=com.example.A");
        actor_release(a, "com.example.A");
        assert_non_null(names_find(names, text));
        actor_leave(b);
        assert_null(names_find(names, text));
        assert_int_equal(table_count(&names->well_known), 0);
}

/* Matching asks only for owned names by which it finds rules, which are further ones of those that
 * differ in their sender: they are the first of a snapshot. */
static void test_names_snapshot_classes(void **state)
{
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 0);
        const NameSet *set;

        actor_request(b, "com.example.Queued", 0);
        actor_request(a, "com.example.Queued", 0);
        actor_request(a, "com.example.Plain", 0);
        actor_request(a, "com.example.Watched", 0);
        actor_add_rule(b, "sender=com.example.Plain");
        actor_add_rule(b, "sender=com.example.Watched");
        actor_add_rule(b, "sender=com.example.Queued");
        set = cell_get(&a->endpoint.names);
        assert_non_null(set);
        assert_int_equal(set->n, 3);
        assert_int_equal(set->n_owned, 2);
        assert_int_equal(set->n_watched, 1);
        assert_true(text_equal(names_text(set->items[0]), TEXT("com.example.Watched")));
        assert_true(text_equal(names_text(set->items[1]), TEXT("com.example.Plain")));
        assert_true(text_equal(names_text(set->items[2]), TEXT("com.example.Queued")));
        actor_remove_rule(b, "sender=com.example.Watched");
        set = cell_get(&a->endpoint.names);
        assert_int_equal(set->n_watched, 0);
        actor_release(b, "com.example.Queued"); /* a is its owner now, and it is watched */
        set = cell_get(&a->endpoint.names);
        assert_int_equal(set->n_watched, 1);
        assert_int_equal(set->n_owned, 3);
        assert_false(names_endpoint_has(&b->endpoint, TEXT("com.example.Queued"), false));
}

/* ListNames: unique and well-known names in order of appearance; queueing is no appearance. */
static void test_names_order_is_by_appearance(void **state)
{
        static const char *const expected[] = {":1.0", "com.example.A", ":1.1", "com.example.B"};
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *b;
        size_t n = 0;

        actor_request(a, "com.example.Gone", 0);
        actor_request(a, "com.example.A", 0);
        b = actor_join(fixture, 0);
        actor_add_rule(b, "sender=com.example.Watched");
        actor_request(b, "com.example.A", 0);
        actor_request(b, "com.example.B", 0);
        actor_release(a, "com.example.Gone");
        actor_release(a, "com.example.A"); /* b follows: the name has been there all the time */
        LIST_FOREACH(&fixture->router.names.order, node)
        {
                Text text = CONTAINER_OF(node, NamesOrder, node)->text;

                assert_true(n < ARRAY_SIZE(expected));
                assert_true(text_equal(text, text_from(expected[n++])));
        }
        assert_int_equal(n, ARRAY_SIZE(expected));
}

/* So many that the tables grow several times, with one reclaim in between. */
static void test_names_ten_thousand_on_one_connection(void **state)
{
        enum { MANY = 10000 };
        RouterFixture *fixture = *state;
        Actor *a = actor_join(fixture, 0), *watcher = actor_join(fixture, 0);
        char name[64];

        for (int i = 0; i < MANY; i++) {
                snprintf(name, sizeof(name), "com.example.Name%d", i);
                assert_int_equal(actor_request(a, name, 0), OWNERSHIP_OK);
                if (i % 100 == 0) {
                        router_fixture_drop_all(fixture);
                        router_fixture_reclaim(fixture);
                }
        }
        for (int i = 0; i < MANY; i++) {
                snprintf(name, sizeof(name), "com.example.Name%d", i);
                assert_non_null(names_find(&fixture->router.names, text_from(name)));
        }
        router_fixture_drop_all(fixture);
        actor_add_rule(watcher, "member=NameOwnerChanged");
        actor_leave(a);
        for (int i = MANY - 1; i >= 0; i--) /* newest first */
                actor_expect(watcher, "signal NameOwnerChanged com.example.Name%d,:1.0,", i);
        actor_expect(watcher, "signal NameOwnerChanged :1.0,:1.0,");
        actor_expect_nothing(watcher);
        assert_int_equal(table_count(&fixture->router.names.well_known), 0);
}

static void test_names_users_are_counted(void **state) LOCK_UNCHECKED
{
        RouterFixture *fixture = *state;
        Names *names = &fixture->router.names;
        Actor *a = actor_join(fixture, 0), *b = actor_join(fixture, 0);

        lock_acquire(&names->lock);
        assert_int_equal(names_count_user(names, 1000), 2);
        assert_int_equal(names_count_user(names, 1001), 0);
        lock_release(&names->lock);
        actor_leave(a);
        actor_leave(b);
        assert_true(list_is_empty(&names->users));
}

/* Slots are unique among the living and used again. */
static void test_names_slots_are_the_lowest_free(void **state)
{
        RouterFixture *fixture = *state;
        Names *names = &fixture->router.names;
        uint32_t slots[200];

        for (uint32_t i = 0; i < ARRAY_SIZE(slots); i++) {
                slots[i] = names_take_slot(names);
                assert_int_equal(slots[i], i);
        }
        names_return_slot(names, 150);
        names_return_slot(names, 3);
        assert_int_equal(names_take_slot(names), 3);
        assert_int_equal(names_take_slot(names), 150);
        assert_int_equal(names_take_slot(names), 200);
        for (uint32_t i = 0; i <= ARRAY_SIZE(slots); i++)
                names_return_slot(names, i);
}

static void test_names_slots_run_out(void **state)
{
        RouterFixture *fixture = *state;
        Names *names = &fixture->router.names;

        for (uint32_t i = 0; i < ROUTER_SLOTS_MAX; i++)
                assert_int_equal(names_take_slot(names), i);
        assert_int_equal(names_take_slot(names), UINT32_MAX);
        for (uint32_t i = 0; i < ROUTER_SLOTS_MAX; i++)
                names_return_slot(names, i);
        assert_int_equal(names_take_slot(names), 0);
        names_return_slot(names, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                ROUTER_TEST(test_names_unique_only_canonical_text_is_found),
                ROUTER_TEST(test_names_unique_number_of_two_digits_is_found),
                ROUTER_TEST(test_names_unique_is_found_between_hello_and_end),
                ROUTER_TEST(test_names_owner_agrees_with_the_queue),
                ROUTER_TEST(test_names_entry_dies_with_its_last_user),
                ROUTER_TEST(test_names_snapshot_classes),
                ROUTER_TEST(test_names_order_is_by_appearance),
                ROUTER_TEST(test_names_ten_thousand_on_one_connection),
                ROUTER_TEST(test_names_users_are_counted),
                ROUTER_TEST(test_names_slots_are_the_lowest_free),
                ROUTER_TEST(test_names_slots_run_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
