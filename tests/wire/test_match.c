/* SPDX-License-Identifier: Apache-2.0 */

/* Which messages each key of a match rule lets through. */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

/* What a rule is tried with. */
typedef struct Probe {
        const char *rule;
        const char *signature; /* of the one argument, or NULL */
        const char *value;
        bool delivered;
} Probe;

/* Sends a signal and a second one which always matches: the first came if it is not overtaken. */
static bool is_delivered(RawClient *sender, RawClient *receiver, const RawHeader *signal,
                         const char *value)
{
        const RawHeader fence = scene_signal(receiver->unique_name, "Fence", NULL);
        RawMessage *message;
        bool delivered;

        (void)scene_send(sender, signal, value);
        (void)scene_send(sender, &fence);
        message = expect_message(receiver);
        delivered = strcmp(message->member, "Fence") != 0;
        if (delivered)
                (void)expect_signal(receiver, sender->unique_name, "Fence");
        return delivered;
}

static void check(Scene *scene, const char *rule, const RawHeader *signal, bool delivered)
{
        RawClient *sender = scene->clients[0], *receiver = scene->clients[1];

        scene_match(receiver, rule);
        if (is_delivered(sender, receiver, signal, NULL) != delivered) {
                print_error("rule [%s] should%s have matched\n", rule, delivered ? "" : " not");
                fail();
        }
        expect_empty(receiver, scene_call(receiver, "RemoveMatch", "s", rule));
}

static void check_probes(Scene *scene, const Probe *probes, size_t n)
{
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);

        for (const Probe *probe = probes; probe < probes + n; probe++) {
                const RawHeader signal = scene_signal(NULL, "S", probe->signature);

                scene_match(receiver, probe->rule);
                if (is_delivered(sender, receiver, &signal, probe->value) != probe->delivered) {
                        print_error("rule [%s], argument %s \"%s\": should%s have matched\n",
                                    probe->rule, probe->signature, probe->value,
                                    probe->delivered ? "" : " not");
                        fail();
                }
                expect_empty(receiver, scene_call(receiver, "RemoveMatch", "s", probe->rule));
        }
}

static void test_match_header_keys_are_exact(void **state)
{
        Scene *scene = *state;
        RawHeader signal = scene_signal(NULL, "S", NULL);

        (void)scene_join(scene);
        (void)scene_join(scene);
        check(scene, "", &signal, true);
        check(scene, "type='signal'", &signal, true);
        check(scene, "type='method_call'", &signal, false);
        check(scene, "interface='t.I'", &signal, true);
        check(scene, "interface='t.i'", &signal, false);
        check(scene, "interface='t.I.I'", &signal, false);
        check(scene, "member='S'", &signal, true);
        check(scene, "member='SS'", &signal, false);
        check(scene, "path='/t'", &signal, true);
        check(scene, "path='/'", &signal, false);
        check(scene, "path='/t/t'", &signal, false);
        check(scene, "type='signal',interface='t.I',member='S',path='/t'", &signal, true);
        check(scene, "type='signal',interface='t.I',member='X',path='/t'", &signal, false);
}

static void test_match_path_namespace_is_equal_or_below(void **state)
{
        Scene *scene = *state;
        RawHeader signal = scene_signal(NULL, "S", NULL);

        (void)scene_join(scene);
        (void)scene_join(scene);
        signal.path = "/a/b";
        check(scene, "path_namespace='/'", &signal, true);
        check(scene, "path_namespace='/a'", &signal, true);
        check(scene, "path_namespace='/a/b'", &signal, true);
        check(scene, "path_namespace='/a/b/c'", &signal, false);
        check(scene, "path_namespace='/b'", &signal, false);
        signal.path = "/ab";
        check(scene, "path_namespace='/a'", &signal, false);
        signal.path = "/";
        check(scene, "path_namespace='/'", &signal, true);
        check(scene, "path_namespace='/a'", &signal, false);
}

static void test_match_sender_follows_the_primary_owner(void **state)
{
        Scene *scene = *state;
        RawHeader signal = scene_signal(NULL, "S", NULL);
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene),
                  *owner = scene_join(scene);
        char rule[64];
        uint32_t serial;

        snprintf(rule, sizeof(rule), "sender='%s'", sender->unique_name);
        check(scene, rule, &signal, true);
        snprintf(rule, sizeof(rule), "sender='%s'", receiver->unique_name);
        check(scene, rule, &signal, false);
        check(scene, "sender='t.Name'", &signal, false);
        check(scene, "sender='" SCENE_DRIVER "'", &signal, false);
        scene_own(owner, "t.Name");
        expect_u32(sender, scene_call(sender, "RequestName", "su", "t.Name", 0U), 2);
        check(scene, "sender='t.Name'", &signal, false);
        serial = scene_call(owner, "ReleaseName", "s", "t.Name");
        expect_name_signal(owner, "NameLost", "t.Name");
        expect_u32(owner, serial, 1);
        expect_name_signal(sender, "NameAcquired", "t.Name");
        check(scene, "sender='t.Name'", &signal, true);
}

static void test_match_sender_driver_gets_its_broadcasts(void **state)
{
        Scene *scene = *state;
        RawClient *receiver = scene_join(scene), *owner = scene_join(scene);

        scene_match(receiver, "sender='" SCENE_DRIVER "',arg0='t.Name'");
        scene_own(owner, "t.Name");
        expect_owner_change(receiver, "t.Name", "", owner->unique_name);
}

