/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Debug.Stats.GetAllMatchRules: every rule once for each time it was added, in the words of the
 * reference. A second bus, the reference, is given the same rules, of all kinds and with all ways
 * of quoting, and must list the same ones.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/stats.h"

enum { RULES_MAX = 2048, TEXT_MAX = 1024, N_RANDOM = 1500 };

/* The rules of one connection, sorted. */
typedef struct Listed {
        char *texts[RULES_MAX];
        size_t n;
} Listed;

static void listed_free(Listed *listed)
{
        for (size_t i = 0; i < listed->n; i++)
                free(listed->texts[i]);
        listed->n = 0;
}

static int compare_texts(const void *a, const void *b)
{
        char *const *left = a, *const *right = b;

        return strcmp(*left, *right);
}

static void read_rules(MarshalReader *reader, Listed *ret_listed, bool wanted)
{
        size_t end = marshal_reader_u32(reader);

        end += reader->at;
        while (reader->at < end && !reader->bad) {
                const char *text = marshal_reader_string(reader);

                assert_true(ret_listed->n < RULES_MAX);
                if (wanted)
                        ret_listed->texts[ret_listed->n++] = strdup(text);
        }
}

/* The answer to a call, behind what the client overhears if one of its rules eavesdrops: its calls
 * at least. */
static RawMessage *expect_answer(RawClient *client, uint32_t serial)
{
        RawMessage *message = expect_message(client);

        while (message->type == RAWMESSAGE_CALL || message->type == RAWMESSAGE_SIGNAL)
                message = expect_message(client);
        assert_int_equal(message->reply_serial, serial);
        return message;
}

/* Those of the client itself; it must be there, once. */
static void list_rules(RawClient *client, Listed *ret_listed)
{
        RawMessage *message = expect_answer(client, stats_call(client, "GetAllMatchRules", NULL));
        MarshalReader reader;
        unsigned n_found = 0;
        size_t end;

        *ret_listed = (Listed){.n = 0};
        assert_string_equal(message->signature, "a{sas}");
        marshal_reader_init(&reader, message->body, message->body_size, message->big_endian);
        end = marshal_reader_u32(&reader);
        marshal_reader_align(&reader, 8);
        end += reader.at;
        while (reader.at < end && !reader.bad) {
                bool wanted;

                marshal_reader_align(&reader, 8);
                wanted = !strcmp(marshal_reader_string(&reader), client->unique_name);
                n_found += wanted;
                read_rules(&reader, ret_listed, wanted);
        }
        assert_false(reader.bad);
        assert_int_equal(reader.at, message->body_size);
        assert_int_equal(n_found, 1);
        qsort(ret_listed->texts, ret_listed->n, sizeof(char *), compare_texts);
}

static void test_rules_are_listed_as_often_as_they_were_added(void **state)
{
        RawClient *client = scene_join(*state);
        Listed listed;

        list_rules(client, &listed);
        assert_int_equal(listed.n, 0);
        scene_match(client, "member=M,type=error");
        scene_match(client, "arg2='x'");
        scene_match(client, "type='error',member='M'");
        list_rules(client, &listed);
        assert_int_equal(listed.n, 3);
        assert_string_equal(listed.texts[0], "arg2='x'");
        assert_string_equal(listed.texts[1], "type='error',member='M'");
        assert_string_equal(listed.texts[2], "type='error',member='M'");
        listed_free(&listed);
        expect_empty(client, scene_call(client, "RemoveMatch", "s", "member='M',type='error'"));
        list_rules(client, &listed);
        assert_int_equal(listed.n, 2);
        assert_string_equal(listed.texts[1], "type='error',member='M'");
        listed_free(&listed);
}

/* Random texts. */

static uint64_t generator = 1;

static unsigned below(unsigned n)
{
        generator = generator * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(generator >> 33) % n;
}

#define PICK(values) values[below(sizeof(values) / sizeof((values)[0]))]

/* One of the ways to write a value: in quotes, without, or half and half. */
static void quote_value(char *text, size_t *at, const char *value)
{
        bool quoted = false;
        const unsigned style = below(3);
        const size_t size = strlen(value);

        for (size_t i = 0; i <= size; i++) {
                const bool quotes = i < size &&
                                    (style == 0 || (style == 2 && i >= size / 2) ||
                                     value[i] == ',' || value[i] == '\\') &&
                                    value[i] != '\'';

                if (quotes != quoted)
                        text[(*at)++] = '\'';
                quoted = quotes;
                if (i < size && value[i] == '\'')
                        text[(*at)++] = '\\';
                if (i < size)
                        text[(*at)++] = value[i];
        }
        if (size == 0) {
                text[(*at)++] = '\'';
                text[(*at)++] = '\'';
        }
}

static void add_token(char *text, size_t *at, const char *key, const char *value)
{
        if (*at > 0)
                text[(*at)++] = ',';
        if (below(8) == 0)
                text[(*at)++] = ' ';
        *at += (size_t)sprintf(text + *at, "%s=", key);
        quote_value(text, at, value);
}

