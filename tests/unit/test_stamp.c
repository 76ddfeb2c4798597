/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stamping, with both messages written out by hand: what a client sends and what others receive.
 * The stamped sender is ":1.42".
 */

#include "proto/stamp.h"
#include "tests/unit/wire_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Fields with their padding to 8 or 16 bytes, little-endian unless marked. */
#define REPLY "\5\1u\0\5\0\0\0"
#define REPLY_BIG "\5\1u\0\0\0\0\5"
#define MEMBER "\3\1s\0\4\0\0\0Ping\0\0\0\0"
#define FORGED "\7\1s\0\4\0\0\0:1.9\0\0\0\0"
#define UNKNOWN "\x0b\1s\0\2\0\0\0ab\0\0\0\0\0\0"
#define UNKNOWN_BYTE "\xff\1y\0\1\0\0\0"
#define CONTAINER "\x0a\1o\0\2\0\0\0/c\0\0\0\0\0\0"
#define SENDER "\7\1s\0\5\0\0\0:1.42\0\0\0"
#define SENDER_BIG "\7\1s\0\0\0\0\5:1.42\0\0\0"

/* The fixed part of a return message with flags 2, serial 7 and a body of 9 bytes. */
#define FIXED(fields_size) "l\2\2\1\x09\0\0\0\7\0\0\0" fields_size "\0\0\0"
#define FIXED_BIG(fields_size) "B\2\2\1\0\0\0\x09\0\0\0\7\0\0\0" fields_size
#define SIGNATURE "\x08\1g\0\3aay\0\0\0\0\0\0\0\0" /* 9 bytes, padded to 16 */

static void parse(const uint8_t *data, size_t size, Header *ret_header)
{
        Frame frame;

        assert_int_equal(frame_cut(data, size, FRAME_SIZE_MAX, &frame), FRAME_OK);
        assert_true(frame.header_size <= size);
        assert_int_equal(header_parse(data, &frame, ret_header), HEADER_OK);
}

static void check_written(const uint8_t *data, const Header *header, const uint8_t *expected,
                          size_t size)
{
        uint8_t out[1024];

        assert_int_equal(stamp_size(data, header, TEXT(":1.42")), size);
        memset(out, 0xa5, sizeof(out));
        stamp_write(data, header, TEXT(":1.42"), out);
        assert_memory_equal(out, expected, size);
        assert_int_equal(out[size], 0xa5);
}

static void check_planned(const uint8_t *data, const Header *header, const uint8_t *expected,
                          size_t size)
{
        StampPlan plan;
        size_t position = 0;

        memset(&plan, 0xa5, sizeof(plan));
        assert_true(stamp_plan(data, header, TEXT(":1.42"), &plan));
        assert_int_equal(plan.header_size, size);
        assert_ptr_equal(plan.runs[0].iov_base, plan.fixed);
        assert_ptr_equal(plan.runs[plan.n_runs - 1].iov_base, plan.patch);
        for (unsigned i = 0; i < plan.n_runs; i++) {
                assert_true(position + plan.runs[i].iov_len <= size);
                assert_memory_equal(plan.runs[i].iov_base, expected + position,
                                    plan.runs[i].iov_len);
                position += plan.runs[i].iov_len;
        }
        assert_int_equal(position, size);
}

static void check(const char *data, size_t size, const char *expected, size_t expected_size)
{
        const uint8_t *bytes = (const uint8_t *)data;
        Header header;

        parse(bytes, size, &header);
        assert_int_equal(header.frame.header_size, size);
        assert_int_equal(expected_size % 8, 0);
        check_written(bytes, &header, (const uint8_t *)expected, expected_size);
        check_planned(bytes, &header, (const uint8_t *)expected, expected_size);
}

#define CHECK(data, expected) check(data, sizeof(data) - 1, expected, sizeof(expected) - 1)

