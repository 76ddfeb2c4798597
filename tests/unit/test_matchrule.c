/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Match rules: parsing, the canonical text, equality and the prefix relations. Every table was
 * recorded from dbus-daemon 1.14.10: verdicts as matchrule_verdicts.h says, equality by adding one
 * text and removing the other, relations by whether a signal arrived.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker/base/assert.h"
#include "proto/frame.h"
#include "proto/matchrule.h"
#include "tests/unit/matchrule_verdicts.h"

/* A rule with the memory that it points into; the scratch has exactly the promised size. */
typedef struct Parsed {
        MatchRule rule;
        char *scratch;
        MatchRuleResult result;
        const char *reason;
} Parsed;

static Parsed parse_bytes(Text text)
{
        Parsed parsed = {.scratch = malloc(text.size), .reason = NULL};

        assert_true(parsed.scratch || text.size == 0);
        memset(&parsed.rule, 0xa5, sizeof(parsed.rule));
        parsed.result = matchrule_parse(text, parsed.scratch, &parsed.rule, &parsed.reason);
        return parsed;
}

static Parsed parse(const char *text)
{
        return parse_bytes(text_from(text));
}

static void assert_text_is(Text text, const char *expected)
{
        assert_true(text_equal(text, text_from(expected)));
}

static void test_parse_recorded_rules_match_reference(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(matchrule_verdicts); i++) {
                const MatchRuleVerdict *verdict = &matchrule_verdicts[i];
                Parsed parsed = parse(verdict->text);
                char canonical[MATCHRULE_CANONICAL_MAX + 1];
                size_t size;

                if ((parsed.result == MATCHRULE_OK) != (verdict->canonical != NULL))
                        fail_msg("%s: %s", verdict->text, parsed.reason ? parsed.reason : "valid");
                if (parsed.result == MATCHRULE_OK) {
                        size = matchrule_write_canonical(&parsed.rule, canonical);
                        canonical[size] = '\0';
                        assert_string_equal(canonical, verdict->canonical);
                } else {
                        assert_int_equal(parsed.result, MATCHRULE_INVALID);
                        assert_non_null(parsed.reason);
                }
                free(parsed.scratch);
        }
}

static void test_parse_invalid_rule_leaves_output_alone(void **state)
{
        Parsed parsed = parse("type='signal',member='A',bogus='x'");
        uint8_t expected[sizeof(MatchRule)];

        (void)state;
        memset(expected, 0xa5, sizeof(expected));
        assert_int_equal(parsed.result, MATCHRULE_INVALID);
        assert_memory_equal(&parsed.rule, expected, sizeof(expected));
        free(parsed.scratch);
}

static void test_parse_null_reason_is_allowed(void **state)
{
        char scratch[16];
        MatchRule rule;

        (void)state;
        assert_int_equal(matchrule_parse(TEXT("bogus"), scratch, &rule, NULL), MATCHRULE_INVALID);
}

static void test_parse_all_keys_sets_fields(void **state)
{
        Parsed parsed = parse("type=error,sender=:1.5,interface=a.b,member=M,path=/p,"
                              "destination=c.d,eavesdrop=true,arg7path=/x/,arg0namespace=e.f,"
                              "arg3='it''s'");
        const MatchRule *rule = &parsed.rule;

        (void)state;
        assert_int_equal(parsed.result, MATCHRULE_OK);
        assert_int_equal(rule->type, FRAME_TYPE_ERROR);
        assert_text_is(rule->sender, ":1.5");
        assert_text_is(rule->interface, "a.b");
        assert_text_is(rule->member, "M");
        assert_text_is(rule->path, "/p");
        assert_false(text_present(rule->path_namespace));
        assert_text_is(rule->destination, "c.d");
        assert_true(rule->eavesdrop && rule->has_eavesdrop);
        assert_int_equal(rule->n_args, 3);
        assert_int_equal(rule->args[0].index, 0);
        assert_int_equal(rule->args[0].kind, MATCHRULE_ARG_NAMESPACE);
        assert_text_is(rule->args[0].value, "e.f");
        assert_int_equal(rule->args[1].index, 3);
        assert_int_equal(rule->args[1].kind, MATCHRULE_ARG_EXACT);
        assert_text_is(rule->args[1].value, "its");
        assert_int_equal(rule->args[2].index, 7);
        assert_int_equal(rule->args[2].kind, MATCHRULE_ARG_PATH);
        assert_text_is(rule->args[2].value, "/x/");
        free(parsed.scratch);
}

static void test_parse_types_map_to_frame_types(void **state)
{
        static const struct {
                const char *text;
                FrameType type;
        } rows[] = {
                {"type='method_call'", FRAME_TYPE_METHOD_CALL},
                {"type='method_return'", FRAME_TYPE_METHOD_RETURN},
                {"type='error'", FRAME_TYPE_ERROR},
                {"type='signal'", FRAME_TYPE_SIGNAL},
                {"", FRAME_TYPE_INVALID},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Parsed parsed = parse(rows[i].text);

                assert_int_equal(parsed.result, MATCHRULE_OK);
                assert_int_equal(parsed.rule.type, rows[i].type);
                free(parsed.scratch);
        }
}

