/* SPDX-License-Identifier: Apache-2.0 */

/* Malformed headers: they close the connection that sent them, and nobody else ever notices. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/refusal.h"
#include "tests/wire/scene.h"

/* Sets four bytes of an otherwise good signal. */
typedef struct Patch {
        const char *what;
        size_t offset;
        uint8_t bytes[4];
        size_t size;
} Patch;

static void test_malformed_fixed_header_closes(void **state)
{
        static const Patch patches[] = {
                {"endian x", 0, {'x'}, 1},
                {"endian NUL", 0, {0}, 1},
                {"endian of the other kind", 0, {'B'}, 1},
                {"type 0", 1, {0}, 1},
                {"version 0", 3, {0}, 1},
                {"version 2", 3, {2}, 1},
                {"serial 0", 8, {0, 0, 0, 0}, 4},
                {"body of 4 GiB", 4, {0xff, 0xff, 0xff, 0xff}, 4},
                {"body of 128 MiB", 4, {0, 0, 0, 8}, 4},
                {"fields of 4 GiB", 12, {0xff, 0xff, 0xff, 0xff}, 4},
                {"fields of 128 MiB", 12, {0, 0, 0, 8}, 4},
        };

        for (size_t i = 0; i < sizeof(patches) / sizeof(*patches); i++) {
                const RawHeader signal = refusal_signal(*state);
                Marshal bytes;

                marshal_init(&bytes, false);
                rawmessage_build(&signal, NULL, &bytes);
                memcpy(bytes.data + patches[i].offset, patches[i].bytes, patches[i].size);
                refusal_check_bytes(*state, patches[i].what, &bytes);
                marshal_deinit(&bytes);
        }
}

static void check_header(Scene *scene, const char *what, const RawHeader *header)
{
        Marshal bytes, body;

        marshal_init(&bytes, false);
        marshal_init(&body, false);
        rawmessage_build(header, &body, &bytes);
        refusal_check_bytes(scene, what, &bytes);
        marshal_deinit(&body);
        marshal_deinit(&bytes);
}

static void test_malformed_required_field_missing_closes(void **state)
{
        RawHeader header = refusal_signal(*state);

        header.path = NULL;
        check_header(*state, "signal without path", &header);
        header = refusal_signal(*state);
        header.interface = NULL;
        check_header(*state, "signal without interface", &header);
        header = refusal_signal(*state);
        header.member = NULL;
        check_header(*state, "signal without member", &header);
        header = refusal_signal(*state);
        header.type = RAWMESSAGE_CALL;
        header.path = NULL;
        check_header(*state, "call without path", &header);
        header = refusal_signal(*state);
        header.type = RAWMESSAGE_CALL;
        header.member = NULL;
        check_header(*state, "call without member", &header);
        header = refusal_signal(*state);
        header.type = RAWMESSAGE_RETURN;
        check_header(*state, "return without reply serial", &header);
        header = refusal_signal(*state);
        header.type = RAWMESSAGE_ERROR;
        header.error_name = "t.Error";
        check_header(*state, "error without reply serial", &header);
        header = refusal_signal(*state);
        header.type = RAWMESSAGE_ERROR;
        header.reply_serial = 1;
        check_header(*state, "error without name", &header);
}

/* A header field that makes a good signal bad. */
typedef struct BadField {
        const char *what;
        uint8_t code;
        char type;
        const char *text; /* NULL for a type 'u' */
        uint32_t value;
} BadField;

static void check_field(Scene *scene, const BadField *bad)
{
        RawHeader header = refusal_signal(scene);
        Marshal field;

        marshal_init(&field, false);
        if (bad->text)
                rawmessage_field_text(&field, bad->code, bad->type, bad->text);
        else
                rawmessage_field_u32(&field, bad->code, bad->value);
        if (bad->code == RAWMESSAGE_FIELD_PATH)
                header.path = NULL;
        if (bad->code == RAWMESSAGE_FIELD_INTERFACE)
                header.interface = NULL;
        if (bad->code == RAWMESSAGE_FIELD_MEMBER)
                header.member = NULL;
        if (bad->code == RAWMESSAGE_FIELD_DESTINATION)
                header.destination = NULL;
        header.fields_after = &field;
        check_header(scene, bad->what, &header);
        marshal_deinit(&field);
}

