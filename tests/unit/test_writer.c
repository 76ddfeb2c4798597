/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message writer. Whole messages are compared with bytes written out by hand; numbers in them
 * are in the machine's byte order, as the writer's are. Parts are read back by libdbus.
 */

#include "proto/writer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <dbus/dbus.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define ORDER "B"
#define U32(byte) "\0\0\0" byte
#else
#define ORDER "l"
#define U32(byte) byte "\0\0\0"
#endif

/* EXCEPTION: not formatted by the tool, which breaks these lines inside of fields. */
/* clang-format off */

/* The reply to Hello, as dbus-daemon writes it but for its order of fields. */
static const char hello_reply[] =
        ORDER "\2\1\1" U32("\x0a") U32("\1") U32("\x3f")
        "\5\1u\0" U32("\1")
        "\6\1s\0" U32("\4") ":1.7\0\0\0\0"
        "\7\1s\0" U32("\x14") "org.freedesktop.DBus\0\0\0\0"
        "\x08\1g\0\1s\0\0" /* one byte of padding behind the array */
        U32("\5") ":1.70\0";

/* A signal with one of each field, even those that signals do not have. */
static const char all_fields[] =
        ORDER "\4\0\1" U32("\0") U32("\x09") U32("\x78")
        "\1\1o\0" U32("\2") "/a\0\0\0\0\0\0"
        "\2\1s\0" U32("\3") "a.b\0\0\0\0\0"
        "\3\1s\0" U32("\1") "M\0\0\0\0\0\0\0"
        "\4\1s\0" U32("\3") "a.c\0\0\0\0\0"
        "\5\1u\0" U32("\x0b")
        "\6\1s\0" U32("\3") "a.d\0\0\0\0\0"
        "\7\1s\0" U32("\3") "a.e\0\0\0\0\0"
        "\x08\1g\0\1h\0\0"
        "\x09\1u\0" U32("\3");

/* clang-format on */

static WriterHeader hello_reply_header(void)
{
        return (WriterHeader){.type = FRAME_TYPE_METHOD_RETURN,
                              .flags = FRAME_FLAG_NO_REPLY_EXPECTED,
                              .serial = 1,
                              .reply_serial = 1,
                              .destination = TEXT(":1.7"),
                              .sender = TEXT("org.freedesktop.DBus"),
                              .signature = TEXT("s")};
}

static void test_writer_reply_written_as_specified(void **state)
{
        WriterHeader header = hello_reply_header();
        _Alignas(8) uint8_t data[256];
        size_t size = 0;
        Writer writer;

        (void)state;
        memset(data, 0xa5, sizeof(data));
        writer_begin(&writer, data, sizeof(data), &header);
        writer_string(&writer, TEXT(":1.70"));
        assert_int_equal(writer_finish(&writer, &size), 0);
        assert_int_equal(size, sizeof(hello_reply) - 1);
        assert_memory_equal(data, hello_reply, size);
        assert_int_equal(data[size], 0xa5);
}

/* Absent texts and zeros are left out; everything else comes in the order of the header. */
static void test_writer_all_fields_written_as_specified(void **state)
{
        WriterHeader header = {.type = FRAME_TYPE_SIGNAL,
                               .serial = 9,
                               .reply_serial = 11,
                               .path = TEXT("/a"),
                               .interface = TEXT("a.b"),
                               .member = TEXT("M"),
                               .error_name = TEXT("a.c"),
                               .destination = TEXT("a.d"),
                               .sender = TEXT("a.e"),
                               .signature = TEXT("h"),
                               .n_unix_fds = 3};
        _Alignas(8) uint8_t data[256];
        size_t size = 0;
        Writer writer;

        (void)state;
        writer_begin(&writer, data, sizeof(data), &header);
        assert_int_equal(writer_finish(&writer, &size), 0);
        assert_int_equal(size, sizeof(all_fields) - 1);
        assert_memory_equal(data, all_fields, size);
}

/* Arguments of every kind, with arrays in structs in arrays. */
static int write_everything(uint8_t *data, size_t capacity, size_t *ret_size)
{
        WriterHeader header = {.type = FRAME_TYPE_SIGNAL,
                               .serial = 1,
                               .path = TEXT("/a"),
                               .interface = TEXT("a.b"),
                               .member = TEXT("M"),
                               .signature = TEXT("ybuta{sv}a(aus)atayog")};
        Writer writer;

        writer_begin(&writer, data, capacity, &header);
        writer_byte(&writer, 7);
        writer_bool(&writer, true);
        writer_u32(&writer, 0xfffffff0);
        writer_u64(&writer, UINT64_C(0x0102030405060708));
        writer_open_array(&writer, '{');
        writer_open_struct(&writer);
        writer_string(&writer, TEXT("key"));
        writer_open_variant(&writer, TEXT("as"));
        writer_open_array(&writer, 's');
        writer_string(&writer, TEXT("inside"));
        writer_close_array(&writer);
        writer_close_array(&writer);
        writer_open_array(&writer, '(');
        for (uint32_t i = 0; i < 2; i++) {
                writer_open_struct(&writer);
                writer_open_array(&writer, 'u');
                writer_u32(&writer, i);
                writer_close_array(&writer);
                writer_string(&writer, TEXT("x"));
        }
        writer_close_array(&writer);
        writer_open_array(&writer, 't'); /* empty, but padded */
        writer_close_array(&writer);
        writer_bytes(&writer, "\1\2\3", 3);
        writer_string(&writer, TEXT("/path"));
        writer_signature(&writer, TEXT("a{sv}"));
        return writer_finish(&writer, ret_size);
}

static void next(DBusMessageIter *iter, int type, void *ret_value)
{
        assert_int_equal(dbus_message_iter_get_arg_type(iter), type);
        dbus_message_iter_get_basic(iter, ret_value);
        dbus_message_iter_next(iter);
}

