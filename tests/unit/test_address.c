/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server addresses, compared with libdbus: dbus_parse_address and the escaping functions, over
 * random texts (fixed seed) and hand cases.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dbus/dbus.h>

#include "broker/base/assert.h"
#include "proto/address.h"

enum { RANDOM_INPUTS = 300000, TEXT_MAX = 256, ADDRESSES_MAX = TEXT_MAX };

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

/* A whole list of addresses as libdbus and as we read it. */
typedef struct Parsed {
        bool valid;
        int n_addresses;
        Address addresses[ADDRESSES_MAX];
        char scratch[ADDRESSES_MAX][TEXT_MAX];
        const char *reason;
} Parsed;

static Parsed parsed; /* too large for the stack */

static void parse_all(const char *text)
{
        Text rest = text_from(text);

        parsed.n_addresses = 0;
        parsed.reason = NULL;
        do {
                int n = parsed.n_addresses;

                parsed.valid = address_parse(&rest, parsed.scratch[n], &parsed.addresses[n],
                                             &parsed.reason);
                parsed.n_addresses += parsed.valid;
        } while (parsed.valid && rest.size > 0);
}

static void assert_same_text(const char *theirs, Text ours)
{
        assert_non_null(theirs);
        assert_true(text_present(ours));
        /* libdbus hands out C strings: what follows an escaped NUL cannot be compared. */
        assert_int_equal(strlen(theirs), strnlen(ours.data, ours.size));
        assert_memory_equal(theirs, ours.data, strlen(theirs));
}

static void compare_values(DBusAddressEntry *theirs, const Address *ours)
{
        assert_same_text(dbus_address_entry_get_method(theirs), ours->transport);
        for (unsigned i = 0; i < ours->n_keys; i++) {
                char key[TEXT_MAX];

                snprintf(key, sizeof(key), "%.*s", TEXT_FORMAT(ours->keys[i].key));
                assert_same_text(dbus_address_entry_get_value(theirs, key),
                                 address_find(ours, key));
        }
        assert_null(dbus_address_entry_get_value(theirs, "no such key"));
        assert_false(text_present(address_find(ours, "no such key")));
}

/* Returns whether both called the text valid. */
static bool compare(const char *text)
{
        DBusAddressEntry **entries;
        int n_entries;
        bool valid = dbus_parse_address(text, &entries, &n_entries, NULL);

        parse_all(text);
        if (parsed.valid != valid)
                fail_msg("\"%s\": libdbus says %d, we say %s", text, valid,
                         parsed.reason ? parsed.reason : "valid");
        if (!valid)
                return false;
        assert_int_equal(parsed.n_addresses, n_entries);
        for (int i = 0; i < n_entries; i++)
                compare_values(entries[i], &parsed.addresses[i]);
        dbus_address_entries_free(entries);
        return true;
}

static const char *const hand_cases[] = {
        "unix:path=/tmp/a",
        "unix:path=/tmp/a;",
        "unix:path=/tmp/a,",
        "unix:path=/tmp/a,,",
        "unix:path=/tmp/a;;",
        ";unix:path=/a",
        "unix:",
        "unix",
        "",
        ":",
        ";",
        ",",
        "=",
        "%",
        ":;:",
        ":a=b",
        "unix:path",
        "unix:path=",
        "unix:=a",
        "unix:path=a=b",
        "unix:path=a%3db",
        "unix:path=a%3Db",
        "unix:path=a%3",
        "unix:path=a%",
        "unix:a=%zz",
        "unix:a=%0g",
        "unix:a=%%",
        "unix:a=%00",
        "unix:a=x%00y",
        "unix:a= ",
        "unix:a=b c",
        "unix:a=b:c",
        "unix:a=~",
        "unix:a=-_/.\\*",
        "unix:a=b,a=c",
        "unix:a=b,A=c",
        "un ix:a=b",
        "unix:a b=c",
        "unix:%61=b",
        "unix:path=/a,guid=00ff",
        "unix:path=/a;tcp:host=h,port=1",
        "unix:a=b;tcp",
        "unix:a=b;tcp:;",
        "a:b=c;d:e=f;g:h=i",
        "systemd:",
        "unix:runtime=yes",
        "unix:tmpdir=/tmp",
        "tcp:host=127.0.0.1,port=0",
        "unix:a=\xc3\xa9",
        "unix:a=%c3%a9",
        "unix:a=%c3",
        "unix:,a=b",
        "unix:a=b,,c=d",
        "unix:a;=b",
        "unix;a:=b,c",
        "unix:a,b=c",
        "unix:a=b ,c=d",
        "unix:a=b, c=d",
};

