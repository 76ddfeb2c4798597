/* SPDX-License-Identifier: Apache-2.0 */

/* The text of match rules: what is a rule, and which two texts are the same rule. */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

static void expect_valid(RawClient *client, const char *rule)
{
        uint32_t serial = scene_call(client, "AddMatch", "s", rule);
        RawMessage *reply = expect_message(client);

        if (reply->type != RAWMESSAGE_RETURN || reply->reply_serial != serial)
                print_error("refused: [%s]\n", rule);
        assert_int_equal(reply->type, RAWMESSAGE_RETURN);
        expect_empty(client, scene_call(client, "RemoveMatch", "s", rule));
}

static void expect_invalid(RawClient *client, const char *rule)
{
        uint32_t serial = scene_call(client, "AddMatch", "s", rule);
        RawMessage *reply = expect_message(client);

        if (reply->type != RAWMESSAGE_ERROR || reply->reply_serial != serial)
                print_error("accepted: [%s]\n", rule);
        assert_int_equal(reply->type, RAWMESSAGE_ERROR);
        assert_string_equal(reply->error_name, EXPECT_ERROR_PREFIX "MatchRuleInvalid");
        expect_error(client, scene_call(client, "RemoveMatch", "s", rule), "MatchRuleInvalid",
                     NULL);
}

static void test_rule_valid_texts_are_accepted(void **state)
{
        static const char *const rules[] = {
                "",
                "type='signal'",
                "type='method_call'",
                "type='method_return'",
                "type='error'",
                "type=signal",
                "type='signal',",
                "  type='signal',\t member='M'",
                "sender='org.freedesktop.DBus'",
                "sender=':1.0'",
                "sender='t.Name'",
                "destination=':1.0'",
                "destination='t.Name'",
                "interface='t.I'",
                "member='M'",
                "path='/'",
                "path='/a/b'",
                "path_namespace='/'",
                "path_namespace='/a'",
                "arg0='x'",
                "arg63='x'",
                "arg00='x'",
                "arg0=''",
                "arg0='a,b=c'",
                "arg0path='/a/'",
                "arg0path='not a path'",
                "arg63path='/a'",
                "arg0namespace='t'",
                "arg0namespace='t.Name'",
                "arg0='x',arg1='y',arg2path='/z/'",
                "eavesdrop='false'",
                "eavesdrop=false",
                "eavesdrop='true',member='Never'",
                "arg0=a\\'b",
                "arg0='it'\\''s'",
                "arg0=a\\b",
        };
        RawClient *client = scene_join(*state);

        for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
                expect_valid(client, rules[i]);
}

static void test_rule_invalid_texts_are_refused(void **state)
{
        static const char *const rules[] = {
                "nonsense",
                ",",
                "type='signal',,member='M'",
                "nonsense='x'",
                "type",
                "type='nonsense'",
                "type=''",
                "type='signal' ",
                "type='signal,member='M'",
                "type='signal',type='signal'",
                "member='M',member='N'",
                "member=''",
                "member='a.b'",
                "member='1a'",
                "interface='nodots'",
                "interface=''",
                "interface='t.I-I'",
                "sender='nodots'",
                "sender=''",
                "destination='t..x'",
                "path='relative'",
                "path='/a/'",
                "path=''",
                "path_namespace='/a/'",
                "path_namespace=''",
                "path='/a',path_namespace='/a'",
                "arg64='x'",
                "arg='x'",
                "arga='x'",
                "arg-1='x'",
                "arg0='x',arg0='y'",
                "arg0='x',arg0path='/y'",
                "arg0='x',arg0namespace='t'",
                "arg1namespace='t.Name'",
                "arg0namespace='t.'",
                "arg0namespace=''",
                "arg0nonsense='x'",
                "eavesdrop='yes'",
                "eavesdrop=''",
        };
        RawClient *client = scene_join(*state);

        for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
                expect_invalid(client, rules[i]);
}

static void test_rule_of_1025_bytes_is_limits_exceeded(void **state)
{
        RawClient *client = scene_join(*state);
        char rule[1100];

        snprintf(rule, sizeof(rule), "arg0='%.*d'", 1024 - 7, 0);
        assert_int_equal(strlen(rule), 1024);
        expect_valid(client, rule);
        snprintf(rule, sizeof(rule), "arg0='%.*d'", 1025 - 7, 0);
        expect_error(client, scene_call(client, "AddMatch", "s", rule), "LimitsExceeded", NULL);
}

