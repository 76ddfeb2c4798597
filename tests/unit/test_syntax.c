/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name syntaxes, compared with libdbus: all short strings over the bytes that matter, every byte
 * value in every role, and random long names (fixed seed). Hand cases pin down what both must say.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <dbus/dbus.h>

#include "broker/base/assert.h"
#include "proto/syntax.h"

enum { RANDOM_INPUTS = 300000, EXHAUSTIVE_SIZE = 6 };

static uint64_t random_state;

/* splitmix64: the same inputs on every machine. */
static uint64_t random_next(void)
{
        uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

static size_t random_below(size_t n)
{
        return (size_t)(random_next() % n);
}

static void check(const char *what, const char *name, bool ours, bool theirs)
{
        if (ours != theirs)
                fail_msg("%s(\"%s\"): %d, libdbus says %d", what, name, ours, theirs);
}

/* All syntaxes of one NUL-terminated name; libdbus does not tell unique and well-known apart. */
static void compare(const char *name)
{
        Text text = text_from(name);
        bool bus_name = dbus_validate_bus_name(name, NULL);

        check("bus name", name, syntax_is_bus_name(text), bus_name);
        check("unique", name, syntax_is_unique_name(text), bus_name && name[0] == ':');
        check("well-known", name, syntax_is_well_known_name(text), bus_name && name[0] != ':');
        check("interface", name, syntax_is_interface(text), dbus_validate_interface(name, NULL));
        check("error name", name, syntax_is_error_name(text), dbus_validate_error_name(name, NULL));
        check("member", name, syntax_is_member(text), dbus_validate_member(name, NULL));
        check("object path", name, syntax_is_object_path(text), dbus_validate_path(name, NULL));
}

/* A prefix is what a further element makes a bus name. */
static void compare_prefix(const char *name)
{
        char longer[SYNTAX_NAME_MAX + 16];
        Text text = text_from(name);

        if (text.size > SYNTAX_NAME_MAX - 2)
                return;
        snprintf(longer, sizeof(longer), "%s.x", name);
        check("prefix", name, syntax_is_name_prefix(text), dbus_validate_bus_name(longer, NULL));
}

static void test_syntax_all_short_strings_agree_with_libdbus(void **state)
{
        static const char alphabet[] = "aZ0_-./:";
        size_t n_symbols = sizeof(alphabet) - 1;
        size_t n_strings = 1;

        (void)state;
        for (size_t size = 0; size <= EXHAUSTIVE_SIZE; size++, n_strings *= n_symbols) {
                for (size_t i = 0; i < n_strings; i++) {
                        char name[EXHAUSTIVE_SIZE + 1];
                        size_t rest = i;

                        for (size_t at = 0; at < size; at++, rest /= n_symbols)
                                name[at] = alphabet[rest % n_symbols];
                        name[size] = '\0';
                        compare(name);
                        compare_prefix(name);
                }
        }
}

static void test_syntax_every_byte_in_every_role_agrees_with_libdbus(void **state)
{
        static const char *const names[] = {"?b.c", "a?b.c", "a.?b",  "a.b?", ":?.b", ":1.?",
                                            "?",    "a?",    "/?b/c", "/a?",  "/a/?", "?a/b"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                for (int byte = 1; byte < 256; byte++) {
                        char name[16];

                        snprintf(name, sizeof(name), "%s", names[i]);
                        *strchr(name, '?') = (char)(unsigned char)byte;
                        compare(name);
                        compare_prefix(name);
                }
        }
}

/* A plausible name of 1-260 bytes with at most two bytes replaced by others. */
static void make_random_name(char *name)
{
        static const char first[] = "abcXYZ_";
        static const char inside[] = "abcXYZ_019";
        static const char odd[] = "-./:0a \x7f\x80\xff,=";
        char separator = random_below(3) == 0 ? '/' : '.';
        size_t size = random_below(4) == 0 ? 250 + random_below(11) : 1 + random_below(40);
        bool starts = true;

        for (size_t i = 0; i < size; i++) {
                if (!starts && random_below(5) == 0) {
                        name[i] = separator;
                        starts = true;
                        continue;
                }
                name[i] = starts ? first[random_below(sizeof(first) - 1)]
                                 : inside[random_below(sizeof(inside) - 1)];
                starts = false;
        }
        name[size] = '\0';
        if (separator == '/')
                name[0] = '/';
        else if (random_below(3) == 0)
                name[0] = ':';
        for (size_t n = random_below(3); n > 0; n--)
                name[random_below(size)] = odd[random_below(sizeof(odd) - 1)];
}

static void test_syntax_random_names_agree_with_libdbus(void **state)
{
        size_t n_valid = 0;

        (void)state;
        random_state = 20250727;
        for (size_t i = 0; i < RANDOM_INPUTS; i++) {
                char name[SYNTAX_NAME_MAX + 16];

                make_random_name(name);
                compare(name);
                compare_prefix(name);
                n_valid += syntax_is_bus_name(text_from(name)) ||
                           syntax_is_object_path(text_from(name));
        }
        /* Neither verdict may be rare, or the comparison means nothing. */
        assert_in_range(n_valid, RANDOM_INPUTS / 10, RANDOM_INPUTS * 9 / 10);
}

/* The specification's limit, and the shortest names of each kind. */
static void test_syntax_sizes_at_the_limit_are_exact(void **state)
{
        char name[SYNTAX_NAME_MAX + 1];
        Text most = {name, SYNTAX_NAME_MAX}, over = {name, SYNTAX_NAME_MAX + 1};

        (void)state;
        memset(name, 'a', sizeof(name));
        assert_true(syntax_is_member(most) && !syntax_is_member(over));
        assert_true(syntax_is_name_prefix(most) && !syntax_is_name_prefix(over));
        name[1] = '.';
        assert_true(syntax_is_interface(most) && !syntax_is_interface(over));
        assert_true(syntax_is_error_name(most) && !syntax_is_error_name(over));
        assert_true(syntax_is_well_known_name(most) && !syntax_is_well_known_name(over));
        name[0] = ':';
        assert_true(syntax_is_unique_name(most) && !syntax_is_unique_name(over));
        assert_true(syntax_is_bus_name(most) && !syntax_is_bus_name(over));
        assert_true(syntax_is_name_prefix(most) && !syntax_is_name_prefix(over));
        name[0] = '/';
        name[1] = 'a';
        assert_true(syntax_is_object_path(most) && syntax_is_object_path(over));
}

static void test_syntax_path_has_no_size_limit(void **state)
{
        static char path[100001];

        (void)state;
        for (size_t i = 0; i < sizeof(path) - 1; i++)
                path[i] = i % 2 == 0 ? '/' : 'x';
        assert_true(syntax_is_object_path(text_from(path)));
        path[50000] = '/';
        path[50001] = '/';
        assert_false(syntax_is_object_path(text_from(path)));
}

static void test_syntax_absent_and_nul_bytes_are_invalid(void **state)
{
        (void)state;
        assert_false(syntax_is_bus_name(TEXT_NONE));
        assert_false(syntax_is_unique_name(TEXT_NONE));
        assert_false(syntax_is_well_known_name(TEXT_NONE));
        assert_false(syntax_is_name_prefix(TEXT_NONE));
        assert_false(syntax_is_interface(TEXT_NONE));
        assert_false(syntax_is_error_name(TEXT_NONE));
        assert_false(syntax_is_member(TEXT_NONE));
        assert_false(syntax_is_object_path(TEXT_NONE));
        assert_false(syntax_is_bus_name(TEXT("a.b\0c")));
        assert_false(syntax_is_unique_name(TEXT(":1.\0")));
        assert_false(syntax_is_interface(TEXT("a.b\0")));
        assert_false(syntax_is_member(TEXT("a\0")));
        assert_false(syntax_is_object_path(TEXT("/\0")));
}

/* The specification's own examples, and names seen on every bus. */
static void test_syntax_well_known_cases_are_told_apart(void **state)
{
        (void)state;
        assert_true(syntax_is_well_known_name(TEXT("org.freedesktop.DBus")));
        assert_true(syntax_is_well_known_name(TEXT("org._7_zip.Archiver-x")));
        assert_false(syntax_is_well_known_name(TEXT("org.7-zip.Archiver")));
        assert_true(syntax_is_unique_name(TEXT(":34-907.1")));
        assert_false(syntax_is_unique_name(TEXT("org.freedesktop.DBus")));
        assert_true(syntax_is_interface(TEXT("org._7_zip.Plugin")));
        assert_false(syntax_is_interface(TEXT("org.example-corp.Plugin")));
        assert_true(syntax_is_member(TEXT("NameOwnerChanged")));
        assert_false(syntax_is_member(TEXT("a.b")));
        assert_true(syntax_is_object_path(TEXT("/org/freedesktop/DBus")));
        assert_true(syntax_is_object_path(TEXT("/")));
        assert_false(syntax_is_object_path(TEXT("/org/")));
        assert_true(syntax_is_name_prefix(TEXT("com")));
        assert_false(syntax_is_name_prefix(TEXT("com.")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_syntax_all_short_strings_agree_with_libdbus),
                cmocka_unit_test(test_syntax_every_byte_in_every_role_agrees_with_libdbus),
                cmocka_unit_test(test_syntax_random_names_agree_with_libdbus),
                cmocka_unit_test(test_syntax_sizes_at_the_limit_are_exact),
                cmocka_unit_test(test_syntax_path_has_no_size_limit),
                cmocka_unit_test(test_syntax_absent_and_nul_bytes_are_invalid),
                cmocka_unit_test(test_syntax_well_known_cases_are_told_apart),
        };

        return cmocka_run_group_tests_name("syntax", tests, NULL, NULL);
}