static void enter(DBusMessageIter *iter, int type, DBusMessageIter *sub)
{
        assert_int_equal(dbus_message_iter_get_arg_type(iter), type);
        dbus_message_iter_recurse(iter, sub);
        dbus_message_iter_next(iter);
}

static void read_basic_args(DBusMessageIter *iter)
{
        unsigned char byte;
        dbus_bool_t boolean;
        dbus_uint32_t u32;
        dbus_uint64_t u64;

        next(iter, DBUS_TYPE_BYTE, &byte);
        assert_int_equal(byte, 7);
        next(iter, DBUS_TYPE_BOOLEAN, &boolean);
        assert_true(boolean);
        next(iter, DBUS_TYPE_UINT32, &u32);
        assert_int_equal(u32, 0xfffffff0);
        next(iter, DBUS_TYPE_UINT64, &u64);
        assert_true(u64 == UINT64_C(0x0102030405060708));
}

static void read_arrays(DBusMessageIter *iter)
{
        DBusMessageIter array, item, value, strings;
        const char *text;
        dbus_uint32_t u32;

        enter(iter, DBUS_TYPE_ARRAY, &array);
        enter(&array, DBUS_TYPE_DICT_ENTRY, &item);
        next(&item, DBUS_TYPE_STRING, &text);
        assert_string_equal(text, "key");
        enter(&item, DBUS_TYPE_VARIANT, &value);
        enter(&value, DBUS_TYPE_ARRAY, &strings);
        next(&strings, DBUS_TYPE_STRING, &text);
        assert_string_equal(text, "inside");
        assert_int_equal(dbus_message_iter_get_arg_type(&array), DBUS_TYPE_INVALID);
        enter(iter, DBUS_TYPE_ARRAY, &array);
        for (dbus_uint32_t i = 0; i < 2; i++) {
                enter(&array, DBUS_TYPE_STRUCT, &item);
                enter(&item, DBUS_TYPE_ARRAY, &value);
                next(&value, DBUS_TYPE_UINT32, &u32);
                assert_int_equal(u32, i);
                next(&item, DBUS_TYPE_STRING, &text);
                assert_string_equal(text, "x");
        }
        enter(iter, DBUS_TYPE_ARRAY, &array);
        assert_int_equal(dbus_message_iter_get_arg_type(&array), DBUS_TYPE_INVALID);
}

static void read_last_args(DBusMessageIter *iter)
{
        DBusMessageIter array;
        const unsigned char *bytes;
        const char *text;
        int n_bytes;

        enter(iter, DBUS_TYPE_ARRAY, &array);
        dbus_message_iter_get_fixed_array(&array, &bytes, &n_bytes);
        assert_int_equal(n_bytes, 3);
        assert_memory_equal(bytes, "\1\2\3", 3);
        next(iter, DBUS_TYPE_OBJECT_PATH, &text);
        assert_string_equal(text, "/path");
        next(iter, DBUS_TYPE_SIGNATURE, &text);
        assert_string_equal(text, "a{sv}");
        assert_int_equal(dbus_message_iter_get_arg_type(iter), DBUS_TYPE_INVALID);
}

static void test_writer_arguments_of_every_kind_read_by_libdbus(void **state)
{
        _Alignas(8) uint8_t data[512];
        DBusMessageIter iter;
        DBusMessage *message;
        size_t size = 0;

        (void)state;
        assert_int_equal(write_everything(data, sizeof(data), &size), 0);
        message = dbus_message_demarshal((const char *)data, (int)size, NULL);
        assert_non_null(message);
        dbus_message_iter_init(message, &iter);
        read_basic_args(&iter);
        read_arrays(&iter);
        read_last_args(&iter);
        dbus_message_unref(message);
}

/* Every size that is too small: what it would have taken is known, and nothing lies beyond. */
static void test_writer_too_little_room_reported(void **state)
{
        _Alignas(8) uint8_t whole[512];
        size_t size = 0, needed;

        (void)state;
        assert_int_equal(write_everything(whole, sizeof(whole), &size), 0);
        for (size_t capacity = 0; capacity <= size; capacity++) {
                uint8_t *data = malloc(capacity + 1);

                assert_non_null(data);
                data[capacity] = 0x5a;
                needed = 0;
                assert_int_equal(write_everything(data, capacity, &needed),
                                 capacity < size ? -ENOSPC : 0);
                assert_int_equal(needed, size);
                assert_int_equal(data[capacity], 0x5a);
                if (capacity == size)
                        assert_memory_equal(data, whole, size);
                free(data);
        }
}

/* More than a message may hold: another try with more room is no use. */
static void test_writer_message_above_128_mib_refused(void **state)
{
        WriterHeader header = hello_reply_header();
        _Alignas(8) uint8_t data[128];
        static const uint8_t bytes[1];
        size_t size = 0;
        Writer writer;

        (void)state;
        writer_begin(&writer, data, sizeof(data), &header);
        writer_bytes(&writer, bytes, FRAME_SIZE_MAX - sizeof(hello_reply));
        assert_int_equal(writer_finish(&writer, &size), -ENOSPC);
        writer_begin(&writer, data, sizeof(data), &header);
        writer_bytes(&writer, bytes, FRAME_SIZE_MAX);
        assert_int_equal(writer_finish(&writer, &size), -EMSGSIZE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_writer_reply_written_as_specified),
                cmocka_unit_test(test_writer_all_fields_written_as_specified),
                cmocka_unit_test(test_writer_arguments_of_every_kind_read_by_libdbus),
                cmocka_unit_test(test_writer_too_little_room_reported),
                cmocka_unit_test(test_writer_message_above_128_mib_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