static void test_remove_of_an_unknown_rule_is_not_found(void **state)
{
        RawClient *client = scene_join(*state);

        expect_error(client, scene_call(client, "RemoveMatch", "s", "type='signal'"),
                     "MatchRuleNotFound", "The given match rule wasn't found and can't be removed");
}

static void test_remove_does_not_find_the_rule_of_another_client(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *other = scene_join(scene);

        scene_match(other, "type='signal'");
        expect_error(client, scene_call(client, "RemoveMatch", "s", "type='signal'"),
                     "MatchRuleNotFound", NULL);
        expect_empty(other, scene_call(other, "RemoveMatch", "s", "type='signal'"));
}

static void test_remove_counts_duplicates(void **state)
{
        RawClient *client = scene_join(*state);

        scene_match(client, "type='signal',member='M'");
        scene_match(client, "type='signal',member='M'");
        expect_empty(client, scene_call(client, "RemoveMatch", "s", "type='signal',member='M'"));
        expect_empty(client, scene_call(client, "RemoveMatch", "s", "type='signal',member='M'"));
        expect_error(client, scene_call(client, "RemoveMatch", "s", "type='signal',member='M'"),
                     "MatchRuleNotFound", NULL);
}

static void expect_equal(RawClient *client, const char *added, const char *removed)
{
        scene_match(client, added);
        expect_empty(client, scene_call(client, "RemoveMatch", "s", removed));
}

static void expect_different(RawClient *client, const char *added, const char *removed)
{
        scene_match(client, added);
        expect_error(client, scene_call(client, "RemoveMatch", "s", removed), "MatchRuleNotFound",
                     NULL);
        expect_empty(client, scene_call(client, "RemoveMatch", "s", added));
}

static void test_remove_finds_equal_rules_of_another_text(void **state)
{
        RawClient *client = scene_join(*state);

        expect_equal(client, "type='signal',member='M'", "member='M',type='signal'");
        expect_equal(client, "type='signal',member='M'", "type=signal,member=M,");
        expect_equal(client, "type='signal',member='M'", "  type='signal',  member='M'");
        expect_equal(client, "arg0='a',arg1path='/b'", "arg1path='/b',arg0='a'");
        expect_equal(client, "arg0='a'", "arg00='a'");
        expect_equal(client, "arg0=a\\'b", "arg0='a'\\''b'");
        expect_equal(client, "member='M'", "member='M',eavesdrop='false'");
}

static void test_remove_tells_different_rules_apart(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);

        expect_different(client, "type='signal',member='M'", "type='signal',member='N'");
        expect_different(client, "type='signal',member='M'", "member='M'");
        expect_different(client, "member='M'", "type='signal',member='M'");
        expect_different(client, "arg0='a'", "arg1='a'");
        expect_different(client, "arg0='a'", "arg0path='a'");
        expect_different(client, "arg0='t.a'", "arg0namespace='t.a'");
        expect_different(client, "arg0='a'", "arg0='a',arg1='b'");
        expect_different(client, "path='/a'", "path_namespace='/a'");
        expect_different(client, "sender='t.a'", "destination='t.a'");
        expect_different(client, "member='M'", "member='M',eavesdrop='true'");
        /* The reference takes all namespaces for equal, which is a mistake of its own. */
        if (scene->bus.is_ringbus)
                expect_different(client, "path_namespace='/a'", "path_namespace='/b'");
}

static void test_rule_only_the_first_16_tokens_are_read(void **state)
{
        RawClient *client = scene_join(*state);
        char rule[512] = "";
        size_t size = 0;

        for (int i = 0; i < 16; i++)
                size += (size_t)snprintf(rule + size, sizeof(rule) - size, "arg%d='x',", i);
        snprintf(rule + size, sizeof(rule) - size, "nonsense='y'");
        scene_match(client, rule);
        rule[size] = '\0';
        expect_empty(client, scene_call(client, "RemoveMatch", "s", rule));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_rule_valid_texts_are_accepted),
                TEST(test_rule_invalid_texts_are_refused),
                TEST(test_rule_of_1025_bytes_is_limits_exceeded),
                TEST(test_remove_of_an_unknown_rule_is_not_found),
                TEST(test_remove_does_not_find_the_rule_of_another_client),
                TEST(test_remove_counts_duplicates),
                TEST(test_remove_finds_equal_rules_of_another_text),
                TEST(test_remove_tells_different_rules_apart),
                TEST(test_rule_only_the_first_16_tokens_are_read),
        };

        return scene_run("wire/match_rule", tests, scene_start);
}
