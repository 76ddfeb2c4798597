/* SPDX-License-Identifier: Apache-2.0 */
/* Body validation. Rules from the specification's "Marshaling (Wire Format)". */

#include "proto/body.h"
#include "proto/frame.h"
#include "tests/unit/wire_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define MIB (1024u * 1024u)

/* Validates in memory of just the body's size, so that AddressSanitizer sees what reads over it. */
static BodyResult validate(const Bytes *bytes, const char *signature)
{
        uint8_t *copy = malloc(bytes->size + 1);
        BodyResult result;

        assert_non_null(copy);
        memcpy(copy + 1, bytes->data, bytes->size); /* its alignment in memory is free */
        result = body_validate(copy + 1, bytes->size, text_from(signature), bytes->big_endian);
        free(copy);
        return result;
}

static BodyResult validate_literal(const char *signature, const char *data, size_t size)
{
        Bytes bytes = {0};

        bytes_put(&bytes, data, size);
        return validate(&bytes, signature);
}

#define VERDICT(signature, literal) validate_literal(signature, literal, sizeof(literal) - 1)

/* One value of each kind, and the size at which each one is complete. */
static void check_all_types(bool big_endian)
{
        Bytes bytes = {.big_endian = big_endian};
        BodyResult result;

        bytes_u8(&bytes, 0xff);
        bytes_align(&bytes, 2);
        bytes_number(&bytes, 0xfffe, 2);
        bytes_u32(&bytes, 1); /* b */
        bytes_number(&bytes, 0x8000, 2);
        bytes_align(&bytes, 4);
        bytes_u32(&bytes, 0xfffffff0);
        bytes_u32(&bytes, 0x01020304);
        bytes_align(&bytes, 8);
        bytes_number(&bytes, UINT64_MAX, 8);
        bytes_u32(&bytes, 0xf8280208); /* h: not compared with the number of fds */
        bytes_text(&bytes, "gr\xc3\xbc\xc3\x9f");
        bytes_signature(&bytes, "a{sv}");
        bytes_align(&bytes, 4);
        bytes_text(&bytes, "/org/example");
        bytes_align(&bytes, 8);
        bytes_number(&bytes, 0x3ff8000000000000, 8);
        bytes_signature(&bytes, "n");
        bytes_align(&bytes, 2);
        bytes_number(&bytes, 7, 2);
        assert_int_equal(validate(&bytes, "yqbniuthsgodv"), BODY_OK);
        bytes_u8(&bytes, 0);
        assert_int_equal(validate(&bytes, "yqbniuthsgodv"), BODY_TOO_LONG);
        for (bytes.size -= 2; bytes.size > 0; bytes.size--) {
                result = validate(&bytes, "yqbniuthsgodv");
                assert_int_equal(result, BODY_TOO_SHORT);
        }
}

static void test_body_all_types_accepted_whole_only(void **state)
{
        (void)state;
        check_all_types(false);
        check_all_types(true);
}

static void test_body_empty_signature_means_empty_body(void **state)
{
        (void)state;
        assert_int_equal(VERDICT("", ""), BODY_OK);
        assert_int_equal(VERDICT("", "\0"), BODY_TOO_LONG);
        assert_int_equal(VERDICT("y", ""), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("v", ""), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("(y)", ""), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("as", ""), BODY_TOO_SHORT);
}

/* A byte, then a value that must be aligned: each byte of the padding between is looked at. */
static void test_body_padding_not_zero_refused(void **state)
{
        static const struct {
                const char *signature;
                size_t alignment;
        } rows[] = {{"yn", 2}, {"yq", 2},  {"yb", 4}, {"yi", 4}, {"yu", 4}, {"yh", 4},  {"ys", 4},
                    {"yo", 4}, {"yau", 4}, {"yx", 8}, {"yt", 8}, {"yd", 8}, {"y(q)", 8}};

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                for (size_t place = 1; place < rows[i].alignment; place++) {
                        Bytes bytes = {.data = {[0] = 1}, .size = 16};

                        bytes.data[place] = 1;
                        assert_int_equal(validate(&bytes, rows[i].signature), BODY_BAD_PADDING);
                }
        }
}