static void test_parse_hand_cases_agree_with_libdbus(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(hand_cases); i++)
                compare(hand_cases[i]);
}

static void make_random_text(char *text)
{
        static const char *const pieces[] = {
                "unix:", "tcp:", "path=", "a=", "guid=", "/tmp/x", "%3d", "%00",  "%",   ";",  ",",
                "=",     ":",    "b",     "*",  "~",     "%fF",    " ",   "\xe9", "%g0", "-_."};
        char *at = text;

        /* At most 14 pieces: fewer keys than ADDRESS_KEYS_MAX, which libdbus does not have. */
        for (size_t n = random_below(15); n > 0; n--) {
                const char *piece = pieces[random_below(ARRAY_SIZE(pieces))];

                at = stpcpy(at, piece);
        }
        *at = '\0';
}

/* A valid address list with at most one byte changed. */
static void make_random_address(char *text)
{
        static const char bytes[] = ";,=:% ab/~\\";
        char *at = text;

        for (size_t n = 1 + random_below(3); n > 0; n--) {
                at = stpcpy(at, random_below(2) ? "unix:" : "tcp:");
                for (size_t n_keys = random_below(4); n_keys > 0; n_keys--) {
                        at = stpcpy(at, random_below(2) ? "path=" : "h=");
                        at = stpcpy(at, random_below(2) ? "/a%20b" : "x*-%00\\");
                        if (n_keys > 1)
                                *at++ = ',';
                }
                if (n > 1)
                        *at++ = ';';
        }
        *at = '\0';
        if (random_below(2))
                text[random_below((size_t)(at - text))] = bytes[random_below(sizeof(bytes) - 1)];
}

static void test_parse_random_texts_agree_with_libdbus(void **state)
{
        size_t n_valid = 0;

        (void)state;
        random_state = 20250727;
        for (size_t i = 0; i < RANDOM_INPUTS; i++) {
                char text[TEXT_MAX];

                if (i % 2 == 0)
                        make_random_address(text);
                else
                        make_random_text(text);
                n_valid += compare(text);
        }
        /* Neither verdict may be rare, or the comparison means nothing. */
        assert_in_range(n_valid, RANDOM_INPUTS / 10, RANDOM_INPUTS * 9 / 10);
}

static void test_escape_agrees_with_libdbus(void **state)
{
        (void)state;
        random_state = 42;
        for (int i = 0; i < 20000; i++) {
                char value[64], escaped[3 * sizeof(value)];
                size_t size = random_below(sizeof(value) - 1), n_escaped;
                char *theirs, *back;

                for (size_t at = 0; at < size; at++)
                        value[at] = (char)(unsigned char)(1 + random_below(255));
                value[size] = '\0';
                n_escaped = address_escape((Text){value, size}, escaped);
                theirs = dbus_address_escape_value(value);
                assert_non_null(theirs);
                assert_int_equal(n_escaped, strlen(theirs));
                assert_memory_equal(escaped, theirs, n_escaped);
                back = dbus_address_unescape_value(theirs, NULL);
                assert_string_equal(back, value);
                dbus_free(theirs);
                dbus_free(back);
        }
}

/* libdbus's unescaping of one value, seen through the parser. */
static void test_parse_values_unescape_as_libdbus_does(void **state)
{
        static const char hex[] = "0123456789abcdefABCDEFgG%x";

        (void)state;
        for (size_t high = 0; high < sizeof(hex) - 1; high++) {
                for (size_t low = 0; low < sizeof(hex) - 1; low++) {
                        char text[] = "t:k=a%..b";
                        char *theirs;

                        text[6] = hex[high];
                        text[7] = hex[low];
                        theirs = dbus_address_unescape_value(text + 4, NULL);
                        parse_all(text);
                        assert_int_equal(parsed.valid, theirs != NULL);
                        if (theirs)
                                assert_same_text(theirs, address_find(&parsed.addresses[0], "k"));
                        dbus_free(theirs);
                }
        }
}