static void add_random_token(char *text, size_t *at)
{
        static const char *const types[] = {"signal", "method_call", "method_return", "error"};
        static const char *const names[] = {":1.7", "com.example.N", "org.freedesktop.DBus",
                                            ":1.0"};
        static const char *const interfaces[] = {"a.b", "com.example.I", "x.y_z"};
        static const char *const members[] = {"M", "m1", "GetAll"};
        static const char *const paths[] = {"/", "/a", "/a/b", "/com/example"};
        static const char *const args[] = {"",  "x",        "it's",  "x,y",        "a=b", " ab ",
                                           "'", "a\\b'c'd", "\\,'=", "\xc3\xbcml", "/a/"};
        static const char *const spaces[] = {"com", "com.example", "a.b.c"};
        static const char *const booleans[] = {"true", "false"};
        char key[32];

        switch (below(12)) {
        case 0:
                add_token(text, at, "type", PICK(types));
                break;
        case 1:
                add_token(text, at, "sender", PICK(names));
                break;
        case 2:
                add_token(text, at, "destination", PICK(names));
                break;
        case 3:
                add_token(text, at, "interface", PICK(interfaces));
                break;
        case 4:
                add_token(text, at, "member", PICK(members));
                break;
        case 5:
                add_token(text, at, "path", PICK(paths));
                break;
        case 6:
                add_token(text, at, "path_namespace", PICK(paths));
                break;
        case 7:
                add_token(text, at, "eavesdrop", PICK(booleans));
                break;
        case 8:
                add_token(text, at, "arg0namespace", PICK(spaces));
                break;
        case 9:
                snprintf(key, sizeof(key), "arg%upath", below(64));
                add_token(text, at, key, PICK(paths));
                break;
        default:
                snprintf(key, sizeof(key), below(9) ? "arg%u" : "arg0%u", below(8));
                add_token(text, at, key, PICK(args));
                break;
        }
}

static void make_rule(char *text)
{
        size_t at = 0;

        for (unsigned n = below(6); n > 0; n--)
                add_random_token(text, &at);
        if (below(10) == 0 && at > 0)
                text[at++] = ',';
        text[at] = '\0';
}

/* Adds the rule; whether it was accepted, else why it was not. */
static bool add_rule(RawClient *client, const char *text, char *ret_error)
{
        RawMessage *message = expect_answer(client, scene_call(client, "AddMatch", "s", text));

        if (message->type == RAWMESSAGE_RETURN)
                return true;
        snprintf(ret_error, 64, "%s", message->error_name);
        return false;
}

static void compare_lists(const Listed *mine, const Listed *theirs)
{
        for (size_t i = 0; i < mine->n && i < theirs->n; i++)
                assert_string_equal(mine->texts[i], theirs->texts[i]);
        assert_int_equal(mine->n, theirs->n);
}

static void test_rules_read_as_the_reference_writes_them(void **state)
{
        const BusOptions options = {.daemon = "/usr/bin/dbus-daemon"};
        RawClient *client = scene_join(*state), *other;
        char text[TEXT_MAX], error[64], other_error[64];
        Listed mine, theirs;
        Bus reference;
        unsigned n_accepted = 0;
        int r;

        assert_int_equal(bus_start(&reference, &options), 0);
        other = rawclient_open(reference.address, 0, &r);
        assert_non_null(other);
        assert_int_equal(rawclient_hello(other), 0);
        assert_string_equal(expect_message(other)->member, "NameAcquired");
        for (unsigned i = 0; i < N_RANDOM; i++) {
                bool accepted;

                make_rule(text);
                accepted = add_rule(client, text, error);
                if (accepted != add_rule(other, text, other_error))
                        fail_msg("only one of them accepts %s", text);
                if (!accepted)
                        assert_string_equal(error, other_error);
                n_accepted += accepted;
        }
        assert_in_range(n_accepted, N_RANDOM / 4, N_RANDOM - 1);
        list_rules(client, &mine);
        list_rules(other, &theirs);
        assert_int_equal(theirs.n, n_accepted);
        compare_lists(&mine, &theirs);
        listed_free(&mine);
        listed_free(&theirs);
        rawclient_free(other);
        assert_int_equal(bus_stop(&reference), 0);
}

static int start_with_small_messages(void **state)
{
        return scene_start_with(state, "<limit name=\"max_message_size\">65536</limit>");
}

/* The reference sends what its own limit would not let pass. */
static void test_rules_that_no_message_holds_are_limits_exceeded(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        char text[TEXT_MAX];
        RawMessage *message;

        snprintf(text, sizeof(text), "type='error',arg0='%0990d'", 1);
        for (int i = 0; i < 60; i++)
                scene_match(client, text);
        (void)expect_return(client, stats_call(client, "GetAllMatchRules", NULL));
        for (int i = 0; i < 10; i++)
                scene_match(client, text);
        (void)stats_call(client, "GetAllMatchRules", NULL);
        message = expect_message(client);
        if (scene->bus.is_ringbus)
                assert_string_equal(message->error_name, EXPECT_ERROR_PREFIX "LimitsExceeded");
        else
                assert_true(message->body_size > 65536);
        for (int i = 0; i < 10; i++)
                expect_empty(client, scene_call(client, "RemoveMatch", "s", text));
        (void)expect_return(client, stats_call(client, "GetAllMatchRules", NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_rules_are_listed_as_often_as_they_were_added),
                TEST(test_rules_read_as_the_reference_writes_them),
        };
        const struct CMUnitTest limited[] = {
                TEST(test_rules_that_no_message_holds_are_limits_exceeded),
        };
        int r = scene_run("wire/stats_rules", tests, scene_start);

        return r +
               scene_run("wire/stats_rules (small messages)", limited, start_with_small_messages);
}