static void test_body_booleans_0_and_1_only(void **state)
{
        Bytes bytes;

        (void)state;
        for (unsigned order = 0; order < 2; order++) {
                for (unsigned bit = 0; bit < 32; bit++) {
                        bytes = (Bytes){.big_endian = order == 1};
                        bytes_u32(&bytes, UINT32_C(1) << bit);
                        assert_int_equal(validate(&bytes, "b"),
                                         bit == 0 ? BODY_OK : BODY_BAD_BOOLEAN);
                        bytes = (Bytes){.big_endian = order == 1};
                        bytes_u32(&bytes, 12);
                        bytes_u32(&bytes, 0);
                        bytes_u32(&bytes, 1);
                        bytes_u32(&bytes, UINT32_C(1) << bit);
                        assert_int_equal(validate(&bytes, "ab"),
                                         bit == 0 ? BODY_OK : BODY_BAD_BOOLEAN);
                }
        }
}

static void test_body_strings_invalid_refused(void **state)
{
        (void)state;
        assert_int_equal(VERDICT("s", "\0\0\0\0\0"), BODY_OK);
        assert_int_equal(VERDICT("s", "\3\0\0\0abc\0"), BODY_OK);
        assert_int_equal(VERDICT("s", "\3\0\0\0abcd"), BODY_BAD_STRING);
        assert_int_equal(VERDICT("s", "\3\0\0\0a\0c\0"), BODY_BAD_STRING);
        assert_int_equal(VERDICT("s", "\3\0\0\0\xed\xa0\x80\0"), BODY_BAD_STRING);
        assert_int_equal(VERDICT("s", "\3\0\0\0\xef\xbf\xbf\0"), BODY_OK);
        assert_int_equal(VERDICT("s", "\3\0\0\0abc"), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("s", "\4\0\0\0abc\0"), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("s", "\xff\xff\xff\xff"
                                      "abc\0"),
                         BODY_TOO_SHORT);
        assert_int_equal(VERDICT("s", "\xfb\xff\xff\xff"
                                      "abc\0"),
                         BODY_TOO_SHORT);
        assert_int_equal(VERDICT("s", "\2\0\0\0abc\0"), BODY_BAD_STRING);
}

static void test_body_object_paths_and_signatures_checked(void **state)
{
        (void)state;
        assert_int_equal(VERDICT("o", "\2\0\0\0/a\0"), BODY_OK);
        assert_int_equal(VERDICT("o", "\2\0\0\0/-\0"), BODY_BAD_OBJECT_PATH);
        assert_int_equal(VERDICT("o", "\0\0\0\0\0"), BODY_BAD_OBJECT_PATH);
        assert_int_equal(VERDICT("g", "\2(y\0"), BODY_BAD_SIGNATURE);
        assert_int_equal(VERDICT("g", "\2ay\1"), BODY_BAD_SIGNATURE);
        assert_int_equal(VERDICT("g", "\2ay\0"), BODY_OK);
        assert_int_equal(VERDICT("g", "\0\0"), BODY_OK);
        assert_int_equal(VERDICT("g", "\3ay\0"), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("g", "\xff"
                                      "ay\0"),
                         BODY_TOO_SHORT);
}

