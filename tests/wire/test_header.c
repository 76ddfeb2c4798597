/* SPDX-License-Identifier: Apache-2.0 */

/* What the bus changes in the header of a message it relays, and what it must keep. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

/* The fields of a relayed signal with a destination, in any order. */
static void expect_fields(const RawMessage *message, const char *expected_codes)
{
        char codes[RAWMESSAGE_FIELDS_MAX + 1] = "";
        size_t n = 0;

        for (int code = 0; code < 16; code++) {
                for (size_t i = 0; i < message->n_fields; i++) {
                        if (message->field_codes[i] == code)
                                codes[n++] = (char)('0' + code);
                }
        }
        codes[n] = '\0';
        assert_int_equal(n, message->n_fields);
        assert_string_equal(codes, expected_codes);
}

static void test_header_sender_is_added(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);

        (void)scene_send(sender, &signal);
        expect_fields(expect_signal(receiver, sender->unique_name, "S"), "12367");
}

static void test_header_forged_sender_is_replaced(void **state)
{
        static const char *const forged[] = {":1.0", SCENE_DRIVER, "t.a", ":1.999999999999999999"};
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawHeader signal = scene_signal(receiver->unique_name, "S", "s");
        const char *text;

        for (size_t i = 0; i < sizeof(forged) / sizeof(*forged); i++) {
                RawMessage *message;

                signal.sender = forged[i];
                (void)scene_send(sender, &signal, "body");
                message = expect_signal(receiver, sender->unique_name, "S");
                expect_fields(message, "123678");
                assert_true(rawmessage_read(message, "s", &text));
                assert_string_equal(text, "body");
        }
}

static void test_header_forged_sender_in_front_is_replaced(void **state)
{
        Scene *scene = *state;
        RawClient *receiver = scene_join(scene);

        for (unsigned flags = 0; flags <= RAWCLIENT_BIG_ENDIAN; flags += RAWCLIENT_BIG_ENDIAN) {
                RawClient *sender = scene_join_with(scene, flags);
                RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);
                Marshal field;

                marshal_init(&field, flags & RAWCLIENT_BIG_ENDIAN);
                rawmessage_field_text(&field, RAWMESSAGE_FIELD_SENDER, 's', "t.Forged.Sender.Name");
                signal.fields_before = &field;
                (void)scene_send(sender, &signal);
                expect_fields(expect_signal(receiver, sender->unique_name, "S"), "12367");
                marshal_deinit(&field);
        }
}

static void test_header_reply_to_a_relayed_sender_reaches_it(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL), reply;
        uint32_t serial;

        call.sender = scene->janitor->unique_name;
        serial = scene_send(caller, &call);
        reply = scene_reply(expect_call(callee, caller->unique_name, "M"), NULL);
        (void)scene_send(callee, &reply);
        assert_string_equal(expect_return(caller, serial)->sender, callee->unique_name);
}

/* Unknown fields of several types, some of them twice. */
static void add_unknown_fields(Marshal *fields)
{
        MarshalArray array;

        rawmessage_field_text(fields, 255, 's', "unknown");
        rawmessage_field_u32(fields, 11, 42);
        rawmessage_field_text(fields, 128, 'g', "a{sv}");
        marshal_align(fields, 8);
        marshal_u8(fields, 77);
        marshal_signature(fields, "a(yt)");
        array = marshal_open_array(fields, 8);
        marshal_u8(fields, 1);
        marshal_u64(fields, 2);
        marshal_close_array(fields, array);
        rawmessage_field_text(fields, 255, 's', "again");
}

static void test_header_unknown_fields_are_stripped_anywhere(void **state)
{
        Scene *scene = *state;
        RawClient *receiver = scene_join(scene);

        for (unsigned flags = 0; flags <= RAWCLIENT_BIG_ENDIAN; flags += RAWCLIENT_BIG_ENDIAN) {
                RawClient *sender = scene_join_with(scene, flags);
                RawHeader signal = scene_signal(receiver->unique_name, "S", "su");
                RawMessage *message;
                Marshal fields;
                const char *text;
                uint32_t number;

                marshal_init(&fields, flags & RAWCLIENT_BIG_ENDIAN);
                add_unknown_fields(&fields);
                for (int where = 1; where < 4; where++) {
                        signal.fields_before = where & 1 ? &fields : NULL;
                        signal.fields_after = where & 2 ? &fields : NULL;
                        (void)scene_send(sender, &signal, "body", 7U);
                        message = expect_signal(receiver, sender->unique_name, "S");
                        expect_fields(message, "123678");
                        assert_true(rawmessage_read(message, "su", &text, &number));
                        assert_string_equal(text, "body");
                        assert_int_equal(number, 7);
                }
                marshal_deinit(&fields);
        }
}

static void test_header_container_instance_is_stripped(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawHeader signal = scene_signal(receiver->unique_name, "S", NULL);
        Marshal field;

        marshal_init(&field, false);
        rawmessage_field_text(&field, RAWMESSAGE_FIELD_CONTAINER_INSTANCE, 'o', "/container");
        signal.fields_before = &field;
        (void)scene_send(sender, &signal);
        expect_fields(expect_signal(receiver, sender->unique_name, "S"), "12367");
        signal.fields_before = NULL;
        signal.fields_after = &field;
        (void)scene_send(sender, &signal);
        expect_fields(expect_signal(receiver, sender->unique_name, "S"), "12367");
        marshal_deinit(&field);
}

