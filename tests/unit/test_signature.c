/* SPDX-License-Identifier: Apache-2.0 */
/* Type signatures: specification, "Type System"; limits as the reference counts them. */

#include "proto/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static bool valid(const char *signature)
{
        return signature_is_valid(text_from(signature));
}

static bool single(const char *signature)
{
        return signature_is_single(text_from(signature));
}

static size_t append(char *buffer, size_t size, const char *text)
{
        while (*text)
                buffer[size++] = *text++;
        return size;
}

/* `open` n times, `inside`, `close` n times. */
static Text nested(unsigned n, const char *open, const char *inside, const char *close)
{
        static char buffer[512];
        size_t size = 0;

        for (unsigned i = 0; i < n; i++)
                size = append(buffer, size, open);
        size = append(buffer, size, inside);
        for (unsigned i = 0; i < n; i++)
                size = append(buffer, size, close);
        return (Text){.data = buffer, .size = size};
}

static void test_signature_type_codes_as_specified(void **state)
{
        (void)state;
        for (unsigned code = 0; code < 256; code++) {
                char byte = (char)code;
                bool known = code != 0 && strchr("ybnqiuxtdhsogv", byte);

                assert_int_equal(signature_is_valid((Text){&byte, 1}), known);
                assert_int_equal(signature_is_single((Text){&byte, 1}), known);
                assert_int_equal(signature_is_basic(byte), known && byte != 'v');
        }
}

static void test_signature_complete_types_accepted(void **state)
{
        static const char *const signatures[] = {
                "",
                "ybnqiuxtdhsogv",
                "as",
                "aay",
                "(i)",
                "(i(ss)av)",
                "a{sv}",
                "a{oa{sa{sv}}}",
                "a{y(ii)}",
                "a(a{gh}v)",
                "ssa{sv}(xt)aai",
                "((((y))))",
                "a{dv}a{bi}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
                assert_true(valid(signatures[i]));
}

static void test_signature_malformed_refused(void **state)
{
        static const char *const signatures[] = {
                "a",     "aa",      "ia",      "()",       "(",       ")",         "(i",   "i)",
                "(a)",   "(i(s)",   "((i)",    "(i))",     "{sv}",    "({sv})",    "a{}",  "a{s}",
                "a{sa}", "a{svv}",  "a{vs}",   "a{ass}",   "a{(i)s}", "a{a{ss}s}", "a{sv", "a{sv)",
                "a(s}",  "a{s(v})", "(a{sv)}", "a{{ss}s}", "aa{s}",   "r",         "e",    "m",
                "*",     "?",       "@",       "&",        "^",       "z",         "i i",  "a(",
                "a{",    "}",       "a}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
                assert_false(valid(signatures[i]));
                assert_false(single(signatures[i]));
        }
        assert_false(signature_is_valid((Text){"y\0y", 3}));
        assert_false(signature_is_valid(TEXT_NONE));
}

static void test_signature_single_needs_exactly_one_type(void **state)
{
        (void)state;
        assert_true(single("y"));
        assert_true(single("v"));
        assert_true(single("aaas"));
        assert_true(single("(yy)"));
        assert_true(single("a{sv}"));
        assert_false(single(""));
        assert_false(single("yy"));
        assert_false(single("asy"));
        assert_false(single("(yy)y"));
        assert_false(single("a{sv}v"));
        assert_false(signature_is_single(TEXT_NONE));
}

static void test_signature_of_255_bytes_is_the_longest(void **state)
{
        char text[256];

        (void)state;
        memset(text, 'y', sizeof(text));
        assert_true(signature_is_valid((Text){text, 255}));
        assert_false(signature_is_valid((Text){text, 256}));
        text[0] = '(';
        text[254] = ')';
        assert_true(signature_is_single((Text){text, 255}));
        assert_int_equal(signature_first_size(text, 255), 255);
}

static void test_signature_32_arrays_are_the_deepest(void **state)
{
        (void)state;
        assert_true(signature_is_valid(nested(32, "a", "y", "")));
        assert_true(signature_is_single(nested(32, "a", "y", "")));
        assert_false(signature_is_valid(nested(33, "a", "y", "")));
        assert_true(signature_is_valid(nested(31, "a", "a{sv}", "")));
        assert_false(signature_is_valid(nested(32, "a", "a{sv}", "")));
}

static void test_signature_32_structs_are_the_deepest(void **state)
{
        (void)state;
        assert_true(signature_is_valid(nested(32, "(", "y", ")")));
        assert_false(signature_is_valid(nested(33, "(", "y", ")")));
        assert_true(signature_is_valid(nested(32, "a(", "y", ")")));
        assert_false(signature_is_valid(nested(33, "a(", "y", ")")));
        assert_true(signature_is_valid(nested(32, "a{y", "y", "}")));
        assert_false(signature_is_valid(nested(33, "a{y", "y", "}")));
}

/* dbus_signature_validate() says so too: a struct begins a new count of arrays. */
static void test_signature_arrays_count_anew_in_each_struct(void **state)
{
        (void)state;
        assert_true(signature_is_valid(nested(30, "aa(", "y", ")")));
        assert_true(signature_is_valid(nested(6, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa(", "y", ")")));
        assert_false(signature_is_valid(nested(2, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa(", "y", ")")));
        assert_true(valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaayaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaay"));
}

static void test_signature_first_size_ends_with_the_first_type(void **state)
{
        static const struct {
                const char *signature;
                size_t size;
        } rows[] = {{"y", 1},
                    {"sy", 1},
                    {"asy", 2},
                    {"aasv", 3},
                    {"(ii)s", 4},
                    {"a{sv}u", 5},
                    {"a(a{sv}(ii))i", 12},
                    {"v(i)", 1},
                    {"((i)(i))(i)", 8}};

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                assert_int_equal(signature_first_size(rows[i].signature, strlen(rows[i].signature)),
                                 rows[i].size);
}

static void test_signature_alignments_and_sizes_as_specified(void **state)
{
        static const struct {
                char type;
                unsigned alignment, size;
        } rows[] = {{'y', 1, 1}, {'b', 4, 4}, {'n', 2, 2}, {'q', 2, 2}, {'i', 4, 4}, {'u', 4, 4},
                    {'x', 8, 8}, {'t', 8, 8}, {'d', 8, 8}, {'h', 4, 4}, {'s', 4, 0}, {'o', 4, 0},
                    {'g', 1, 0}, {'v', 1, 0}, {'a', 4, 0}, {'(', 8, 0}, {'{', 8, 0}, {')', 0, 0},
                    {'}', 0, 0}, {'r', 0, 0}, {'\0', 0, 0}};

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                assert_int_equal(signature_alignment(rows[i].type), rows[i].alignment);
                assert_int_equal(signature_fixed_size(rows[i].type), rows[i].size);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_signature_type_codes_as_specified),
                cmocka_unit_test(test_signature_complete_types_accepted),
                cmocka_unit_test(test_signature_malformed_refused),
                cmocka_unit_test(test_signature_single_needs_exactly_one_type),
                cmocka_unit_test(test_signature_of_255_bytes_is_the_longest),
                cmocka_unit_test(test_signature_32_arrays_are_the_deepest),
                cmocka_unit_test(test_signature_32_structs_are_the_deepest),
                cmocka_unit_test(test_signature_arrays_count_anew_in_each_struct),
                cmocka_unit_test(test_signature_first_size_ends_with_the_first_type),
                cmocka_unit_test(test_signature_alignments_and_sizes_as_specified),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