static void test_body_arrays_sized_as_their_elements(void **state)
{
        (void)state;
        assert_int_equal(VERDICT("aq", "\0\0\0\0"), BODY_OK);
        assert_int_equal(VERDICT("aq", "\4\0\0\0\1\0\2\0"), BODY_OK);
        assert_int_equal(VERDICT("aq", "\3\0\0\0\1\0\2"), BODY_BAD_ARRAY_SIZE);
        assert_int_equal(VERDICT("ab", "\2\0\0\0\0\0"), BODY_BAD_ARRAY_SIZE);
        assert_int_equal(VERDICT("at", "\4\0\0\0\0\0\0\0\1\2\3\4"), BODY_BAD_ARRAY_SIZE);
        assert_int_equal(VERDICT("ay", "\5\0\0\0abcd"), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("ay", "\3\0\0\0abcd"), BODY_TOO_LONG);
        assert_int_equal(VERDICT("as", "\7\0\0\0\2\0\0\0ab\0"), BODY_OK);
        assert_int_equal(VERDICT("as", "\6\0\0\0\2\0\0\0ab\0"), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("as", "\x8\0\0\0\2\0\0\0ab\0\0"), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("a(yu)", "\5\0\0\0\0\0\0\0\1\0\0\0\2"), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("a(yu)", "\x8\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0"), BODY_OK);
        assert_int_equal(VERDICT("av", "\4\0\0\0\1y\0\1"), BODY_OK);
        assert_int_equal(VERDICT("avy", "\4\0\0\0\1y\0\1\2"), BODY_OK);
        assert_int_equal(VERDICT("avy", "\3\0\0\0\1y\0\1\2"), BODY_TOO_SHORT);
}

/* The padding before the first element is there in empty arrays too, and not counted. */
static void test_body_empty_arrays_are_padded_for_their_elements(void **state)
{
        static const char *const signatures[] = {"at", "ax", "ad", "a(y)", "a{yy}"};

        (void)state;
        for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
                assert_int_equal(validate_literal(signatures[i], "\0\0\0\0\0\0\0\0", 8), BODY_OK);
                assert_int_equal(validate_literal(signatures[i], "\0\0\0\0", 4), BODY_TOO_SHORT);
                assert_int_equal(validate_literal(signatures[i], "\0\0\0\0\0\0\0\1", 8),
                                 BODY_BAD_PADDING);
        }
        assert_int_equal(VERDICT("aat", "\0\0\0\0"), BODY_OK);
}

static void test_body_array_sizes_near_4_gib_refused(void **state)
{
        static const char *const signatures[] = {"ay", "aq", "ab",   "at",
                                                 "as", "av", "a(y)", "a{ss}"};
        Bytes bytes;

        (void)state;
        for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
                for (uint32_t below = 0; below < 20; below++) {
                        bytes = (Bytes){.big_endian = below % 2 == 1};
                        bytes_u32(&bytes, UINT32_MAX - below);
                        bytes.size = 64;
                        assert_int_equal(validate(&bytes, signatures[i]), BODY_BAD_ARRAY_SIZE);
                }
        }
}

static void test_body_array_of_64_mib_is_the_largest(void **state)
{
        static const char *const signatures[] = {"ay", "au", "ab"};
        uint8_t *data = calloc(1, 64 * MIB + 16);

        (void)state;
        assert_non_null(data);
        for (size_t i = 0; i < 3; i++) {
                frame_store_u32(data, 64 * MIB, true);
                assert_int_equal(body_validate(data, 64 * MIB + 4, text_from(signatures[i]), true),
                                 BODY_OK);
                frame_store_u32(data, 64 * MIB + 4, true);
                assert_int_equal(body_validate(data, 64 * MIB + 8, text_from(signatures[i]), true),
                                 BODY_BAD_ARRAY_SIZE);
        }
        free(data);
}

static void test_body_variants_hold_exactly_one_type(void **state)
{
        (void)state;
        assert_int_equal(VERDICT("v", "\1y\0\7"), BODY_OK);
        assert_int_equal(VERDICT("v", "\0\0"), BODY_BAD_SIGNATURE);
        assert_int_equal(VERDICT("v", "\2yy\0\7\7"), BODY_BAD_SIGNATURE);
        assert_int_equal(VERDICT("v", "\1z\0\7"), BODY_BAD_SIGNATURE);
        assert_int_equal(VERDICT("v", "\1y\1\7"), BODY_BAD_SIGNATURE);
        assert_int_equal(VERDICT("v", "\1y\0"), BODY_TOO_SHORT);
        assert_int_equal(VERDICT("v", "\1u\0\0\1\0\0\0"), BODY_OK);
        assert_int_equal(VERDICT("v", "\1u\0\1\1\0\0\0"), BODY_BAD_PADDING);
        assert_int_equal(VERDICT("vy", "\4(yv)\0\0\0\1\1v\0\1y\0\7\7"), BODY_OK);
}

