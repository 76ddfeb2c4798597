/* SPDX-License-Identifier: Apache-2.0 */
/* Nesting limits of bodies, single values, and the arguments that match rules look at. */

#include "proto/body.h"
#include "proto/signature.h"
#include "tests/unit/wire_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static BodyResult validate(const Bytes *bytes, const char *signature)
{
        return body_validate(bytes->data, bytes->size, text_from(signature), bytes->big_endian);
}

/* n variants, each in the one before, around a value. */
static BodyResult validate_variants(unsigned n_variants, const char *type, uint32_t n_zeros)
{
        Bytes bytes = {0};

        for (unsigned i = 1; i < n_variants; i++)
                bytes_signature(&bytes, "v");
        bytes_signature(&bytes, type);
        bytes_align(&bytes, signature_alignment(type[0]));
        while (n_zeros-- > 0)
                bytes_u8(&bytes, 0);
        return validate(&bytes, "v");
}

static void test_body_variants_64_deep_accepted(void **state)
{
        (void)state;
        assert_int_equal(validate_variants(1, "y", 1), BODY_OK);
        assert_int_equal(validate_variants(64, "y", 1), BODY_OK);
        assert_int_equal(validate_variants(65, "y", 1), BODY_TOO_DEEP);
        assert_int_equal(validate_variants(1000, "y", 1), BODY_TOO_DEEP);
        assert_int_equal(validate_variants(63, "(y)", 1), BODY_OK);
        assert_int_equal(validate_variants(64, "(y)", 1), BODY_TOO_DEEP);
        assert_int_equal(validate_variants(62, "((y))", 1), BODY_OK);
        assert_int_equal(validate_variants(63, "((y))", 1), BODY_TOO_DEEP);
}

/* As in the reference, arrays that hold nothing to walk through do not count. */
static void test_body_arrays_without_members_do_not_count(void **state)
{
        Bytes bytes = {0};

        (void)state;
        assert_int_equal(validate_variants(64, "as", 4), BODY_OK);
        assert_int_equal(validate_variants(64, "ay", 4), BODY_OK);
        for (unsigned i = 1; i < 64; i++)
                bytes_signature(&bytes, "v");
        bytes_signature(&bytes, "ay");
        bytes_align(&bytes, 4);
        bytes_u32(&bytes, 1);
        bytes_u8(&bytes, 1);
        assert_int_equal(validate(&bytes, "v"), BODY_OK);
        bytes.size = (size_t)63 * 3;
        bytes_signature(&bytes, "as");
        bytes_align(&bytes, 4);
        bytes_u32(&bytes, 5);
        bytes_text(&bytes, "");
        assert_int_equal(validate(&bytes, "v"), BODY_TOO_DEEP);
}

/* 32 arrays of structs of ... around a variant: 64 containers before it, 65 with it. */
static void test_body_arrays_and_structs_64_deep_accepted(void **state)
{
        char signature[256];
        size_t size = 0;

        (void)state;
        for (unsigned with_variant = 0; with_variant < 2; with_variant++) {
                Bytes bytes = {.big_endian = true};

                for (size = 0; size < 64;) {
                        signature[size++] = 'a';
                        signature[size++] = '(';
                }
                signature[size++] = with_variant ? 'v' : 's';
                memset(signature + size, ')', 32);
                signature[size + 32] = '\0';
                for (unsigned i = 0; i < 32; i++) {
                        /* size word, padding, then the struct at once */
                        bytes_u32(&bytes, (31 - i) * 8 + (with_variant ? 4 : 6));
                        bytes_align(&bytes, 8);
                }
                if (with_variant) {
                        bytes_signature(&bytes, "y");
                        bytes_u8(&bytes, 1);
                } else {
                        bytes_text(&bytes, "x");
                }
                assert_int_equal(validate(&bytes, signature),
                                 with_variant ? BODY_TOO_DEEP : BODY_OK);
        }
}

static void test_body_32_arrays_in_arrays_accepted(void **state)
{
        const char *signature = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaas";
        Bytes bytes = {0};

        (void)state;
        for (unsigned i = 0; i < 32; i++)
                bytes_u32(&bytes, (31 - i) * 4 + 6);
        bytes_text(&bytes, "x");
        assert_int_equal(validate(&bytes, signature), BODY_OK);
        bytes_set_u32(&bytes, 64, 15 * 4 + 5);
        assert_int_equal(validate(&bytes, signature), BODY_TOO_SHORT);
}