static void test_header_byte_order_serial_and_flags_are_kept(void **state)
{
        Scene *scene = *state;
        RawClient *receiver = scene_join(scene);

        for (unsigned flags = 0; flags <= RAWCLIENT_BIG_ENDIAN; flags += RAWCLIENT_BIG_ENDIAN) {
                RawClient *sender = scene_join_with(scene, flags);
                RawHeader signal = scene_signal(receiver->unique_name, "S", "u");
                RawMessage *message;
                uint32_t number;

                signal.serial = 0xfedcba98;
                signal.flags = 0xff;
                (void)scene_send(sender, &signal, 0x01020304U);
                message = expect_signal(receiver, sender->unique_name, "S");
                assert_int_equal(message->big_endian, flags != 0);
                assert_int_equal(message->serial, 0xfedcba98);
                assert_int_equal(message->flags, 0xff);
                assert_true(rawmessage_read(message, "u", &number));
                assert_int_equal(number, 0x01020304);
        }
}

static void test_header_well_known_destination_is_kept(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader call = scene_method("t.Name", "M", NULL);

        scene_own(receiver, "t.Name");
        (void)scene_send(sender, &call);
        assert_string_equal(expect_call(receiver, sender->unique_name, "M")->destination, "t.Name");
}

static void test_header_all_fields_arrive_as_sent(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawHeader header = scene_method(receiver->unique_name, "M", "s");
        RawMessage *message;

        header.error_name = "t.Error";
        header.reply_serial = 99;
        (void)scene_send(sender, &header, "x");
        message = expect_call(receiver, sender->unique_name, "M");
        expect_fields(message, "12345678");
        assert_string_equal(message->path, "/t");
        assert_string_equal(message->interface, "t.I");
        assert_string_equal(message->error_name, "t.Error");
        assert_string_equal(message->destination, receiver->unique_name);
        assert_int_equal(message->reply_serial, 99);
}

/* Every padding of the header array and of the body. */
static void test_header_bodies_survive_any_header_length(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const char letters[] = "abcdefghijklmnopqrstuvwxyz";
        char path[32];
        const char *text;
        uint64_t number;

        for (int length = 1; length <= 20; length++) {
                RawHeader signal = scene_signal(receiver->unique_name, "S", "ts");
                RawMessage *message;

                snprintf(path, sizeof(path), "/%.*s", length, letters);
                signal.path = path;
                (void)scene_send(sender, &signal, UINT64_C(0x1122334455667788), letters + length);
                message = expect_signal(receiver, sender->unique_name, "S");
                assert_string_equal(message->path, path);
                assert_true(rawmessage_read(message, "ts", &number, &text));
                assert_true(number == UINT64_C(0x1122334455667788));
                assert_string_equal(text, letters + length);
        }
}

static void test_header_large_bodies_arrive_intact(void **state)
{
        static const size_t sizes[] = {4096, 65535, 65536, 262144, 1048577, 20000000};
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader signal = scene_signal(receiver->unique_name, "S", "ay");

        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                RawMessage *message;
                Marshal body;

                marshal_init(&body, false);
                marshal_u32(&body, (uint32_t)sizes[i]);
                for (size_t n = 0; n < sizes[i]; n++)
                        marshal_u8(&body, (uint8_t)(n * 31 + n / 4096));
                assert_int_equal(rawclient_send_body(sender, &signal, &body, NULL, 0), 0);
                message = expect_signal(receiver, sender->unique_name, "S");
                assert_int_equal(message->body_size, body.size);
                assert_true(memcmp(message->body, body.data, body.size) == 0);
                marshal_deinit(&body);
        }
}

/* One byte at a time, and many messages at once: the stream has no other borders than its own. */
static void test_header_messages_may_be_split_and_joined_anywhere(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawHeader signal = scene_signal(receiver->unique_name, "S", "su");
        Marshal all, one;
        uint32_t number;
        const char *text;

        marshal_init(&all, false);
        for (uint32_t n = 0; n < 20; n++) {
                marshal_init(&one, false);
                signal.serial = rawclient_serial(sender);
                rawmessage_build_values(&signal, &one, "split", n);
                marshal_bytes(&all, one.data, one.size);
                marshal_deinit(&one);
        }
        assert_int_equal(rawclient_send(sender, all.data, all.size), 0);
        for (size_t i = 0; i < all.size; i++)
                assert_int_equal(rawclient_send(sender, all.data + i, 1), 0);
        marshal_deinit(&all);
        for (uint32_t n = 0; n < 40; n++) {
                assert_true(rawmessage_read(expect_signal(receiver, sender->unique_name, "S"), "su",
                                            &text, &number));
                assert_int_equal(number, n % 20);
        }
        expect_nothing(receiver);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_header_sender_is_added),
                TEST(test_header_forged_sender_is_replaced),
                TEST(test_header_forged_sender_in_front_is_replaced),
                TEST(test_header_reply_to_a_relayed_sender_reaches_it),
                TEST(test_header_unknown_fields_are_stripped_anywhere),
                TEST(test_header_container_instance_is_stripped),
                TEST(test_header_byte_order_serial_and_flags_are_kept),
                TEST(test_header_well_known_destination_is_kept),
                TEST(test_header_all_fields_arrive_as_sent),
                TEST(test_header_bodies_survive_any_header_length),
                TEST(test_header_large_bodies_arrive_intact),
                TEST(test_header_messages_may_be_split_and_joined_anywhere),
        };

        return scene_run("wire/header", tests, scene_start);
}
