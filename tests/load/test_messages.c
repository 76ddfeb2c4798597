/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that the engine builds, read and compared with the reference library. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dbus/dbus.h>

#include "bench/load/engine/arguments.h"
#include "bench/load/engine/template.h"

#define N_WORDS(words) (sizeof(words) / sizeof((words)[0]))

static DBusMessage *demarshal(const uint8_t *data, size_t size)
{
        DBusError error = DBUS_ERROR_INIT;
        DBusMessage *message;
        char *copy = malloc(size);

        assert_non_null(copy);
        memcpy(copy, data, size);
        message = dbus_message_demarshal(copy, (int)size, &error);
        if (!message)
                fail_msg("%s", error.message);
        free(copy);
        return message;
}

/* Words in, bytes out, as a message of the reference's with these arguments has them. */
static void assert_body(const char *signature, const char *const *words, size_t n_words,
                        DBusMessage *reference)
{
        char error[ARGUMENTS_ERROR_MAX], *marshalled;
        Arguments arguments;
        uint32_t body_size;
        int size;

        if (arguments_parse(signature, words, n_words, &arguments, error) < 0)
                fail_msg("%s", error);
        assert_string_equal(arguments.signature, dbus_message_get_signature(reference));
        assert_true(dbus_message_marshal(reference, &marshalled, &size));
        memcpy(&body_size, marshalled + 4, sizeof(body_size));
        assert_int_equal(arguments.size, body_size);
        assert_memory_equal(arguments.body, marshalled + size - body_size, body_size);
        free(marshalled);
        arguments_deinit(&arguments);
        arguments_deinit(&arguments);
        dbus_message_unref(reference);
}

static void test_arguments_basic_types_are_the_reference_bytes(void **state)
{
        static const char *const words[] = {"255",         "true",
                                            "-32768",      "65535",
                                            "-2147483648", "0xff",
                                            "-5",          "18446744073709551615",
                                            "1.5",         "gr\xc3\xbc\xc3\x9f",
                                            "/a/b",        "a{sv}"};
        DBusMessage *reference = dbus_message_new_method_call(NULL, "/", NULL, "M");
        const char *text = words[9], *path = words[10], *signature = words[11];
        dbus_uint64_t huge = UINT64_MAX;
        dbus_int64_t little = -5;
        dbus_uint32_t hex = 255;
        dbus_uint16_t most = 65535;
        dbus_int32_t least = INT32_MIN;
        dbus_int16_t small = INT16_MIN;
        dbus_bool_t yes = TRUE;
        unsigned char byte = 255;
        double number = 1.5;

        (void)state;
        dbus_message_append_args(reference, DBUS_TYPE_BYTE, &byte, DBUS_TYPE_BOOLEAN, &yes,
                                 DBUS_TYPE_INT16, &small, DBUS_TYPE_UINT16, &most, DBUS_TYPE_INT32,
                                 &least, DBUS_TYPE_UINT32, &hex, DBUS_TYPE_INT64, &little,
                                 DBUS_TYPE_UINT64, &huge, DBUS_TYPE_DOUBLE, &number,
                                 DBUS_TYPE_STRING, &text, DBUS_TYPE_OBJECT_PATH, &path,
                                 DBUS_TYPE_SIGNATURE, &signature, DBUS_TYPE_INVALID);
        assert_body("ybnqiuxtdsog", words, N_WORDS(words), reference);
}

/* a{sv}: one entry "k" -> variant of (yt) */
static void append_dict(DBusMessageIter *at)
{
        DBusMessageIter dict, entry, variant, members;
        const char *key = "k";
        unsigned char byte = 7;
        dbus_uint64_t number = 8;

        dbus_message_iter_open_container(at, DBUS_TYPE_ARRAY, "{sv}", &dict);
        dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
        dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
        dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "(yt)", &variant);
        dbus_message_iter_open_container(&variant, DBUS_TYPE_STRUCT, NULL, &members);
        dbus_message_iter_append_basic(&members, DBUS_TYPE_BYTE, &byte);
        dbus_message_iter_append_basic(&members, DBUS_TYPE_UINT64, &number);
        dbus_message_iter_close_container(&variant, &members);
        dbus_message_iter_close_container(&entry, &variant);
        dbus_message_iter_close_container(&dict, &entry);
        dbus_message_iter_close_container(at, &dict);
}

