/* SPDX-License-Identifier: Apache-2.0 */
/* Clauses f and g: answers about names agree with the signals before and after them; a new
 * connection is announced before anything else of it is seen. */
#include <string.h>

#include "tests/order/directed.h"

#define NAME "order.Query"

enum { LISTED_MAX = 128 };

static const char *const queries[] = {"GetNameOwner", "NameHasOwner", "ListNames"};

enum { N_QUERIES = sizeof(queries) / sizeof(queries[0]) };

static uint32_t ask(RawClient *client, unsigned query)
{
        return strcmp(queries[query], "ListNames") == 0
                       ? scene_call(client, queries[query], NULL)
                       : scene_call(client, queries[query], "s", NAME);
}

/* `owner` NULL: nobody. */
static void expect_answer(RawClient *client, unsigned query, uint32_t serial, const char *owner)
{
        const char *names[LISTED_MAX];
        bool listed = false;
        int n;

        if (query == 0 && owner) {
                expect_text(client, serial, owner);
        } else if (query == 0) {
                (void)expect_error(client, serial, "NameHasNoOwner", NULL);
        } else if (query == 1) {
                expect_bool(client, serial, owner != NULL);
        } else {
                n = rawmessage_read_strings(expect_return(client, serial), names, LISTED_MAX);
                for (int i = 0; i < n; i++)
                        listed = listed || strcmp(names[i], NAME) == 0;
                assert_int_equal(listed, owner != NULL);
        }
}

static void request(RawClient *client)
{
        (void)scene_call(client, "RequestName", "su", NAME, 0U);
}

static void expect_granted(RawClient *client)
{
        expect_name_signal(client, "NameAcquired", NAME);
        (void)expect_message(client);
}

static void expect_released(RawClient *client)
{
        expect_name_signal(client, "NameLost", NAME);
        (void)expect_message(client);
}

/* The answer is decided and not pushed yet when somebody takes the name. */
static void test_queries_answer_comes_before_later_changes(void **state)
{
        Scene *scene = *state;
        RawClient *asker = directed_join(scene, 0), *taker = directed_join(scene, 1);

        scene_match(asker, DIRECTED_CHANGES ",arg0='" NAME "'");
        for (unsigned query = 0; query < N_QUERIES; query++) {
                StagedStop *answer = directed_arm(DRIVER_ANSWER, directed_id(asker));
                uint32_t serial = ask(asker, query);

                directed_wait(answer);
                if (!answer) {
                        expect_answer(asker, query, serial, NULL);
                        request(taker);
                } else {
                        request(taker);
                        directed_wait_blocked(1, asker);
                        directed_release(answer);
                        expect_answer(asker, query, serial, NULL);
                }
                expect_owner_change(asker, NAME, "", taker->unique_name);
                expect_granted(taker);
                (void)scene_call(taker, "ReleaseName", "s", NAME);
                expect_released(taker);
                expect_owner_change(asker, NAME, taker->unique_name, "");
        }
}

/* The change is announced and not published yet when somebody asks. */
static void test_queries_answer_comes_after_earlier_changes(void **state)
{
        Scene *scene = *state;
        RawClient *asker = directed_join(scene, 0), *owner = directed_join(scene, 1);

        scene_match(asker, DIRECTED_CHANGES ",arg0='" NAME "'");
        for (unsigned query = 0; query < N_QUERIES; query++) {
                StagedStop *announced = directed_arm(NAME_ANNOUNCED, directed_id(owner));
                uint32_t serial;

                request(owner);
                directed_wait(announced);
                if (!announced)
                        expect_granted(owner);
                serial = ask(asker, query);
                directed_wait_blocked(0, asker);
                directed_release(announced);
                expect_owner_change(asker, NAME, "", owner->unique_name);
                expect_answer(asker, query, serial, owner->unique_name);
                if (announced)
                        expect_granted(owner);

                announced = directed_arm(NAME_ANNOUNCED, directed_id(owner));
                (void)scene_call(owner, "ReleaseName", "s", NAME);
                directed_wait(announced);
                if (!announced)
                        expect_released(owner);
                serial = ask(asker, query);
                directed_wait_blocked(0, asker);
                directed_release(announced);
                expect_owner_change(asker, NAME, owner->unique_name, "");
                expect_answer(asker, query, serial, NULL);
                if (announced)
                        expect_released(owner);
        }
}

/* Clause g: the signals of a Hello are pushed, and the duty for their receiver is another worker's;
 * behind the Hello the newcomer has written more. */
static void test_queries_hello_is_announced_before_anything_else(void **state)
{
        Scene *scene = *state;
        RawClient *observer = directed_join(scene, 0), *zero = directed_join(scene, 0),
                  *one = directed_join(scene, 1), *newcomer = scene_open(scene, 0), *holder;
        const RawHeader broadcast = scene_signal(NULL, "B", NULL),
                        unicast = scene_signal(observer->unique_name, "U", NULL);
        StagedStop *begun, *hold, *announced, *uncommitted;
        const char *name;
        uint32_t serial;

        scene_match(observer, DIRECTED_CHANGES);
        scene_match(observer, "member='B'");
        begun = directed_arm(HELLO_BEGUN, STAGED_ANYBODY);
        serial = scene_call(newcomer, "Hello", NULL);
        (void)scene_send(newcomer, &broadcast);
        (void)scene_send(newcomer, &unicast);
        directed_wait(begun);
        if (begun) {
                holder = begun->worker == 0 ? one : zero;
                hold = directed_hold(holder, observer);
                announced = directed_arm(HELLO_ANNOUNCED, STAGED_ANYBODY);
                directed_release(begun);
                directed_wait(announced);
                uncommitted = directed_arm(OUTPUT_UNCOMMITTED, directed_id(observer));
                directed_release(hold);
                (void)expect_signal(observer, holder->unique_name, "Held");
                directed_wait_silent(uncommitted, observer);
                directed_release(uncommitted);
                directed_wait_blocked(directed_worker(holder), observer);
                directed_silent(newcomer);
                directed_release(announced);
        }
        assert_true(rawmessage_read(expect_return(newcomer, serial), "s", &name));
        memcpy(newcomer->unique_name, name, strlen(name) + 1);
        expect_name_signal(newcomer, "NameAcquired", newcomer->unique_name);
        expect_owner_change(observer, newcomer->unique_name, "", newcomer->unique_name);
        (void)expect_signal(observer, newcomer->unique_name, "B");
        (void)expect_signal(observer, newcomer->unique_name, "U");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                directed_test(test_queries_answer_comes_before_later_changes),
                directed_test(test_queries_answer_comes_after_earlier_changes),
                directed_test(test_queries_hello_is_announced_before_anything_else),
        };

        return directed_run("order_queries", tests);
}