static void test_stamp_nothing_to_strip_sender_appended(void **state)
{
        (void)state;
        CHECK(FIXED("\x11") REPLY SIGNATURE, FIXED("\x26") REPLY SIGNATURE SENDER);
        CHECK(FIXED("\x18") SIGNATURE REPLY, FIXED("\x26") SIGNATURE REPLY SENDER);
        CHECK("l\5\0\1\0\0\0\0\7\0\0\0\0\0\0\0", "l\5\0\1\0\0\0\0\7\0\0\0\x0e\0\0\0" SENDER);
}

static void test_stamp_big_endian_message_stays_big_endian(void **state)
{
        (void)state;
        CHECK(FIXED_BIG("\x11") REPLY_BIG SIGNATURE,
              FIXED_BIG("\x26") REPLY_BIG SIGNATURE SENDER_BIG);
        CHECK(FIXED_BIG("\x21") "\7\1s\0\0\0\0\4:1.9\0\0\0\0" REPLY_BIG SIGNATURE,
              FIXED_BIG("\x26") REPLY_BIG SIGNATURE SENDER_BIG);
}

static void test_stamp_forged_sender_replaced_wherever_it_is(void **state)
{
        (void)state;
        CHECK(FIXED("\x21") FORGED REPLY SIGNATURE, FIXED("\x26") REPLY SIGNATURE SENDER);
        CHECK(FIXED("\x21") REPLY FORGED SIGNATURE, FIXED("\x26") REPLY SIGNATURE SENDER);
        CHECK(FIXED("\x25") REPLY SIGNATURE FORGED, FIXED("\x26") REPLY SIGNATURE SENDER);
}

static void test_stamp_unknown_field_first_removed(void **state)
{
        (void)state;
        CHECK(FIXED("\x21") UNKNOWN REPLY SIGNATURE, FIXED("\x26") REPLY SIGNATURE SENDER);
}

static void test_stamp_unknown_field_in_the_middle_removed(void **state)
{
        (void)state;
        CHECK(FIXED("\x21") REPLY UNKNOWN SIGNATURE, FIXED("\x26") REPLY SIGNATURE SENDER);
}

static void test_stamp_unknown_field_last_removed(void **state)
{
        (void)state;
        CHECK(FIXED("\x23") REPLY SIGNATURE UNKNOWN, FIXED("\x26") REPLY SIGNATURE SENDER);
        CHECK(FIXED("\x1d") REPLY SIGNATURE UNKNOWN_BYTE, FIXED("\x26") REPLY SIGNATURE SENDER);
}

static void test_stamp_unknown_fields_many_times_removed(void **state)
{
        (void)state;
        CHECK(FIXED("\x65") UNKNOWN UNKNOWN_BYTE UNKNOWN REPLY UNKNOWN_BYTE UNKNOWN_BYTE SIGNATURE
                      UNKNOWN UNKNOWN_BYTE,
              FIXED("\x26") REPLY SIGNATURE SENDER);
        CHECK("l\5\0\1\0\0\0\0\7\0\0\0\x23\0\0\0" UNKNOWN UNKNOWN_BYTE UNKNOWN,
              "l\5\0\1\0\0\0\0\7\0\0\0\x0e\0\0\0" SENDER);
}

static void test_stamp_container_instance_removed(void **state)
{
        (void)state;
        CHECK(FIXED("\x31") CONTAINER REPLY MEMBER SIGNATURE,
              FIXED("\x36") REPLY MEMBER SIGNATURE SENDER);
        CHECK(FIXED("\x43") REPLY CONTAINER SIGNATURE FORGED UNKNOWN,
              FIXED("\x26") REPLY SIGNATURE SENDER);
}

/* A value without a simple size, in which something looks like a field. */
static void test_stamp_unknown_container_value_removed_whole(void **state)
{
        (void)state;
        CHECK(FIXED("\x39") REPLY
              "\xc8\5a(yv)\0\x18\0\0\0\0\0\0\0" REPLY UNKNOWN_BYTE REPLY SIGNATURE,
              FIXED("\x26") REPLY SIGNATURE SENDER);
}

