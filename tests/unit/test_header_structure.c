/* SPDX-License-Identifier: Apache-2.0 */
/* The header field array as an array of structs of variants: sizes, padding, unknown fields. */

#include "proto/header.h"
#include "tests/unit/wire_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { RETURN = 2 };

/*
 * The header is parsed in memory of just its size, so that AddressSanitizer sees what reads over
 * its end.
 */
static HeaderResult parse(const Bytes *bytes, Header *ret_header)
{
        uint8_t *copy = malloc(bytes->size);
        HeaderResult result;
        Frame frame;

        assert_non_null(copy);
        memcpy(copy, bytes->data, bytes->size);
        assert_int_equal(frame_cut(copy, bytes->size, FRAME_SIZE_MAX, &frame), FRAME_OK);
        assert_int_equal(bytes->size, frame.header_size);
        result = header_parse(copy, &frame, ret_header);
        free(copy);
        return result;
}

static HeaderResult verdict(Bytes *bytes)
{
        Header header;

        bytes_end_fields(bytes);
        return parse(bytes, &header);
}

static void start_return(Bytes *bytes, bool big_endian)
{
        bytes_start(bytes, big_endian, RETURN);
        bytes_field_u32(bytes, HEADER_FIELD_REPLY_SERIAL, 5);
}

/* Every cut of a valid field array is refused or, between two fields, valid. */
static void test_header_array_cut_short_refused(void **state)
{
        Bytes whole;

        (void)state;
        bytes_start(&whole, true, 9);
        bytes_field_u32(&whole, 9, 1);
        bytes_field_text(&whole, 8, "g", "a{sv}");
        bytes_field_text(&whole, 1, "o", "/org/example");
        bytes_field_text(&whole, 99, "s", "text");
        for (size_t size = 16; size <= whole.size; size++) {
                bool between =
                        size == 16 || size == 24 || size == 35 || size == 61 || size == whole.size;
                Bytes cut = whole;
                HeaderResult result;

                cut.size = size;
                memset(cut.data + size, 0, sizeof(cut.data) - size);
                result = verdict(&cut);
                assert_int_equal(result == HEADER_OK, between);
        }
}

static void test_header_padding_counted_in_the_array_refused(void **state)
{
        Bytes bytes;

        (void)state;
        start_return(&bytes, false);
        bytes_field_text(&bytes, 3, "s", "M");
        assert_int_equal(bytes.size % 8, 2);
        bytes_u8(&bytes, 0);
        assert_int_equal(verdict(&bytes), HEADER_BAD_STRUCTURE);
}

static void test_header_padding_not_zero_refused(void **state)
{
        Bytes bytes;
        Header header;

        (void)state;
        start_return(&bytes, false);
        bytes_field_text(&bytes, 3, "s", "M");
        bytes_align(&bytes, 8);
        bytes_field_text(&bytes, 2, "s", "a.b");
        bytes_end_fields(&bytes);
        assert_int_equal(bytes.size, 56);
        assert_int_equal(parse(&bytes, &header), HEADER_OK);
        for (size_t i = 34; i < 40; i++) { /* between the fields */
                bytes.data[i] = 1;
                assert_int_equal(parse(&bytes, &header), HEADER_BAD_PADDING);
                bytes.data[i] = 0;
        }
        for (size_t i = 52; i < 56; i++) { /* behind the last */
                bytes.data[i] = 0x80;
                assert_int_equal(parse(&bytes, &header), HEADER_BAD_PADDING);
                bytes.data[i] = 0;
        }
}

static void test_header_text_size_over_the_end_refused(void **state)
{
        static const uint32_t sizes[] = {4,          5,          8,          0x7fffffff,
                                         0x80000000, 0xfffffff0, 0xfffffffb, 0xffffffff};
        Bytes bytes;
        Header header;

        (void)state;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                start_return(&bytes, i % 2 == 0);
                bytes_field_text(&bytes, 3, "s", "Mem");
                bytes_end_fields(&bytes);
                assert_int_equal(parse(&bytes, &header), HEADER_OK);
                bytes_set_u32(&bytes, 28, sizes[i]);
                assert_int_equal(parse(&bytes, &header), HEADER_BAD_STRUCTURE);
        }
        start_return(&bytes, false);
        bytes_field_text(&bytes, 8, "g", "ii");
        bytes_end_fields(&bytes);
        assert_int_equal(parse(&bytes, &header), HEADER_OK);
        for (unsigned size = 3; size < 256; size++) {
                bytes.data[28] = (uint8_t)size;
                assert_int_equal(parse(&bytes, &header), HEADER_BAD_STRUCTURE);
        }
}

static void test_header_text_without_terminator_refused(void **state)
{
        Bytes bytes;
        Header header;

        (void)state;
        start_return(&bytes, false);
        bytes_field_text(&bytes, 3, "s", "Mem");
        bytes_end_fields(&bytes);
        bytes.data[35] = 'b';
        assert_int_equal(parse(&bytes, &header), HEADER_BAD_FIELD_VALUE);
        bytes.data[35] = 0;
        bytes.data[33] = 0; /* and with one too early */
        assert_int_equal(parse(&bytes, &header), HEADER_BAD_FIELD_VALUE);
}