static void test_parse_eavesdrop_last_value_counts(void **state)
{
        Parsed off = parse("eavesdrop='true',eavesdrop='false'");
        Parsed on = parse("eavesdrop='false',eavesdrop='true'");
        Parsed absent = parse("type='signal'");

        (void)state;
        assert_true(!off.rule.eavesdrop && off.rule.has_eavesdrop);
        assert_true(on.rule.eavesdrop && on.rule.has_eavesdrop);
        assert_true(!absent.rule.eavesdrop && !absent.rule.has_eavesdrop);
        free(off.scratch);
        free(on.scratch);
        free(absent.scratch);
}

/* Reference: 1024 bytes pass, 1025 get LimitsExceeded, also when the text is invalid as well. */
static void test_parse_text_size_is_limited(void **state)
{
        static const struct {
                const char *start;
                size_t size;
                char last;
                MatchRuleResult result;
        } rows[] = {
                {"arg0='", 1024, '\'', MATCHRULE_OK},    {"arg0='", 1025, '\'', MATCHRULE_TOO_LONG},
                {"", 1024, ' ', MATCHRULE_OK},           {"", 1025, ' ', MATCHRULE_TOO_LONG},
                {"bogus", 1024, 'x', MATCHRULE_INVALID}, {"bogus", 1105, 'x', MATCHRULE_TOO_LONG},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[1200];
                Parsed parsed;

                memset(text, rows[i].last == ' ' ? ' ' : 'x', sizeof(text));
                memcpy(text, rows[i].start, strlen(rows[i].start));
                text[rows[i].size - 1] = rows[i].last;
                parsed = parse_bytes((Text){text, rows[i].size});
                assert_int_equal(parsed.result, rows[i].result);
                free(parsed.scratch);
        }
}

/* Reference: leading zeros of an argument number may fill the whole text. */
static void test_parse_longest_key_is_read(void **state)
{
        char text[MATCHRULE_TEXT_MAX];
        Parsed parsed;

        (void)state;
        memset(text, '0', sizeof(text));
        memcpy(text, "arg", 3);
        memcpy(text + sizeof(text) - 2, "7=", 2);
        parsed = parse_bytes((Text){text, sizeof(text)});
        assert_int_equal(parsed.result, MATCHRULE_OK);
        assert_int_equal(parsed.rule.n_args, 1);
        assert_int_equal(parsed.rule.args[0].index, 7);
        assert_text_is(parsed.rule.args[0].value, "");
        free(parsed.scratch);
}

/* Reference: names of 255 bytes pass, of 256 do not. */
static void test_parse_name_size_is_limited(void **state)
{
        static const char *const starts[] = {"sender=a.", "destination=a.", "interface=a.",
                                             "member=", "arg0namespace="};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
                size_t size = (size_t)(strchr(starts[i], '=') + 1 - starts[i]) + 255;
                char text[300];
                Parsed parsed;

                memset(text, 'b', sizeof(text));
                memcpy(text, starts[i], strlen(starts[i]));
                parsed = parse_bytes((Text){text, size});
                assert_int_equal(parsed.result, MATCHRULE_OK);
                free(parsed.scratch);
                parsed = parse_bytes((Text){text, size + 1});
                assert_int_equal(parsed.result, MATCHRULE_INVALID);
                free(parsed.scratch);
        }
}

/* The longest growth: a rule of escaped apostrophes only, each of which doubles again. */
static void test_write_canonical_worst_case_fits(void **state)
{
        char text[MATCHRULE_TEXT_MAX];
        char *canonical = malloc(MATCHRULE_CANONICAL_MAX);
        size_t size, n_apostrophes = 0;
        Parsed parsed;

        (void)state;
        assert_non_null(canonical);
        memcpy(text, "arg0=", 5);
        for (size_t i = 5; i + 1 < sizeof(text); i += 2)
                memcpy(&text[i], "\\'", 2);
        parsed = parse_bytes((Text){text, sizeof(text) - 1});
        assert_int_equal(parsed.result, MATCHRULE_OK);
        assert_int_equal(parsed.rule.args[0].value.size, 509);
        size = matchrule_write_canonical(&parsed.rule, canonical);
        for (size_t i = 0; i < size; i++)
                n_apostrophes += canonical[i] == '\'';
        assert_int_equal(size, strlen("arg0=''") + 4 * 509);
        assert_int_equal(n_apostrophes, 2 + 3 * 509);
        free(parsed.scratch);
        free(canonical);
}