static void test_arguments_containers_are_the_reference_bytes(void **state)
{
        static const char *const words[] = {"1", "1", "k", "(yt)", "7", "8", "0", "2", "a", "b"};
        DBusMessage *reference = dbus_message_new_method_call(NULL, "/", NULL, "M");
        const char *texts[] = {"a", "b"};
        DBusMessageIter at, array;
        unsigned char byte = 1;

        (void)state;
        dbus_message_iter_init_append(reference, &at);
        dbus_message_iter_append_basic(&at, DBUS_TYPE_BYTE, &byte);
        append_dict(&at);
        dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY, "t",
                                         &array); /* empty, but aligned */
        dbus_message_iter_close_container(&at, &array);
        dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY, "s", &array);
        for (int i = 0; i < 2; i++)
                dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &texts[i]);
        dbus_message_iter_close_container(&at, &array);
        assert_body("ya{sv}atas", words, N_WORDS(words), reference);
}

static void test_arguments_long_ones_have_room(void **state)
{
        DBusMessage *reference = dbus_message_new_method_call(NULL, "/", NULL, "M");
        char *text = calloc(1, 100001);
        const char *words[1];

        (void)state;
        memset(text, 'x', 100000);
        words[0] = text;
        dbus_message_append_args(reference, DBUS_TYPE_STRING, &words[0], DBUS_TYPE_INVALID);
        assert_body("s", words, 1, reference);
        free(text);
}

static void test_arguments_wrong_words_are_named(void **state)
{
        static const struct {
                const char *signature, *words[4], *said;
        } cases[] = {
                {"y", {"256"}, "argument 1, \"256\": expected y: a number from 0 to 255"},
                {"n", {"32768"}, "expected n"},
                {"q", {"-1"}, "expected q"},
                {"i", {"2147483648"}, "expected i"},
                {"u", {"12x"}, "expected u"},
                {"x", {"9223372036854775808"}, "expected x"},
                {"t", {""}, "expected t"},
                {"t", {"18446744073709551616"}, "expected t"},
                {"b", {"maybe"}, "expected b: true or false"},
                {"d", {"one"}, "expected d"},
                {"s", {"\xff"}, "expected s"},
                {"o", {"relative"}, "expected o"},
                {"g", {"a"}, "expected g"},
                {"v", {"ss", "a", "b"}, "expected v: the signature of one value"},
                {"v", {"s"}, "argument 2 is missing: expected s"},
                {"as", {"3", "a", "b"}, "argument 4 is missing: expected s"},
                {"as", {"many"}, "argument 1, \"many\": expected a: the number"},
                {"ss", {"a"}, "argument 2 is missing"},
                {"s", {"a", "b"}, "argument 2, \"b\", is one too many for the signature \"s\""},
                {"", {"a"}, "one too many"},
                {"z", {"a"}, "\"z\" is not a signature"},
                {"a", {"a"}, "\"a\" is not a signature"},
        };
        char error[ARGUMENTS_ERROR_MAX];
        Arguments arguments = {0};

        (void)state;
        for (size_t i = 0; i < N_WORDS(cases); i++) {
                size_t n = 0;

                while (n < 4 && cases[i].words[n])
                        n++;
                assert_true(arguments_parse(cases[i].signature, cases[i].words, n, &arguments,
                                            error) < 0);
                if (!strstr(error, cases[i].said))
                        fail_msg("\"%s\" does not say \"%s\"", error, cases[i].said);
                assert_null(arguments.body);
        }
}

static void test_arguments_too_deep_ones_are_refused(void **state)
{
        const char *words[256];
        char error[ARGUMENTS_ERROR_MAX];
        Arguments arguments;

        (void)state;
        for (size_t i = 0; i < N_WORDS(words); i++)
                words[i] = "v";
        assert_true(arguments_parse("v", words, N_WORDS(words), &arguments, error) < 0);
        assert_non_null(strstr(error, "fewer containers"));
        for (size_t i = 0; i < N_WORDS(words); i++)
                words[i] = "1";
        assert_true(arguments_parse("aaaaaaaaay", words, 10, &arguments, error) < 0);
        assert_non_null(strstr(error, "fewer arrays"));
}

static const TemplateTarget target = {
        .destination = ":1.5",
        .path = "/a/b",
        .interface = "com.example.I",
        .member = "M",
};

static void assert_target(DBusMessage *message)
{
        assert_string_equal(dbus_message_get_destination(message), ":1.5");
        assert_string_equal(dbus_message_get_path(message), "/a/b");
        assert_string_equal(dbus_message_get_interface(message), "com.example.I");
        assert_string_equal(dbus_message_get_member(message), "M");
}