static void test_header_variant_signature_without_terminator_refused(void **state)
{
        Bytes bytes;
        Header header;

        (void)state;
        start_return(&bytes, false);
        bytes_field_text(&bytes, 3, "s", "Mem");
        bytes_field_text(&bytes, 200, "s", "Mem");
        bytes_end_fields(&bytes);
        bytes.data[27] = 1;
        assert_int_equal(parse(&bytes, &header), HEADER_BAD_STRUCTURE);
        bytes.data[27] = 0;
        bytes.data[43] = 1;
        assert_int_equal(parse(&bytes, &header), HEADER_BAD_STRUCTURE);
}

static void check_unknown_values(bool big_endian)
{
        Bytes bytes;
        Header header;

        start_return(&bytes, big_endian);
        bytes_field_u32(&bytes, 11, 1);
        bytes_field_text(&bytes, 255, "s", "gr\xc3\xbc\xc3\x9f");
        bytes_field(&bytes, 11, "t"); /* twice, and of another type */
        bytes_align(&bytes, 8);
        bytes_number(&bytes, UINT64_MAX, 8);
        bytes_field(&bytes, 77, "a(yv)");
        bytes_align(&bytes, 4);
        bytes_u32(&bytes, 5);
        bytes_align(&bytes, 8);
        bytes_u8(&bytes, 1);
        bytes_signature(&bytes, "y");
        bytes_u8(&bytes, 2);
        bytes_end_fields(&bytes);
        assert_int_equal(parse(&bytes, &header), HEADER_OK);
        assert_int_equal(header.n_stripped, 4);
        assert_int_equal(header.reply_serial, 5);
}

static void test_header_unknown_fields_skipped_and_counted(void **state)
{
        (void)state;
        check_unknown_values(false);
        check_unknown_values(true);
}

static HeaderResult unknown_verdict(const char *signature, const char *value, size_t size)
{
        Bytes bytes;

        start_return(&bytes, false);
        bytes_field(&bytes, 123, signature);
        bytes_put(&bytes, value, size);
        return verdict(&bytes);
}

static void test_header_unknown_field_with_invalid_value_refused(void **state)
{
        (void)state;
        assert_int_equal(unknown_verdict("b", "\1\0\0\0", 4), HEADER_OK);
        assert_int_equal(unknown_verdict("b", "\2\0\0\0", 4), HEADER_BAD_FIELD_VALUE);
        assert_int_equal(unknown_verdict("s", "\1\0\0\0\x80\0", 6), HEADER_BAD_FIELD_VALUE);
        assert_int_equal(unknown_verdict("o", "\1\0\0\0a\0", 6), HEADER_BAD_FIELD_VALUE);
        assert_int_equal(unknown_verdict("s", "\3\0\0\0a\0", 6), HEADER_BAD_STRUCTURE);
        assert_int_equal(unknown_verdict("u", "\3\0\0", 3), HEADER_BAD_STRUCTURE);
        assert_int_equal(unknown_verdict("au", "\0\0\0\3\0\0\0", 7), HEADER_BAD_STRUCTURE);
        assert_int_equal(unknown_verdict("au", "\1\0\0\0\3\0\0\0", 8), HEADER_BAD_PADDING);
        assert_int_equal(unknown_verdict("", "", 0), HEADER_BAD_STRUCTURE);
        assert_int_equal(unknown_verdict("yy", "\1\1", 2), HEADER_BAD_STRUCTURE);
        assert_int_equal(unknown_verdict("z", "\1\1", 2), HEADER_BAD_STRUCTURE);
        assert_int_equal(unknown_verdict("g", "\1z", 3), HEADER_BAD_STRUCTURE);
}

/* The array, the struct and the variant of the header count among the 64 containers. */
static void test_header_unknown_field_nested_in_64_containers_accepted(void **state)
{
        Bytes bytes;

        (void)state;
        for (unsigned n_variants = 60; n_variants <= 63; n_variants++) {
                start_return(&bytes, false);
                bytes_field(&bytes, 50, "v");
                for (unsigned i = 1; i < n_variants; i++)
                        bytes_signature(&bytes, "v");
                bytes_signature(&bytes, "y");
                bytes_u8(&bytes, 1);
                assert_int_equal(verdict(&bytes),
                                 n_variants + 3 <= 64 ? HEADER_OK : HEADER_BAD_STRUCTURE);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_header_array_cut_short_refused),
                cmocka_unit_test(test_header_padding_counted_in_the_array_refused),
                cmocka_unit_test(test_header_padding_not_zero_refused),
                cmocka_unit_test(test_header_text_size_over_the_end_refused),
                cmocka_unit_test(test_header_text_without_terminator_refused),
                cmocka_unit_test(test_header_variant_signature_without_terminator_refused),
                cmocka_unit_test(test_header_unknown_fields_skipped_and_counted),
                cmocka_unit_test(test_header_unknown_field_with_invalid_value_refused),
                cmocka_unit_test(test_header_unknown_field_nested_in_64_containers_accepted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