static void test_match_destination_never_matches_broadcasts(void **state)
{
        Scene *scene = *state;
        RawHeader signal = scene_signal(NULL, "S", NULL);
        RawClient *receiver;
        char rule[64];

        (void)scene_join(scene);
        receiver = scene_join(scene);
        snprintf(rule, sizeof(rule), "destination='%s'", receiver->unique_name);
        check(scene, rule, &signal, false);
}

static void test_match_arg_is_an_equal_string(void **state)
{
        static const Probe probes[] = {
                {"arg0='x'", "s", "x", true},     {"arg0='x'", "s", "xy", false},
                {"arg0='x'", "s", "", false},     {"arg0=''", "s", "", true},
                {"arg0='x'", NULL, NULL, false},  {"arg0=''", NULL, NULL, false},
                {"arg0='/x'", "o", "/x", false},  {"arg0='x'", "g", "s", false},
                {"arg0='s'", "g", "s", false},    {"arg1='x'", "s", "x", false},
                {"arg00='x'", "s", "x", true},    {"arg0=' x'", "s", " x", true},
                {"arg0=a\\'b", "s", "a'b", true}, {"arg0='a'\\''b'", "s", "a'b", true},
                {"arg0=a\\b", "s", "a\\b", true}, {"arg0='a\\b'", "s", "a\\b", true},
                {"arg0='a,b'", "s", "a,b", true}, {"arg0=x ", "s", "x ", true},
        };

        check_probes(*state, probes, sizeof(probes) / sizeof(*probes));
}

static void test_match_arg_path_is_equal_or_a_prefix_either_way(void **state)
{
        static const Probe probes[] = {
                {"arg0path='/a/b'", "s", "/a/b", true},   {"arg0path='/a/b'", "o", "/a/b", true},
                {"arg0path='/a/b'", "o", "/a", false},    {"arg0path='/a/b'", "s", "/a/", true},
                {"arg0path='/a/b'", "s", "/", true},      {"arg0path='/a/b'", "o", "/", true},
                {"arg0path='/a/b'", "s", "/a/b/", false}, {"arg0path='/a/b'", "s", "/a/b/c", false},
                {"arg0path='/a/'", "o", "/a/b", true},    {"arg0path='/a/'", "s", "/a/b/", true},
                {"arg0path='/a/'", "o", "/a", false},     {"arg0path='/a/'", "s", "/a/", true},
                {"arg0path='/a/'", "o", "/ab", false},    {"arg0path='/'", "o", "/a", true},
                {"arg0path='/'", "s", "", false},         {"arg0path='/a'", "g", "s", false},
                {"arg0path='x'", "s", "x", true},         {"arg0path='/a/'", NULL, NULL, false},
        };

        check_probes(*state, probes, sizeof(probes) / sizeof(*probes));
}

static void test_match_arg0namespace_is_equal_or_below(void **state)
{
        static const Probe probes[] = {
                {"arg0namespace='t.n'", "s", "t.n", true},
                {"arg0namespace='t.n'", "s", "t.n.x", true},
                {"arg0namespace='t.n'", "s", "t.n.x.y", true},
                {"arg0namespace='t.n'", "s", "t.nx", false},
                {"arg0namespace='t.n'", "s", "t", false},
                {"arg0namespace='t.n'", "s", "", false},
                {"arg0namespace='t'", "s", "t.n", true},
                {"arg0namespace='t'", "s", "t", true},
                {"arg0namespace='t'", "o", "/t", false},
                {"arg0namespace='t'", NULL, NULL, false},
        };

        check_probes(*state, probes, sizeof(probes) / sizeof(*probes));
}

static void test_match_later_arguments_are_found_behind_other_types(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader signal = scene_signal(NULL, "S", "yuxsos");

        scene_match(receiver, "arg3='x',arg4path='/p/',arg5='z'");
        (void)scene_send(sender, &signal, 1U, 2U, (uint64_t)3, "x", "/p/q", "z");
        (void)expect_signal(receiver, sender->unique_name, "S");
        (void)scene_send(sender, &signal, 1U, 2U, (uint64_t)3, "x", "/p/q", "y");
        expect_nothing(sender);
        expect_nothing(receiver);
}

static void test_match_arguments_of_big_endian_messages_are_read(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join_with(scene, RAWCLIENT_BIG_ENDIAN);
        RawClient *receiver = scene_join(scene);
        const RawHeader signal = scene_signal(NULL, "S", "us");

        scene_match(receiver, "arg1='x'");
        (void)scene_send(sender, &signal, 77U, "x");
        (void)expect_signal(receiver, sender->unique_name, "S");
        (void)scene_send(sender, &signal, 77U, "y");
        expect_nothing(sender);
        expect_nothing(receiver);
}

static void test_match_token_without_a_key_ends_the_rule(void **state)
{
        static const Probe probes[] = {
                {"arg0='x',='y',arg1='never'", "s", "x", true},
                {"='y',arg0='never'", "s", "x", true},
        };

        check_probes(*state, probes, sizeof(probes) / sizeof(*probes));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_match_header_keys_are_exact),
                TEST(test_match_path_namespace_is_equal_or_below),
                TEST(test_match_sender_follows_the_primary_owner),
                TEST(test_match_sender_driver_gets_its_broadcasts),
                TEST(test_match_destination_never_matches_broadcasts),
                TEST(test_match_arg_is_an_equal_string),
                TEST(test_match_arg_path_is_equal_or_a_prefix_either_way),
                TEST(test_match_arg0namespace_is_equal_or_below),
                TEST(test_match_later_arguments_are_found_behind_other_types),
                TEST(test_match_arguments_of_big_endian_messages_are_read),
                TEST(test_match_token_without_a_key_ends_the_rule),
        };

        return scene_run("wire/match", tests, scene_start);
}
