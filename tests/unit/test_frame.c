/* SPDX-License-Identifier: Apache-2.0 */
/* The frame cutter. Expected values follow the specification's "Message Format". */

#include "proto/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1024u * 1024u)

typedef struct Fixed {
        uint8_t data[FRAME_FIXED_SIZE];
} Fixed;

/* A fixed part, little-endian, of a method call with serial 1. */
static Fixed fixed_of(uint32_t fields_size, uint32_t body_size)
{
        Fixed fixed = {{'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}};

        for (unsigned i = 0; i < 4; i++) {
                fixed.data[4 + i] = (uint8_t)(body_size >> 8 * i);
                fixed.data[12 + i] = (uint8_t)(fields_size >> 8 * i);
        }
        return fixed;
}

static FrameResult cut(const Fixed *fixed, uint32_t size_max, Frame *ret_frame)
{
        return frame_cut(fixed->data, sizeof(fixed->data), size_max, ret_frame);
}

static void test_frame_little_endian_cut(void **state)
{
        static const uint8_t data[16] = {'l', 4, 0x85, 1, 0x0c, 1, 0, 0, 4, 3, 2, 1, 0x6d, 0, 0, 0};
        Frame frame;

        (void)state;
        assert_int_equal(frame_cut(data, 16, FRAME_SIZE_MAX, &frame), FRAME_OK);
        assert_false(frame.big_endian);
        assert_int_equal(frame.type, FRAME_TYPE_SIGNAL);
        assert_int_equal(frame.flags, 0x85);
        assert_int_equal(frame.serial, 0x01020304);
        assert_int_equal(frame.fields_size, 109);
        assert_int_equal(frame.header_size, 128);
        assert_int_equal(frame.body_size, 268);
        assert_int_equal(frame.size, 396);
}

static void test_frame_big_endian_cut(void **state)
{
        static const uint8_t data[16] = {'B', 2, 1, 1, 0, 0, 1, 0x0c, 1, 2, 3, 4, 0, 0, 0, 0x70};
        Frame frame;

        (void)state;
        assert_int_equal(frame_cut(data, 16, FRAME_SIZE_MAX, &frame), FRAME_OK);
        assert_true(frame.big_endian);
        assert_int_equal(frame.type, FRAME_TYPE_METHOD_RETURN);
        assert_int_equal(frame.flags, FRAME_FLAG_NO_REPLY_EXPECTED);
        assert_int_equal(frame.serial, 0x01020304);
        assert_int_equal(frame.header_size, 128);
        assert_int_equal(frame.body_size, 268);
        assert_int_equal(frame.size, 396);
}

static void test_frame_fewer_than_16_bytes_short(void **state)
{
        Fixed fixed = fixed_of(0, 0);
        Frame frame;

        (void)state;
        for (size_t size = 0; size < FRAME_FIXED_SIZE; size++)
                assert_int_equal(frame_cut(fixed.data, size, FRAME_SIZE_MAX, &frame), FRAME_SHORT);
        assert_int_equal(frame_cut(fixed.data, 16, FRAME_SIZE_MAX, &frame), FRAME_OK);
        assert_int_equal(frame.size, 16);
}

static void test_frame_unknown_byte_order_refused(void **state)
{
        Fixed fixed = fixed_of(0, 0);
        Frame frame;

        (void)state;
        for (unsigned byte = 0; byte < 256; byte++) {
                fixed.data[0] = (uint8_t)byte;
                fixed.data[11] = byte == 'B'; /* a serial in this order too */
                assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame),
                                 byte == 'l' || byte == 'B' ? FRAME_OK : FRAME_BAD_ENDIAN);
        }
}

static void test_frame_types_all_but_zero_accepted(void **state)
{
        Fixed fixed = fixed_of(0, 0);
        Frame frame;

        (void)state;
        for (unsigned type = 1; type < 256; type++) {
                fixed.data[1] = (uint8_t)type;
                assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_OK);
                assert_int_equal(frame.type, type);
        }
        fixed.data[1] = 0;
        assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_BAD_TYPE);
}

static void test_frame_versions_other_than_1_refused(void **state)
{
        Fixed fixed = fixed_of(0, 0);
        Frame frame;

        (void)state;
        for (unsigned version = 0; version < 256; version++) {
                fixed.data[3] = (uint8_t)version;
                assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame),
                                 version == 1 ? FRAME_OK : FRAME_BAD_VERSION);
        }
}

static void test_frame_serial_zero_refused(void **state)
{
        Fixed fixed = fixed_of(0, 0);
        Frame frame;

        (void)state;
        fixed.data[8] = 0;
        assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_BAD_SERIAL);
        fixed.data[11] = 0x80;
        assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_OK);
        assert_int_equal(frame.serial, 0x80000000);
}

static void test_frame_message_of_128_mib_is_the_largest(void **state)
{
        Fixed fixed = fixed_of(0, 128 * MIB - 16);
        Frame frame;

        (void)state;
        assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_OK);
        assert_int_equal(frame.size, 128 * MIB);
        fixed = fixed_of(0, 128 * MIB - 15);
        assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_TOO_LONG);
        fixed = fixed_of(1, 128 * MIB - 24);
        assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_OK);
        fixed = fixed_of(1, 128 * MIB - 23); /* padding counts */
        assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_TOO_LONG);
}