static void test_malformed_field_of_the_wrong_type_closes(void **state)
{
        static const BadField fields[] = {
                {"code 0", 0, 's', "x", 0},
                {"path as string", RAWMESSAGE_FIELD_PATH, 's', "/t", 0},
                {"interface as signature", RAWMESSAGE_FIELD_INTERFACE, 'g', "s", 0},
                {"interface as path", RAWMESSAGE_FIELD_INTERFACE, 'o', "/t", 0},
                {"member as number", RAWMESSAGE_FIELD_MEMBER, 'u', NULL, 3},
                {"error name as path", RAWMESSAGE_FIELD_ERROR_NAME, 'o', "/t", 0},
                {"reply serial as string", RAWMESSAGE_FIELD_REPLY_SERIAL, 's', "1", 0},
                {"reply serial 0", RAWMESSAGE_FIELD_REPLY_SERIAL, 'u', NULL, 0},
                {"destination as path", RAWMESSAGE_FIELD_DESTINATION, 'o', "/t", 0},
                {"sender as path", RAWMESSAGE_FIELD_SENDER, 'o', "/t", 0},
                {"signature as string", RAWMESSAGE_FIELD_SIGNATURE, 's', "s", 0},
                {"fds as string", RAWMESSAGE_FIELD_UNIX_FDS, 's', "1", 0},
                {"container as string", RAWMESSAGE_FIELD_CONTAINER_INSTANCE, 's', "/t", 0},
        };

        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
                check_field(*state, &fields[i]);
}

static void test_malformed_known_field_twice_closes(void **state)
{
        static const struct {
                uint8_t code;
                char type;
                const char *text;
        } fields[] = {
                {RAWMESSAGE_FIELD_PATH, 'o', "/t"},
                {RAWMESSAGE_FIELD_INTERFACE, 's', "t.I"},
                {RAWMESSAGE_FIELD_MEMBER, 's', "S"},
                {RAWMESSAGE_FIELD_DESTINATION, 's', "t.Name"},
        };

        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
                RawHeader header = refusal_signal(*state);
                Marshal field;

                marshal_init(&field, false);
                rawmessage_field_text(&field, fields[i].code, fields[i].type, fields[i].text);
                header.fields_after = &field;
                check_header(*state, "field twice", &header);
                marshal_deinit(&field);
        }
}

static void test_malformed_names_close(void **state)
{
        static const BadField fields[] = {
                {"path", RAWMESSAGE_FIELD_PATH, 'o', "relative", 0},
                {"path", RAWMESSAGE_FIELD_PATH, 'o', "", 0},
                {"path", RAWMESSAGE_FIELD_PATH, 'o', "/a/", 0},
                {"path", RAWMESSAGE_FIELD_PATH, 'o', "//", 0},
                {"path", RAWMESSAGE_FIELD_PATH, 'o', "/a//b", 0},
                {"path", RAWMESSAGE_FIELD_PATH, 'o', "/a-b", 0},
                {"path", RAWMESSAGE_FIELD_PATH, 'o', "/org/freedesktop/DBus/Local", 0},
                {"interface", RAWMESSAGE_FIELD_INTERFACE, 's', "", 0},
                {"interface", RAWMESSAGE_FIELD_INTERFACE, 's', "nodots", 0},
                {"interface", RAWMESSAGE_FIELD_INTERFACE, 's', "t.", 0},
                {"interface", RAWMESSAGE_FIELD_INTERFACE, 's', ".t.I", 0},
                {"interface", RAWMESSAGE_FIELD_INTERFACE, 's', "t..I", 0},
                {"interface", RAWMESSAGE_FIELD_INTERFACE, 's', "t.1", 0},
                {"interface", RAWMESSAGE_FIELD_INTERFACE, 's', "t.I-J", 0},
                {"interface", RAWMESSAGE_FIELD_INTERFACE, 's', "org.freedesktop.DBus.Local", 0},
                {"member", RAWMESSAGE_FIELD_MEMBER, 's', "", 0},
                {"member", RAWMESSAGE_FIELD_MEMBER, 's', "a.b", 0},
                {"member", RAWMESSAGE_FIELD_MEMBER, 's', "1a", 0},
                {"member", RAWMESSAGE_FIELD_MEMBER, 's', "a-b", 0},
                {"error name", RAWMESSAGE_FIELD_ERROR_NAME, 's', "nodots", 0},
                {"error name", RAWMESSAGE_FIELD_ERROR_NAME, 's', "", 0},
                {"destination", RAWMESSAGE_FIELD_DESTINATION, 's', "nodots", 0},
                {"destination", RAWMESSAGE_FIELD_DESTINATION, 's', "", 0},
                {"destination", RAWMESSAGE_FIELD_DESTINATION, 's', "t..n", 0},
                {"destination", RAWMESSAGE_FIELD_DESTINATION, 's', "t.1n", 0},
                {"destination", RAWMESSAGE_FIELD_DESTINATION, 's', ":1.", 0},
                {"sender", RAWMESSAGE_FIELD_SENDER, 's', "nodots", 0},
                {"sender", RAWMESSAGE_FIELD_SENDER, 's', "t n.x", 0},
        };

        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
                char what[160];
                BadField field = fields[i];

                snprintf(what, sizeof(what), "%s \"%s\"", field.what, field.text);
                field.what = what;
                check_field(*state, &field);
        }
}

