/* SPDX-License-Identifier: Apache-2.0 */

/* Signatures and bodies: what closes the connection, and what is unusual but good. */

#include <stdio.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/refusal.h"
#include "tests/wire/scene.h"

typedef struct Body {
        const char *signature;
        const char *bytes; /* of a little-endian message */
        size_t size;
} Body;

#define BODY(signature, bytes)                                                                     \
        {                                                                                          \
                signature, bytes, sizeof(bytes) - 1                                                \
        }

static void build(const RawHeader *header, const Body *body, Marshal *ret_bytes)
{
        RawHeader full = *header;
        Marshal encoded;

        marshal_init(&encoded, false);
        marshal_bytes(&encoded, body->bytes, body->size);
        full.signature = body->signature;
        rawmessage_build(&full, &encoded, ret_bytes);
        marshal_deinit(&encoded);
}

static void check_bodies(Scene *scene, const Body *bodies, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const RawHeader signal = refusal_signal(scene);
                char what[128];
                Marshal bytes;

                snprintf(what, sizeof(what), "body %zu of signature \"%s\"", i,
                         bodies[i].signature ? bodies[i].signature : "(none)");
                marshal_init(&bytes, false);
                build(&signal, &bodies[i], &bytes);
                refusal_check_bytes(scene, what, &bytes);
                marshal_deinit(&bytes);
        }
}

static void test_body_length_that_disagrees_closes(void **state)
{
        static const Body bodies[] = {
                BODY(NULL, "\1"),
                BODY("", "\1"),
                BODY("s", ""),
                BODY("y", "\1\2"),
                BODY("u", "\1\0"),
                BODY("u", "\1\0\0\0\0"),
                BODY("yu", "\1\0\0\0"),
                BODY("t", "\1\0\0\0\0\0\0"),
                BODY("ss", "\1\0\0\0a\0"),
        };

        check_bodies(*state, bodies, sizeof(bodies) / sizeof(*bodies));
}

static void test_body_bad_value_closes(void **state)
{
        static const Body bodies[] = {
                BODY("b", "\2\0\0\0"),
                BODY("b", "\0\0\0\1"),
                BODY("yu", "\1\1\0\0\1\0\0\0"),
                BODY("yu", "\1\0\0\1\1\0\0\0"),
                BODY("o", "\1\0\0\0a\0"),
                BODY("o", "\0\0\0\0\0"),
                BODY("o", "\3\0\0\0/a/\0"),
                BODY("g", "\1z\0"),
                BODY("g", "\1a\0"),
                BODY("g", "\2ss"),
                BODY("g", "\1ss"),
        };

        check_bodies(*state, bodies, sizeof(bodies) / sizeof(*bodies));
}

static void test_body_bad_string_closes(void **state)
{
        static const Body bodies[] = {
                BODY("s", "\2\0\0\0ab"),
                BODY("s", "\2\0\0\0abc"),
                BODY("s", "\x9\0\0\0a\0"),
                BODY("s", "\xff\xff\xff\xff"
                          "a\0"),
                BODY("s", "\1\0\0\0\0\0"),
                BODY("s", "\3\0\0\0a\0b\0"),
                BODY("s", "\1\0\0\0\xff\0"),
                BODY("s", "\1\0\0\0\x80\0"),
                BODY("s", "\1\0\0\0\xc3\0"),
                BODY("s", "\2\0\0\0\xc0\x80\0"),
                BODY("s", "\3\0\0\0\xed\xa0\x80\0"),
                BODY("s", "\3\0\0\0\xe0\x80\x80\0"),
                BODY("s", "\4\0\0\0\xf4\x90\x80\x80\0"),
                BODY("s", "\4\0\0\0\xf0\x80\x80\x80\0"),
        };

        check_bodies(*state, bodies, sizeof(bodies) / sizeof(*bodies));
}

static void test_body_bad_container_closes(void **state)
{
        static const Body bodies[] = {
                BODY("au", "\3\0\0\0\1\2\3"),
                BODY("au", "\10\0\0\0\1\0\0\0"),
                BODY("at", "\10\0\0\0\1\0\0\0"
                           "\1\0\0\0\1\0\0\0"
                           "\1\0\0\0"),
                BODY("at", "\0\0\0\0\1\0\0\0"),
                BODY("ay", "\1\0\0\4\1"),
                BODY("ay", "\xff\xff\xff\xff\1"),
                BODY("as", "\7\0\0\0\1\0\0\0a\0\0"),
                BODY("a{yy}", "\1\0\0\0\0\0\0\0\1"),
                BODY("(yu)", "\1\0\1\0\1\0\0\0"),
                BODY("y(y)", "\1\0\0\0\0\0\1\0\1"),
                BODY("v", "\0\0"),
                BODY("v", "\2uu\0\1\0\0\0\1\0\0\0"),
                BODY("v", "\1z\0\0"),
                BODY("v", "\1u"),
                BODY("v", "\1u\0\0\1\0\0"),
                BODY("v", "\1b\0\0\7\0\0\0"),
        };

        check_bodies(*state, bodies, sizeof(bodies) / sizeof(*bodies));
}