static void test_frame_limit_above_128_mib_counts_as_128_mib(void **state)
{
        Fixed fixed = fixed_of(0, 128 * MIB - 15);
        Frame frame;

        (void)state;
        assert_int_equal(cut(&fixed, UINT32_MAX, &frame), FRAME_TOO_LONG);
        fixed = fixed_of(0, 128 * MIB - 16);
        assert_int_equal(cut(&fixed, UINT32_MAX, &frame), FRAME_OK);
}

static void test_frame_configured_limit_kept(void **state)
{
        Fixed fixed = fixed_of(9, 68);
        Frame frame;

        (void)state;
        assert_int_equal(cut(&fixed, 100, &frame), FRAME_OK);
        assert_int_equal(frame.size, 100);
        assert_int_equal(cut(&fixed, 99, &frame), FRAME_TOO_LONG);
        fixed = fixed_of(101, 0);
        assert_int_equal(cut(&fixed, 100, &frame), FRAME_BAD_FIELDS_SIZE);
        assert_int_equal(cut(&fixed, 0, &frame), FRAME_BAD_FIELDS_SIZE);
        fixed = fixed_of(0, 0);
        assert_int_equal(cut(&fixed, 0, &frame), FRAME_TOO_LONG);
}

static void test_frame_field_array_of_64_mib_is_the_largest(void **state)
{
        Fixed fixed = fixed_of(64 * MIB, 0);
        Frame frame;

        (void)state;
        assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_OK);
        assert_int_equal(frame.header_size, 64 * MIB + 16);
        fixed = fixed_of(64 * MIB + 1, 0);
        assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_BAD_FIELDS_SIZE);
}

/* Sums of these sizes, or the padding of them, wrap around in 32 bits. */
static void test_frame_sizes_near_4_gib_refused(void **state)
{
        Frame frame;

        (void)state;
        for (uint32_t below = 0; below < 40; below++) {
                Fixed fixed = fixed_of(UINT32_MAX - below, 0);

                assert_int_equal(cut(&fixed, UINT32_MAX, &frame), FRAME_BAD_FIELDS_SIZE);
                fixed = fixed_of(8, UINT32_MAX - below);
                assert_int_equal(cut(&fixed, UINT32_MAX, &frame), FRAME_TOO_LONG);
                fixed = fixed_of(0x80000000u - below, 0x80000000u);
                assert_int_equal(cut(&fixed, UINT32_MAX, &frame), FRAME_BAD_FIELDS_SIZE);
                fixed = fixed_of(64 * MIB, UINT32_MAX - 64 * MIB - below);
                assert_int_equal(cut(&fixed, UINT32_MAX, &frame), FRAME_TOO_LONG);
        }
}

static void test_frame_refused_leaves_result_untouched(void **state)
{
        Fixed fixed = fixed_of(0, UINT32_MAX);
        Frame frame, before;

        (void)state;
        memset(&frame, 0xa5, sizeof(frame));
        before = frame;
        assert_int_equal(cut(&fixed, FRAME_SIZE_MAX, &frame), FRAME_TOO_LONG);
        assert_memory_equal(&frame, &before, sizeof(frame));
}

static void test_frame_loads_unaligned_in_both_orders(void **state)
{
        static const uint8_t data[9] = {0xff, 1, 2, 3, 4, 5, 6, 7, 8};
        uint8_t out[5] = {0};

        (void)state;
        assert_int_equal(frame_load_u16(data + 1, false), 0x0201);
        assert_int_equal(frame_load_u16(data + 1, true), 0x0102);
        assert_int_equal(frame_load_u32(data + 1, false), 0x04030201);
        assert_int_equal(frame_load_u32(data + 1, true), 0x01020304);
        assert_true(frame_load_u64(data + 1, false) == UINT64_C(0x0807060504030201));
        assert_true(frame_load_u64(data + 1, true) == UINT64_C(0x0102030405060708));
        frame_store_u32(out + 1, 0x01020304, true);
        assert_memory_equal(out + 1, data + 1, 4);
        frame_store_u32(out + 1, 0x04030201, false);
        assert_memory_equal(out + 1, data + 1, 4);
        assert_int_equal(out[0], 0);
}

static void test_frame_results_have_texts_of_their_own(void **state)
{
        (void)state;
        for (int a = FRAME_OK; a <= FRAME_TOO_LONG; a++) {
                for (int b = FRAME_OK; b < a; b++)
                        assert_string_not_equal(frame_result_text((FrameResult)a),
                                                frame_result_text((FrameResult)b));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_frame_little_endian_cut),
                cmocka_unit_test(test_frame_big_endian_cut),
                cmocka_unit_test(test_frame_fewer_than_16_bytes_short),
                cmocka_unit_test(test_frame_unknown_byte_order_refused),
                cmocka_unit_test(test_frame_types_all_but_zero_accepted),
                cmocka_unit_test(test_frame_versions_other_than_1_refused),
                cmocka_unit_test(test_frame_serial_zero_refused),
                cmocka_unit_test(test_frame_message_of_128_mib_is_the_largest),
                cmocka_unit_test(test_frame_limit_above_128_mib_counts_as_128_mib),
                cmocka_unit_test(test_frame_configured_limit_kept),
                cmocka_unit_test(test_frame_field_array_of_64_mib_is_the_largest),
                cmocka_unit_test(test_frame_sizes_near_4_gib_refused),
                cmocka_unit_test(test_frame_refused_leaves_result_untouched),
                cmocka_unit_test(test_frame_loads_unaligned_in_both_orders),
                cmocka_unit_test(test_frame_results_have_texts_of_their_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