static void test_stamp_sender_of_255_bytes_fits(void **state)
{
        static const uint8_t data[] = "l\2\0\1\0\0\0\0\7\0\0\0\x08\0\0\0" REPLY;
        char name[256];
        uint8_t out[16 + 8 + 264];
        Header header, stamped;
        StampPlan plan;
        Text sender = {name, 255};

        (void)state;
        memset(name, 'a', sizeof(name));
        name[1] = '.';
        parse(data, sizeof(data) - 1, &header);
        assert_int_equal(stamp_size(data, &header, sender), sizeof(out));
        stamp_write(data, &header, sender, out);
        parse(out, sizeof(out), &stamped);
        assert_true(text_equal(stamped.sender, sender));
        assert_int_equal(stamped.frame.fields_size, 8 + 264);
        assert_true(stamp_plan(data, &header, sender, &plan));
        assert_int_equal(plan.header_size, sizeof(out));
        assert_int_equal(plan.runs[plan.n_runs - 1].iov_len, 264);
        assert_memory_equal(plan.patch, out + 24, 264);
}

/* The first n of these fields, each behind an unknown one where `mixed`, SENDER where not. */
static void put_stretches(Bytes *bytes, bool big_endian, unsigned n, bool mixed)
{
        static const struct {
                uint8_t code;
                const char *type, *value;
        } fields[8] = {{5, "u", NULL}, {9, "u", NULL},  {1, "o", "/a"},  {2, "s", "a.b"},
                       {3, "s", "M"},  {4, "s", "a.c"}, {6, "s", "a.d"}, {8, "g", "ay"}};

        bytes_start(bytes, big_endian, 9);
        for (unsigned i = 0; i < n; i++) {
                if (mixed)
                        bytes_field_u32(bytes, 77, i);
                if (fields[i].value)
                        bytes_field_text(bytes, fields[i].code, fields[i].type, fields[i].value);
                else
                        bytes_field_u32(bytes, fields[i].code, i + 1);
        }
        if (!mixed)
                bytes_field_text(bytes, 7, "s", ":1.42");
        bytes_end_fields(bytes);
}

/* Up to six stretches make a plan, seven do not; written they are in any case. */
static void test_stamp_more_stretches_than_a_plan_holds_written(void **state)
{
        (void)state;
        for (unsigned n = 1; n <= 8; n++) {
                Bytes data, expected;
                Header header;
                StampPlan plan;
                bool planned;

                put_stretches(&data, n % 2 == 0, n, true);
                put_stretches(&expected, n % 2 == 0, n, false);
                parse(data.data, data.size, &header);
                check_written(data.data, &header, expected.data, expected.size);
                planned = stamp_plan(data.data, &header, TEXT(":1.42"), &plan);
                assert_int_equal(planned, n <= STAMP_RUNS_MAX - 2);
                if (planned)
                        check_planned(data.data, &header, expected.data, expected.size);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stamp_nothing_to_strip_sender_appended),
                cmocka_unit_test(test_stamp_big_endian_message_stays_big_endian),
                cmocka_unit_test(test_stamp_forged_sender_replaced_wherever_it_is),
                cmocka_unit_test(test_stamp_unknown_field_first_removed),
                cmocka_unit_test(test_stamp_unknown_field_in_the_middle_removed),
                cmocka_unit_test(test_stamp_unknown_field_last_removed),
                cmocka_unit_test(test_stamp_unknown_fields_many_times_removed),
                cmocka_unit_test(test_stamp_container_instance_removed),
                cmocka_unit_test(test_stamp_unknown_container_value_removed_whole),
                cmocka_unit_test(test_stamp_sender_of_255_bytes_fits),
                cmocka_unit_test(test_stamp_more_stretches_than_a_plan_holds_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