static void test_body_bad_signature_closes(void **state)
{
        static const Body bodies[] = {
                BODY("z", ""),     BODY("a", ""),       BODY("(", ""),    BODY(")", ""),
                BODY("()", ""),    BODY("(u", ""),      BODY("u)", ""),   BODY("aa", ""),
                BODY("{ss}", ""),  BODY("a{s}", ""),    BODY("a{}", ""),  BODY("a{sss}", ""),
                BODY("a{vs}", ""), BODY("a{(s)s}", ""), BODY("a{ss", ""), BODY("a(s}", ""),
                BODY("a{s)", ""),  BODY("(a)", ""),     BODY("r", ""),    BODY("e", ""),
                BODY("m", ""),     BODY("*", ""),       BODY("\x80", ""),
        };

        check_bodies(*state, bodies, sizeof(bodies) / sizeof(*bodies));
}

/* An empty array below `depth` arrays or structs. */
static void nested_signature(char *signature, size_t arrays, size_t structs)
{
        memset(signature, 'a', arrays);
        memset(signature + arrays, '(', structs);
        signature[arrays + structs] = 'y';
        memset(signature + arrays + structs + 1, ')', structs);
        signature[arrays + 2 * structs + 1] = '\0';
}

static void test_body_nesting_beyond_32_closes(void **state)
{
        char arrays[80], structs[80];
        const Body bodies[] = {
                {arrays, "\0\0\0\0", 4},
                {structs, "\1", 1},
        };

        nested_signature(arrays, 33, 0);
        nested_signature(structs, 0, 33);
        check_bodies(*state, bodies, 2);
}

/* A variant in a variant in a variant: 64 deep is good, 65 is not. */
static void nested_variants(Marshal *body, size_t depth)
{
        for (size_t i = 1; i < depth; i++)
                marshal_signature(body, "v");
        marshal_signature(body, "y");
        marshal_u8(body, 1);
}

static void test_body_variants_nested_beyond_64_close(void **state)
{
        RawHeader signal = refusal_signal(*state);
        Marshal body, bytes;

        signal.signature = "v";
        marshal_init(&body, false);
        marshal_init(&bytes, false);
        nested_variants(&body, 65);
        rawmessage_build(&signal, &body, &bytes);
        refusal_check_bytes(*state, "65 variants", &bytes);
        marshal_deinit(&bytes);
        marshal_deinit(&body);
}

static void expect_passes(Scene *scene, const Body *good)
{
        RawClient *sender = scene->clients[0], *receiver = scene->clients[1];
        RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);
        RawMessage *message;
        Marshal bytes;

        signal.serial = 77;
        marshal_init(&bytes, false);
        build(&signal, good, &bytes);
        assert_int_equal(rawclient_send(sender, bytes.data, bytes.size), 0);
        marshal_deinit(&bytes);
        message = expect_signal(receiver, sender->unique_name, "S");
        assert_int_equal(message->body_size, good->size);
        assert_memory_equal(message->body, good->bytes, good->size);
}

static void test_body_unusual_but_good_passes(void **state)
{
        char arrays[80], structs[80];
        const Body bodies[] = {
                BODY("s", "\3\0\0\0\xef\xbf\xbf\0"),
                BODY("s", "\4\0\0\0\xf4\x8f\xbf\xbf\0"),
                BODY("s", "\0\0\0\0\0"),
                BODY("g", "\0\0"),
                BODY("at", "\0\0\0\0\0\0\0\0"),
                BODY("a{sv}", "\0\0\0\0\0\0\0\0"),
                BODY("v", "\1g\0\0\0"),
                BODY("a(yt)y", "\0\0\0\0\0\0\0\0\7"),
                {arrays, "\0\0\0\0", 4},
                {structs, "\1", 1},
        };
        Scene *scene = *state;

        nested_signature(arrays, 32, 0);
        nested_signature(structs, 0, 32);
        (void)scene_join(scene);
        (void)scene_join(scene);
        for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
                expect_passes(scene, &bodies[i]);
}

static void test_body_empty_signature_field_is_no_body(void **state)
{
        Scene *scene = *state;
        const Body empty = BODY("", "");

        (void)scene_join(scene);
        (void)scene_join(scene);
        expect_passes(scene, &empty);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_body_length_that_disagrees_closes),
                TEST(test_body_bad_value_closes),
                TEST(test_body_bad_string_closes),
                TEST(test_body_bad_container_closes),
                TEST(test_body_bad_signature_closes),
                TEST(test_body_nesting_beyond_32_closes),
                TEST(test_body_variants_nested_beyond_64_close),
                TEST(test_body_unusual_but_good_passes),
                TEST(test_body_empty_signature_field_is_no_body),
        };

        return scene_run("wire/malformed_body", tests, scene_start);
}