static void test_escape_all_bytes_as_specified(void **state)
{
        char all[256], escaped[3 * sizeof(all)], expected[3 * sizeof(all) + 1];
        size_t n_expected = 0;

        (void)state;
        for (int i = 0; i < 256; i++) {
                bool plain = i != 0 && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789-_/.\\*",
                                              i);

                all[i] = (char)(unsigned char)i;
                if (plain)
                        expected[n_expected++] = (char)i;
                else
                        n_expected += (size_t)sprintf(&expected[n_expected], "%%%02x", (unsigned)i);
        }
        assert_int_equal(address_escape((Text){all, sizeof(all)}, escaped), n_expected);
        assert_memory_equal(escaped, expected, n_expected);
}

static void test_parse_advances_one_address_at_a_time(void **state)
{
        const char *text = "unix:path=/a%20b,guid=0f;tcp:host=h";
        Text rest = text_from(text);
        char scratch[64];
        Address address;

        (void)state;
        assert_true(address_parse(&rest, scratch, &address, NULL));
        assert_true(text_equal(rest, TEXT("tcp:host=h")));
        assert_true(text_equal(address.transport, TEXT("unix")));
        assert_ptr_equal(address.transport.data, text);
        assert_int_equal(address.n_keys, 2);
        assert_true(text_equal(address.keys[0].key, TEXT("path")));
        assert_true(text_equal(address.keys[0].value, TEXT("/a b")));
        assert_true(text_equal(address.keys[1].key, TEXT("guid")));
        assert_true(text_equal(address.keys[1].value, TEXT("0f")));
        assert_true(address_parse(&rest, scratch, &address, NULL));
        assert_int_equal(rest.size, 0);
        assert_true(text_equal(address_find(&address, "host"), TEXT("h")));
        assert_false(text_present(address_find(&address, "path")));
}

static void test_find_looks_only_at_keys_in_use(void **state)
{
        Address address = {
                .keys = {{TEXT("a"), TEXT("1")}, {TEXT("a"), TEXT("2")}, {TEXT("b"), TEXT("3")}},
                .n_keys = 2,
        };

        (void)state;
        assert_true(text_equal(address_find(&address, "a"), TEXT("1")));
        assert_false(text_present(address_find(&address, "b")));
        address.n_keys = 3;
        assert_true(text_equal(address_find(&address, "b"), TEXT("3")));
}

static void test_parse_failure_leaves_outputs_alone(void **state)
{
        Text rest = TEXT("unix:path");
        const char *start = rest.data;
        char scratch[16];
        Address address;
        uint8_t expected[sizeof(address)];

        (void)state;
        memset(&address, 0xa5, sizeof(address));
        memset(expected, 0xa5, sizeof(expected));
        assert_false(address_parse(&rest, scratch, &address, NULL));
        assert_ptr_equal(rest.data, start);
        assert_int_equal(rest.size, 9);
        assert_memory_equal(&address, expected, sizeof(address));
}

/* Our own ceiling: libdbus takes any number. */
static void test_parse_too_many_keys_are_refused(void **state)
{
        char text[TEXT_MAX] = "unix:";
        const char *reason = NULL;
        char scratch[TEXT_MAX];
        Address address;
        Text rest;

        (void)state;
        for (int i = 0; i < ADDRESS_KEYS_MAX; i++)
                strcat(text, "k=v,");
        rest = text_from(text);
        assert_true(address_parse(&rest, scratch, &address, &reason));
        assert_int_equal(address.n_keys, ADDRESS_KEYS_MAX);
        strcat(text, "k=v");
        rest = text_from(text);
        assert_false(address_parse(&rest, scratch, &address, &reason));
        assert_string_equal(reason, "too many keys");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse_hand_cases_agree_with_libdbus),
                cmocka_unit_test(test_parse_random_texts_agree_with_libdbus),
                cmocka_unit_test(test_parse_values_unescape_as_libdbus_does),
                cmocka_unit_test(test_parse_advances_one_address_at_a_time),
                cmocka_unit_test(test_find_looks_only_at_keys_in_use),
                cmocka_unit_test(test_parse_failure_leaves_outputs_alone),
                cmocka_unit_test(test_parse_too_many_keys_are_refused),
                cmocka_unit_test(test_escape_agrees_with_libdbus),
                cmocka_unit_test(test_escape_all_bytes_as_specified),
        };

        return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