static void test_malformed_names_longer_than_255_close(void **state)
{
        char name[300];
        const BadField interface = {"interface of 256 bytes", RAWMESSAGE_FIELD_INTERFACE, 's', name,
                                    0};
        const BadField member = {"member of 256 bytes", RAWMESSAGE_FIELD_MEMBER, 's', name, 0};
        const BadField destination = {"destination of 256 bytes", RAWMESSAGE_FIELD_DESTINATION, 's',
                                      name, 0};

        memset(name, 'a', sizeof(name));
        name[256] = '\0';
        check_field(*state, &member);
        name[1] = '.';
        check_field(*state, &interface);
        check_field(*state, &destination);
}

static void test_malformed_names_of_255_bytes_pass(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);
        char interface[256], member[256];

        memset(interface, 'a', 255);
        memset(member, 'b', 255);
        interface[255] = member[255] = '\0';
        interface[1] = '.';
        signal.interface = interface;
        signal.member = member;
        (void)scene_send(sender, &signal);
        (void)expect_signal(receiver, sender->unique_name, member);
}

static void test_malformed_half_a_message_and_a_close_is_forgotten(void **state)
{
        Scene *scene = *state;
        const RawHeader signal = refusal_signal(scene);
        RawClient *client = scene_join(scene);
        Marshal bytes;

        marshal_init(&bytes, false);
        rawmessage_build(&signal, NULL, &bytes);
        assert_int_equal(rawclient_send(client, bytes.data, bytes.size - 1), 0);
        marshal_deinit(&bytes);
        scene_leave(scene, client);
        refusal_check_witness(scene);
}

static void test_malformed_message_does_not_undo_those_before_it(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);
        char name[RAWCLIENT_NAME_MAX];
        Marshal good, bad;

        memcpy(name, sender->unique_name, sizeof(name));
        scene_match(receiver, "member='NameOwnerChanged',arg2=''");
        marshal_init(&good, false);
        marshal_init(&bad, false);
        signal.serial = 9;
        rawmessage_build(&signal, NULL, &good);
        signal.serial = 0;
        rawmessage_build(&signal, NULL, &bad);
        marshal_bytes(&good, bad.data, bad.size);
        assert_int_equal(rawclient_send(sender, good.data, good.size), 0);
        marshal_deinit(&good);
        marshal_deinit(&bad);
        assert_int_equal(expect_signal(receiver, name, "S")->serial, 9);
        expect_owner_change(receiver, name, name, "");
        expect_closed(sender);
        expect_nothing(receiver);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_malformed_fixed_header_closes),
                TEST(test_malformed_required_field_missing_closes),
                TEST(test_malformed_field_of_the_wrong_type_closes),
                TEST(test_malformed_known_field_twice_closes),
                TEST(test_malformed_names_close),
                TEST(test_malformed_names_longer_than_255_close),
                TEST(test_malformed_names_of_255_bytes_pass),
                TEST(test_malformed_half_a_message_and_a_close_is_forgotten),
                TEST(test_malformed_message_does_not_undo_those_before_it),
        };

        return scene_run("wire/malformed", tests, scene_start);
}
