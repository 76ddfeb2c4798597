/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields. Rules from the specification's "Header Fields" and "Message Types". */

#include "proto/header.h"
#include "tests/unit/wire_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { CALL = 1, RETURN = 2, ERROR = 3, SIGNAL = 4 };

/* By field code: its type, and a valid value where that is text. */
static const char *const types[11] = {"", "o", "s", "s", "s", "u", "s", "s", "g", "u", "o"};
static const char *const values[11] = {"",    "/a", "a.b", "M",  "a.b", NULL,
                                       "a.b", ":1", "i",   NULL, "/c"};

static HeaderResult parse(const Bytes *bytes, Header *ret_header)
{
        Frame frame;

        assert_int_equal(frame_cut(bytes->data, bytes->size, FRAME_SIZE_MAX, &frame), FRAME_OK);
        assert_true(bytes->size >= frame.header_size);
        return header_parse(bytes->data, &frame, ret_header);
}

/* The verdict on a message whose fields are complete. */
static HeaderResult verdict(Bytes *bytes)
{
        Header header;

        bytes_end_fields(bytes);
        return parse(bytes, &header);
}

static void put_valid_field(Bytes *bytes, uint8_t code)
{
        if (values[code])
                bytes_field_text(bytes, code, types[code], values[code]);
        else
                bytes_field_u32(bytes, code, 5);
}

/* A return message, which needs nothing but REPLY_SERIAL, so that any field may follow. */
static void start_return(Bytes *bytes, bool big_endian)
{
        bytes_start(bytes, big_endian, RETURN);
        bytes_field_u32(bytes, HEADER_FIELD_REPLY_SERIAL, 5);
}

static void assert_text(Text text, const char *expected)
{
        assert_true(text_equal(text, text_from(expected)));
}

static void check_all_fields(bool big_endian)
{
        Bytes bytes;
        Header header;

        bytes_start(&bytes, big_endian, ERROR);
        bytes_field_text(&bytes, 6, "s", "org.example.Destination");
        bytes_field_text(&bytes, 1, "o", "/org/example");
        bytes_field_u32(&bytes, 9, 3);
        bytes_field_text(&bytes, 8, "g", "a{sv}h");
        bytes_field_text(&bytes, 4, "s", "org.example.Error");
        bytes_field_u32(&bytes, 5, 0x01020304);
        bytes_field_text(&bytes, 7, "s", ":1.99");
        bytes_field_text(&bytes, 3, "s", "Member");
        bytes_field_text(&bytes, 2, "s", "org.example.Interface");
        bytes_field_text(&bytes, 10, "o", "/container");
        bytes_end_fields(&bytes);
        assert_int_equal(parse(&bytes, &header), HEADER_OK);
        assert_text(header.destination, "org.example.Destination");
        assert_text(header.path, "/org/example");
        assert_text(header.signature, "a{sv}h");
        assert_text(header.error_name, "org.example.Error");
        assert_text(header.sender, ":1.99");
        assert_text(header.member, "Member");
        assert_text(header.interface, "org.example.Interface");
        assert_int_equal(header.n_unix_fds, 3);
        assert_int_equal(header.reply_serial, 0x01020304);
        assert_int_equal(header.n_stripped, 2);
        assert_int_equal(header.frame.serial, 7);
        assert_int_equal(header.frame.big_endian, big_endian);
}

static void test_header_all_fields_read(void **state)
{
        (void)state;
        check_all_fields(false);
        check_all_fields(true);
}

/* The Hello call of a well-known client, in bytes. */
static void test_header_hello_call_read(void **state)
{
        static const uint8_t data[] = "l\1\0\1\0\0\0\0\1\0\0\0\x6d\0\0\0"
                                      "\1\1o\0\x15\0\0\0/org/freedesktop/DBus\0\0\0"
                                      "\2\1s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0"
                                      "\3\1s\0\5\0\0\0Hello\0\0\0"
                                      "\6\1s\0\x14\0\0\0org.freedesktop.DBus\0\0\0";
        Frame frame;
        Header header;

        (void)state;
        assert_int_equal(sizeof(data), 128);
        assert_int_equal(frame_cut(data, sizeof(data), FRAME_SIZE_MAX, &frame), FRAME_OK);
        assert_int_equal(header_parse(data, &frame, &header), HEADER_OK);
        assert_text(header.path, "/org/freedesktop/DBus");
        assert_text(header.interface, "org.freedesktop.DBus");
        assert_text(header.member, "Hello");
        assert_text(header.destination, "org.freedesktop.DBus");
        assert_false(text_present(header.sender));
        assert_false(text_present(header.error_name));
        assert_true(text_present(header.signature));
        assert_int_equal(header.signature.size, 0);
        assert_int_equal(header.reply_serial, 0);
        assert_int_equal(header.n_unix_fds, 0);
        assert_int_equal(header.n_stripped, 0);
}