static void assert_payload(DBusMessage *message, int size)
{
        DBusMessageIter at, array;
        const char *data;
        int n;

        assert_string_equal(dbus_message_get_signature(message), "ay");
        dbus_message_iter_init(message, &at);
        dbus_message_iter_recurse(&at, &array);
        dbus_message_iter_get_fixed_array(&array, &data, &n);
        assert_int_equal(n, size);
}

static void test_template_call_is_what_the_reference_reads(void **state)
{
        Template template;
        DBusMessage *message;

        (void)state;
        template_call(&template, &target, 100);
        message = demarshal(template.data, template.size);
        assert_int_equal(dbus_message_get_type(message), DBUS_MESSAGE_TYPE_METHOD_CALL);
        assert_false(dbus_message_get_no_reply(message));
        assert_target(message);
        assert_payload(message, 100);
        dbus_message_unref(message);
        template_deinit(&template);

        template_oneway(&template, &target, 0);
        message = demarshal(template.data, template.size);
        assert_true(dbus_message_get_no_reply(message));
        assert_string_equal(dbus_message_get_signature(message), "");
        assert_int_equal(template.stamp_at, 0);
        dbus_message_unref(message);
        template_deinit(&template);
        template_deinit(&template);
}

static void test_template_signal_and_return_are_what_the_reference_reads(void **state)
{
        const TemplateTarget broadcast = {.path = "/p", .interface = "a.b", .member = "S"};
        Template template;
        DBusMessage *message;

        (void)state;
        template_signal(&template, &broadcast, 7);
        message = demarshal(template.data, template.size);
        assert_true(dbus_message_is_signal(message, "a.b", "S"));
        assert_null(dbus_message_get_destination(message));
        assert_payload(message, 7);
        assert_int_equal(template.stamp_at, 0); /* no room */
        dbus_message_unref(message);
        template_deinit(&template);

        template_return(&template, ":1.77", 8);
        memset(template.data + template.reply_serial_at, 3, 4);
        assert_true(template_readdress(&template, TEXT(":1.88")));
        assert_false(template_readdress(&template, TEXT(":1.100")));
        message = demarshal(template.data, template.size);
        assert_int_equal(dbus_message_get_type(message), DBUS_MESSAGE_TYPE_METHOD_RETURN);
        assert_int_equal(dbus_message_get_reply_serial(message), 0x03030303);
        assert_string_equal(dbus_message_get_destination(message), ":1.88");
        assert_payload(message, 8);
        dbus_message_unref(message);
        template_deinit(&template);
}

/* The light scan against messages of the reference's. */
static void test_frame_fields_of_the_reference_are_found(void **state)
{
        DBusMessage *call =
                dbus_message_new_method_call("com.example.D", "/x", "com.example.I", "M");
        DBusMessage *error;
        ConnectionFrame frame = {0};
        char *data;
        int size;

        (void)state;
        dbus_message_set_serial(call, 77);
        dbus_message_set_sender(call, ":1.9");
        error = dbus_message_new_error(call, "com.example.Bad", "why");
        dbus_message_set_serial(error, 78);
        assert_true(dbus_message_marshal(error, &data, &size));
        frame.data = (const uint8_t *)data;
        frame.size = (size_t)size;
        memcpy(&frame.body_size, data + 4, 4);
        assert_int_equal(connection_frame_reply_serial(&frame), 77);
        assert_true(text_equal(connection_frame_field(&frame, HEADER_FIELD_ERROR_NAME),
                               TEXT("com.example.Bad")));
        assert_true(
                text_equal(connection_frame_field(&frame, HEADER_FIELD_DESTINATION), TEXT(":1.9")));
        assert_true(text_equal(connection_frame_field(&frame, HEADER_FIELD_SIGNATURE), TEXT("s")));
        assert_false(text_present(connection_frame_field(&frame, HEADER_FIELD_PATH)));
        assert_false(text_present(connection_frame_field(&frame, HEADER_FIELD_REPLY_SERIAL)));
        free(data);
        dbus_message_unref(call);
        dbus_message_unref(error);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_arguments_basic_types_are_the_reference_bytes),
                cmocka_unit_test(test_arguments_containers_are_the_reference_bytes),
                cmocka_unit_test(test_arguments_long_ones_have_room),
                cmocka_unit_test(test_arguments_wrong_words_are_named),
                cmocka_unit_test(test_arguments_too_deep_ones_are_refused),
                cmocka_unit_test(test_template_call_is_what_the_reference_reads),
                cmocka_unit_test(test_template_signal_and_return_are_what_the_reference_reads),
                cmocka_unit_test(test_frame_fields_of_the_reference_are_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