static void test_body_value_ends_behind_it(void **state)
{
        Bytes bytes = {.big_endian = true};
        size_t end = 0;

        (void)state;
        bytes_put(&bytes, "\xff\xff\xff", 3);
        bytes_u8(&bytes, 0);
        bytes_text(&bytes, "abc");
        bytes_put(&bytes, "\xff\xff", 2);
        assert_int_equal(body_validate_value(bytes.data, bytes.size, 3, TEXT("s"), true, &end),
                         BODY_OK);
        assert_int_equal(end, 12);
        assert_int_equal(body_validate_value(bytes.data, 11, 3, TEXT("s"), true, &end),
                         BODY_TOO_SHORT);
        assert_int_equal(body_validate_value(bytes.data, bytes.size, 2, TEXT("s"), true, &end),
                         BODY_BAD_PADDING);
        assert_int_equal(body_validate_value(bytes.data, 14, 14, TEXT("y"), true, &end),
                         BODY_TOO_SHORT);
        assert_int_equal(body_validate_value(bytes.data, 14, 15, TEXT("y"), true, &end),
                         BODY_TOO_SHORT);
        assert_int_equal(body_validate_value(bytes.data, 14, 0, TEXT("yy"), true, &end),
                         BODY_BAD_SIGNATURE);
        assert_int_equal(body_validate_value(bytes.data, 14, 0, TEXT(""), true, &end),
                         BODY_BAD_SIGNATURE);
        assert_int_equal(end, 12);
}

static void assert_arg(const BodyArg *arg, char type, const char *text)
{
        assert_int_equal(arg->type, type);
        assert_true(text_equal(arg->text, text_from(text)));
}

static const char every_kind[] = "sysaua(ss)ov(yg)sga{sv}s";

/* Arguments of every kind, with texts between. */
static void put_every_kind(Bytes *bytes)
{
        bytes_text(bytes, "first");
        bytes_u8(bytes, 1);
        bytes_align(bytes, 4);
        bytes_text(bytes, "");
        bytes_align(bytes, 4);
        bytes_u32(bytes, 8); /* au */
        bytes_u32(bytes, 1);
        bytes_u32(bytes, 2);
        bytes_u32(bytes, 0); /* a(ss), empty, but padded */
        bytes_align(bytes, 8);
        bytes_text(bytes, "/path");
        bytes_signature(bytes, "as");
        bytes_align(bytes, 4);
        bytes_u32(bytes, 7);
        bytes_text(bytes, "in");
        bytes_align(bytes, 8);
        bytes_u8(bytes, 1); /* (yg) */
        bytes_signature(bytes, "s");
        bytes_align(bytes, 4);
        bytes_text(bytes, "behind a struct");
        bytes_signature(bytes, "as");
        bytes_align(bytes, 4);
        bytes_u32(bytes, 12); /* a{sv} */
        bytes_align(bytes, 8);
        bytes_text(bytes, "key");
        bytes_signature(bytes, "y");
        bytes_u8(bytes, 1);
        bytes_align(bytes, 4);
        bytes_text(bytes, "last");
}

static void check_args(bool big_endian)
{
        Bytes bytes = {.big_endian = big_endian};
        BodyArg args[BODY_ARGS_MAX];

        put_every_kind(&bytes);
        assert_int_equal(validate(&bytes, every_kind), BODY_OK);
        assert_int_equal(body_read_args(bytes.data, bytes.size, text_from(every_kind), big_endian,
                                        BODY_ARGS_MAX, args),
                         12);
        assert_arg(&args[0], 's', "first");
        assert_arg(&args[1], 'y', NULL);
        assert_arg(&args[2], 's', "");
        assert_arg(&args[3], 'a', NULL);
        assert_arg(&args[4], 'a', NULL);
        assert_arg(&args[5], 'o', "/path");
        assert_arg(&args[6], 'v', NULL);
        assert_arg(&args[7], '(', NULL);
        assert_arg(&args[8], 's', "behind a struct");
        assert_arg(&args[9], 'g', NULL);
        assert_arg(&args[10], 'a', NULL);
        assert_arg(&args[11], 's', "last");
}

static void test_body_args_of_every_kind_read(void **state)
{
        (void)state;
        check_args(false);
        check_args(true);
}

static void test_body_args_limited_to_n_max(void **state)
{
        Bytes bytes = {0};
        BodyArg args[BODY_ARGS_MAX];

        (void)state;
        put_every_kind(&bytes);
        for (unsigned n_max = 0; n_max <= 12; n_max++) {
                memset(args, 0x5a, sizeof(args));
                assert_int_equal(body_read_args(bytes.data, bytes.size, text_from(every_kind),
                                                false, n_max, args),
                                 n_max);
                assert_int_equal(args[n_max].type, 0x5a);
        }
        assert_int_equal(body_read_args(bytes.data, 0, TEXT(""), false, 64, args), 0);
}

/* The bytes behind the last argument asked for are not even looked at. */
static void test_body_args_read_no_further_than_needed(void **state)
{
        Bytes bytes = {0};
        BodyArg args[2];

        (void)state;
        bytes_text(&bytes, "abc");
        assert_int_equal(body_read_args(bytes.data, 8, TEXT("sv(aaaaa{sv})"), false, 2, args), 2);
        assert_arg(&args[0], 's', "abc");
        assert_arg(&args[1], 'v', NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_body_variants_64_deep_accepted),
                cmocka_unit_test(test_body_arrays_without_members_do_not_count),
                cmocka_unit_test(test_body_arrays_and_structs_64_deep_accepted),
                cmocka_unit_test(test_body_32_arrays_in_arrays_accepted),
                cmocka_unit_test(test_body_value_ends_behind_it),
                cmocka_unit_test(test_body_args_of_every_kind_read),
                cmocka_unit_test(test_body_args_limited_to_n_max),
                cmocka_unit_test(test_body_args_read_no_further_than_needed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