typedef struct Required {
        uint8_t type;
        uint8_t codes[4]; /* 0 behind the last */
} Required;

/* All fields that a type requires but number `omitted`. */
static HeaderResult verdict_without(const Required *required, unsigned omitted)
{
        Bytes bytes;

        bytes_start(&bytes, false, required->type);
        for (unsigned i = 0; i < 4 && required->codes[i]; i++) {
                if (i != omitted)
                        put_valid_field(&bytes, required->codes[i]);
        }
        return verdict(&bytes);
}

static void test_header_required_field_missing_refused(void **state)
{
        static const Required rows[] = {
                {CALL, {1, 3}}, {SIGNAL, {1, 2, 3}}, {ERROR, {4, 5}}, {RETURN, {5}}};

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                assert_int_equal(verdict_without(&rows[i], 4), HEADER_OK);
                for (unsigned omitted = 0; omitted < 4 && rows[i].codes[omitted]; omitted++)
                        assert_int_equal(verdict_without(&rows[i], omitted), HEADER_MISSING_FIELD);
        }
}

static void test_header_unknown_type_needs_no_field(void **state)
{
        Bytes bytes;

        (void)state;
        for (unsigned type = 5; type < 256; type++) {
                bytes_start(&bytes, true, (uint8_t)type);
                assert_int_equal(verdict(&bytes), HEADER_OK);
        }
}

static void test_header_known_field_twice_refused(void **state)
{
        Bytes bytes;

        (void)state;
        for (uint8_t code = 1; code <= 10; code++) {
                bytes_start(&bytes, false, RETURN);
                if (code != 5)
                        put_valid_field(&bytes, 5);
                put_valid_field(&bytes, code);
                assert_int_equal(verdict(&bytes), HEADER_OK);
                bytes.size = 16 + bytes.data[12];
                put_valid_field(&bytes, code);
                assert_int_equal(verdict(&bytes), HEADER_DUPLICATE_FIELD);
        }
}

static void test_header_known_field_of_wrong_type_refused(void **state)
{
        static const char *const others[] = {"s", "o", "g", "u", "i", "v", "as", "(s)", "us"};
        Bytes bytes;

        (void)state;
        for (uint8_t code = 1; code <= 10; code++) {
                for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                        if (strcmp(others[i], types[code]) == 0)
                                continue;
                        bytes_start(&bytes, false, 5);
                        bytes_field(&bytes, code, others[i]);
                        bytes_align(&bytes, 8);
                        bytes_text(&bytes, "value");
                        assert_int_equal(verdict(&bytes), HEADER_BAD_FIELD_TYPE);
                }
        }
}

static void test_header_field_code_zero_refused(void **state)
{
        Bytes bytes;

        (void)state;
        start_return(&bytes, false);
        bytes_field_text(&bytes, 0, "s", "value");
        assert_int_equal(verdict(&bytes), HEADER_BAD_FIELD_CODE);
}

static void check_value(uint8_t code, const char *value, HeaderResult expected)
{
        Bytes bytes;

        bytes_start(&bytes, false, 5);
        bytes_field_text(&bytes, code, types[code], value);
        assert_int_equal(verdict(&bytes), expected);
}

static void test_header_invalid_names_refused(void **state)
{
        static const struct {
                uint8_t code;
                const char *values[8];
        } rows[] = {
                {1, {"", "a", "/a/", "//", "/a//b", "/a.b", "/\xc3\xbc"}},
                {2, {"", "a", ".a.b", "a.b.", "a..b", "a.1b", "a-b.c", ":1.2"}},
                {3, {"", "a.b", "1a", "a-b", "a ", "\xc3\xbc"}},
                {4, {"", "Failed", "a..b", "a.1", "a.b-c"}},
                {6, {"", "a", "a.1", "1.a", "a..b", "a.b.", ":1..2", "a b.c"}},
                {7, {"", "a", "a.1", "1.a", "a..b", "a.b.", ":1..2", "a b.c"}},
                {8, {"a", "(", "{sv}", "z", "()"}},
                {10, {"", "a", "/a/", "//"}},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                check_value(rows[i].code, values[rows[i].code], HEADER_OK);
                for (unsigned j = 0; j < 8 && rows[i].values[j]; j++)
                        check_value(rows[i].code, rows[i].values[j], HEADER_BAD_FIELD_VALUE);
        }
}