/* An array of dict entries with variants, and a second argument behind it. */
static void test_body_dict_of_variants_accepted(void **state)
{
        Bytes bytes = {0};

        (void)state;
        bytes_u32(&bytes, 35);
        bytes_align(&bytes, 8);
        bytes_text(&bytes, "ab");
        bytes_signature(&bytes, "s");
        bytes_align(&bytes, 4);
        bytes_text(&bytes, "cd");
        bytes_align(&bytes, 8);
        bytes_text(&bytes, "ef");
        bytes_signature(&bytes, "y");
        bytes_u8(&bytes, 1);
        assert_int_equal(bytes.size, 8 + 35);
        bytes_u8(&bytes, 9);
        assert_int_equal(validate(&bytes, "a{sv}y"), BODY_OK);
        bytes_set_u32(&bytes, 0, 36); /* one byte more than the entries */
        assert_int_equal(validate(&bytes, "a{sv}y"), BODY_TOO_SHORT);
        bytes_set_u32(&bytes, 0, 34);
        assert_int_equal(validate(&bytes, "a{sv}y"), BODY_TOO_SHORT);
}

/* Empty arrays of long types, again and again: their types' sizes are remembered. */
static void test_body_many_empty_arrays_of_long_types_accepted(void **state)
{
        const char *signature = "a(a(yyyyyyyyyy(uuu)a{sv})yaa(xxxxxxxxxxxx)q)s";
        Bytes bytes = {0};

        (void)state;
        bytes_u32(&bytes, 0);
        bytes_align(&bytes, 8);
        for (unsigned i = 0; i < 100; i++) {
                bytes_align(&bytes, 8);
                bytes_u32(&bytes, 0); /* a(yy...) */
                bytes_align(&bytes, 8);
                bytes_u8(&bytes, 1);
                bytes_align(&bytes, 4);
                bytes_u32(&bytes, 0); /* aa(xx...) */
                bytes_number(&bytes, 2, 2);
        }
        bytes_set_u32(&bytes, 0, (uint32_t)(bytes.size - 8));
        bytes_align(&bytes, 4);
        bytes_text(&bytes, "end");
        assert_int_equal(validate(&bytes, signature), BODY_OK);
        bytes.data[bytes.size - 1] = 1;
        assert_int_equal(validate(&bytes, signature), BODY_BAD_STRING);
}

static void test_body_results_have_texts_of_their_own(void **state)
{
        (void)state;
        for (int a = BODY_OK; a <= BODY_TOO_DEEP; a++) {
                for (int b = BODY_OK; b < a; b++)
                        assert_string_not_equal(body_result_text((BodyResult)a),
                                                body_result_text((BodyResult)b));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_body_all_types_accepted_whole_only),
                cmocka_unit_test(test_body_empty_signature_means_empty_body),
                cmocka_unit_test(test_body_padding_not_zero_refused),
                cmocka_unit_test(test_body_booleans_0_and_1_only),
                cmocka_unit_test(test_body_strings_invalid_refused),
                cmocka_unit_test(test_body_object_paths_and_signatures_checked),
                cmocka_unit_test(test_body_arrays_sized_as_their_elements),
                cmocka_unit_test(test_body_empty_arrays_are_padded_for_their_elements),
                cmocka_unit_test(test_body_array_sizes_near_4_gib_refused),
                cmocka_unit_test(test_body_array_of_64_mib_is_the_largest),
                cmocka_unit_test(test_body_variants_hold_exactly_one_type),
                cmocka_unit_test(test_body_dict_of_variants_accepted),
                cmocka_unit_test(test_body_many_empty_arrays_of_long_types_accepted),
                cmocka_unit_test(test_body_results_have_texts_of_their_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