static void test_equal_recorded_pairs_match_reference(void **state)
{
        static const struct {
                const char *a, *b;
                bool equal;
        } rows[] = {
                {"type=signal,member=A", "member='A', type='signal'", true},
                {"type=signal,member=A", " member='A', type='signal',", true},
                {"arg0=a,arg1=b", "arg1=b,arg00='a'", true},
                {"eavesdrop=false", "", true},
                {"", "eavesdrop=false,eavesdrop=false", true},
                {"eavesdrop=true", "", false},
                {"arg0=/a", "arg0path=/a", false},
                {"arg0=a", "arg0namespace=a", false},
                {"arg0path=a", "arg0namespace=a", false},
                {"path=/a", "path_namespace=/a", false},
                {"sender=a.b", "destination=a.b", false},
                {"arg0=''", "arg0=' '", false},
                {"arg0=a", "arg1=a", false},
                {"arg0=a", "arg0=a,arg1=a", false},
                {"arg0=a,arg1=b", "arg0=a,arg1=c", false},
                {"arg0=a,arg1=b", "arg0=a,arg1path=b", false},
                {"arg0=a,arg1=b", "arg0=a,arg2=b", false},
                {"member=A", "member=a", false},
                {"type=signal", "type=error", false},
                {"type=signal", "", false},
                {"arg0=''", "", false},
                {"arg0path='/a/'", "arg0path='/a'", false},
                {"sender=a.b", "sender=a.b,type=signal", false},
                {"interface=a.b", "interface=a.c", false},
                {"interface=a.b", "member=B", false},
                {"destination=:1.1", "destination=:1.2", false},
                /* Not recorded: the reference calls these equal, which is its bug. */
                {"path_namespace=/a", "path_namespace=/b", false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Parsed a = parse(rows[i].a), b = parse(rows[i].b);

                assert_int_equal(a.result, MATCHRULE_OK);
                assert_int_equal(b.result, MATCHRULE_OK);
                if (matchrule_equal(&a.rule, &b.rule) != rows[i].equal ||
                    matchrule_equal(&b.rule, &a.rule) != rows[i].equal)
                        fail_msg("\"%s\" and \"%s\"", rows[i].a, rows[i].b);
                free(a.scratch);
                free(b.scratch);
        }
}

/* One row: a value in a message, a value in a rule, whether the reference delivered. */
typedef struct Relation {
        const char *actual, *wanted;
        bool delivered;
} Relation;

static void check_relations(const Relation *rows, size_t n_rows, bool (*relation)(Text, Text))
{
        for (size_t i = 0; i < n_rows; i++) {
                bool result = relation(text_from(rows[i].actual), text_from(rows[i].wanted));

                if (result != rows[i].delivered)
                        fail_msg("\"%s\" against \"%s\"", rows[i].actual, rows[i].wanted);
        }
}

static void test_path_in_namespace_matches_reference(void **state)
{
        static const Relation rows[] = {
                {"/", "/", true},         {"/a", "/", true},    {"/a/b", "/a", true},
                {"/a", "/a", true},       {"/ab", "/a", false}, {"/a", "/a/b", false},
                {"/a/b/c", "/a/b", true}, {"/", "/a", false},   {"/a/bc", "/a/b", false},
        };

        (void)state;
        check_relations(rows, ARRAY_SIZE(rows), matchrule_path_in_namespace);
}

static void test_path_overlaps_matches_reference(void **state)
{
        static const Relation rows[] = {
                {"/a", "/a", true},        {"/a/", "/a/b", true},
                {"/a/b", "/a/", true},     {"/a", "/a/b", false},
                {"/a/b", "/a", false},     {"/", "/a", true},
                {"/a", "/", true},         {"/a/", "/b/c", false},
                {"/aa/", "/aa/bb/", true}, {"/aa/bb/", "/aa/", true},
                {"a/", "a/b", true},       {"/a/", "/a", false},
                {"/a", "/a/", false},      {"", "/", false},
                {"/", "", false},          {"", "", true},
                {"a", "", false},          {"", "a", false},
        };

        (void)state;
        check_relations(rows, ARRAY_SIZE(rows), matchrule_path_overlaps);
}

static void test_name_in_namespace_matches_reference(void **state)
{
        static const Relation rows[] = {
                {"a.b", "a.b", true}, {"a.b.c", "a.b", true}, {"a.bc", "a.b", false},
                {"a", "a.b", false},  {"a.b", "a", true},     {":1.7", ":1", true},
                {"a.", "a", true},    {"", "a", false},       {"b.a", "a", false},
                {"a..b", "a", true},  {"a.b.", "a.b", true},
        };

        (void)state;
        check_relations(rows, ARRAY_SIZE(rows), matchrule_name_in_namespace);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse_recorded_rules_match_reference),
                cmocka_unit_test(test_parse_invalid_rule_leaves_output_alone),
                cmocka_unit_test(test_parse_null_reason_is_allowed),
                cmocka_unit_test(test_parse_all_keys_sets_fields),
                cmocka_unit_test(test_parse_types_map_to_frame_types),
                cmocka_unit_test(test_parse_eavesdrop_last_value_counts),
                cmocka_unit_test(test_parse_text_size_is_limited),
                cmocka_unit_test(test_parse_longest_key_is_read),
                cmocka_unit_test(test_parse_name_size_is_limited),
                cmocka_unit_test(test_write_canonical_worst_case_fits),
                cmocka_unit_test(test_equal_recorded_pairs_match_reference),
                cmocka_unit_test(test_path_in_namespace_matches_reference),
                cmocka_unit_test(test_path_overlaps_matches_reference),
                cmocka_unit_test(test_name_in_namespace_matches_reference),
        };

        return cmocka_run_group_tests_name("matchrule", tests, NULL, NULL);
}