static void test_header_names_of_255_bytes_are_the_longest(void **state)
{
        static const uint8_t codes[] = {2, 3, 4, 6, 7};
        char name[257];

        (void)state;
        for (size_t i = 0; i < sizeof(codes); i++) {
                memset(name, 'a', sizeof(name));
                if (codes[i] != 3)
                        name[1] = '.';
                name[255] = '\0';
                check_value(codes[i], name, HEADER_OK);
                name[255] = 'a';
                name[256] = '\0';
                check_value(codes[i], name, HEADER_BAD_FIELD_VALUE);
        }
}

static void test_header_reserved_local_refused(void **state)
{
        (void)state;
        check_value(1, "/org/freedesktop/DBus/Local", HEADER_RESERVED_LOCAL);
        check_value(2, "org.freedesktop.DBus.Local", HEADER_RESERVED_LOCAL);
        check_value(1, "/org/freedesktop/DBus/Loca", HEADER_OK);
        check_value(2, "org.freedesktop.DBus.Loca", HEADER_OK);
        check_value(10, "/org/freedesktop/DBus/Local", HEADER_OK);
        check_value(6, "org.freedesktop.DBus.Local", HEADER_OK);
}

/* libdbus compares beginnings only: it would drop a connection that relays these to it. */
static void test_header_names_that_begin_with_local_refused(void **state)
{
        (void)state;
        check_value(1, "/org/freedesktop/DBus/Locality", HEADER_RESERVED_LOCAL);
        check_value(1, "/org/freedesktop/DBus/Local/a", HEADER_RESERVED_LOCAL);
        check_value(2, "org.freedesktop.DBus.Locality", HEADER_RESERVED_LOCAL);
        check_value(2, "org.freedesktop.DBus.Local.a", HEADER_RESERVED_LOCAL);
}

static void test_header_reply_serial_zero_refused(void **state)
{
        Bytes bytes;

        (void)state;
        for (uint8_t type = 1; type < 6; type++) {
                bytes_start(&bytes, type % 2 == 0, type);
                bytes_field_u32(&bytes, 5, 0);
                assert_int_equal(verdict(&bytes), HEADER_BAD_REPLY_SERIAL);
        }
}

static void test_header_body_without_signature_refused(void **state)
{
        Bytes bytes;
        Header header;

        (void)state;
        start_return(&bytes, false);
        bytes_end_fields(&bytes);
        bytes_set_u32(&bytes, 4, 1);
        assert_int_equal(parse(&bytes, &header), HEADER_BODY_WITHOUT_SIGNATURE);
        start_return(&bytes, false);
        bytes_field_text(&bytes, 8, "g", "");
        bytes_end_fields(&bytes);
        bytes_set_u32(&bytes, 4, 1);
        assert_int_equal(parse(&bytes, &header), HEADER_BODY_WITHOUT_SIGNATURE);
        bytes_set_u32(&bytes, 4, 0);
        assert_int_equal(parse(&bytes, &header), HEADER_OK);
}

static void test_header_refused_leaves_result_untouched(void **state)
{
        Bytes bytes;
        Header header, before;

        (void)state;
        memset(&header, 0xa5, sizeof(header));
        before = header;
        start_return(&bytes, false);
        bytes_field_text(&bytes, 3, "s", "1");
        bytes_end_fields(&bytes);
        assert_int_equal(parse(&bytes, &header), HEADER_BAD_FIELD_VALUE);
        assert_memory_equal(&header, &before, sizeof(header));
}

static void test_header_results_have_texts_of_their_own(void **state)
{
        (void)state;
        for (int a = HEADER_OK; a <= HEADER_BODY_WITHOUT_SIGNATURE; a++) {
                for (int b = HEADER_OK; b < a; b++)
                        assert_string_not_equal(header_result_text((HeaderResult)a),
                                                header_result_text((HeaderResult)b));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_header_all_fields_read),
                cmocka_unit_test(test_header_hello_call_read),
                cmocka_unit_test(test_header_required_field_missing_refused),
                cmocka_unit_test(test_header_unknown_type_needs_no_field),
                cmocka_unit_test(test_header_known_field_twice_refused),
                cmocka_unit_test(test_header_known_field_of_wrong_type_refused),
                cmocka_unit_test(test_header_field_code_zero_refused),
                cmocka_unit_test(test_header_invalid_names_refused),
                cmocka_unit_test(test_header_names_of_255_bytes_are_the_longest),
                cmocka_unit_test(test_header_reserved_local_refused),
                cmocka_unit_test(test_header_names_that_begin_with_local_refused),
                cmocka_unit_test(test_header_reply_serial_zero_refused),
                cmocka_unit_test(test_header_body_without_signature_refused),
                cmocka_unit_test(test_header_refused_leaves_result_untouched),
                cmocka_unit_test(test_header_results_have_texts_of_their_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
