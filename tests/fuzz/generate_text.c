/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random texts: names for header fields, strings, signatures. Valid ones come from lists, invalid
 * ones from lists of near misses and from alphabets that hold what the syntaxes turn on.
 */

#include "tests/fuzz/generate_private.h"

#include <stdio.h>
#include <string.h>

typedef struct TextList {
        const char *texts[14]; /* NULL behind the last */
} TextList;

static const TextList usual[N_GENERATE_NAMES] = {
        [GENERATE_PATH] = {{"/", "/a", "/org/freedesktop/DBus", "/A_9/_/0", "/org/example/x1"}},
        [GENERATE_INTERFACE] = {{"a.b", "org.freedesktop.DBus", "_._", "com.Example._9x.Y"}},
        [GENERATE_MEMBER] = {{"Hello", "a", "_", "NameOwnerChanged", "x9_"}},
        [GENERATE_BUS_NAME] = {{":1.42", "org.freedesktop.DBus", "a-b._c", ":a.9-", "x.y.z"}},
        [GENERATE_STRING] = {{"", "a", "hello world", "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac",
                              "\xf0\x9f\x98\x80", "0123456789abcdef0123456789", "\xef\xbf\xbf"}},
};

static const TextList unusual[N_GENERATE_NAMES] = {
        [GENERATE_PATH] = {{"", "a", "//", "/a/", "/a//b", "/a-b", "/a.b", "/\xc3\xbc",
                            "/org/freedesktop/DBus/Local", "/org/freedesktop/DBus/Locality",
                            "/org/freedesktop/DBus/Local/x", "/org/freedesktop/DBus/Loca"}},
        [GENERATE_INTERFACE] = {{"", "a", "a.", ".a", "a..b", "a.9", "9.a", "a-b.c", "a.b ",
                                 "org.freedesktop.DBus.Local", "org.freedesktop.DBus.Locality",
                                 "org.freedesktop.DBus.Local.x", "org.freedesktop.DBus.Loca"}},
        [GENERATE_MEMBER] = {{"", "a.b", "9a", "a-b", "a ", "\xc3\xbc", ".", "a/b"}},
        [GENERATE_BUS_NAME] = {{"", ":", ":1", ":.", ":.a", "a", "a.", ".a", "a..b", "a.9", "9.a",
                                ":a..b", ":1.", ":1.\xc3\xbc"}},
        [GENERATE_STRING] = {{"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                              "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "abcdefgh\xff", "\xfe",
                              "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "abcdefghijklmno\xe2\x82",
                              "\xed\x9f\xbf"}},
};

uint64_t generate_random(Random *random)
{
        uint64_t value = random->state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

        value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
        return value ^ (value >> 31);
}

uint32_t generate_below(Random *random, uint32_t limit)
{
        return (uint32_t)(((generate_random(random) >> 32) * limit) >> 32);
}

bool generate_chance(Random *random, uint32_t odds)
{
        return generate_below(random, odds) == 0;
}

static const char *pick(Random *random, const TextList *list)
{
        uint32_t n_texts = 0;

        while (n_texts < sizeof(list->texts) / sizeof(list->texts[0]) && list->texts[n_texts])
                n_texts++;
        return list->texts[generate_below(random, n_texts)];
}

/* A name of 253 to 258 bytes, around the limit of 255. */
static const char *long_name(Random *random, GenerateName name, char *scratch, size_t scratch_size)
{
        static const char starts[N_GENERATE_NAMES][4] = {"/", "a.", "a", ":1.", "a"};
        size_t size = 253 + generate_below(random, 6);

        if (size >= scratch_size)
                size = scratch_size - 1;
        memset(scratch, 'x', size);
        memcpy(scratch, starts[name], strlen(starts[name]));
        scratch[size] = '\0';
        return scratch;
}

void generate_text(Random *random, char *out, size_t size_max)
{
        static const char *const alphabets[] = {"ab._-:/09Z", "a./_",
                                                "\x80\xbf\xc2\xe0\xed\xf0\xf4\xf5\x9f\x90\xa0 a",
                                                "abcdefgh\x7f\x01"};
        const char *alphabet = alphabets[generate_below(random, 4)];
        uint32_t n_letters = (uint32_t)strlen(alphabet);
        size_t size = generate_below(random, generate_chance(random, 8) ? 300 : 24);

        if (generate_chance(random, 3)) {
                GenerateName name = (GenerateName)generate_below(random, N_GENERATE_NAMES);

                (void)snprintf(
                        out, size_max, "%s%s", pick(random, &usual[name]),
                        pick(random, generate_chance(random, 2) ? &unusual[name] : &usual[name]));
                return;
        }
        if (size >= size_max)
                size = size_max - 1;
        for (size_t i = 0; i < size; i++)
                out[i] = alphabet[generate_below(random, n_letters)];
        out[size] = '\0';
}

const char *generate_name(Random *random, GenerateName name, char *scratch, size_t scratch_size)
{
        switch (generate_below(random, 128)) {
        case 0:
        case 1:
                return pick(random, &unusual[name]);
        case 2:
                generate_text(random, scratch, scratch_size);
                return scratch;
        case 3:
                return long_name(random, name, scratch, scratch_size);
        default:
                return pick(random, &usual[name]);
        }
}

/* One complete type behind *size. Recursion ends at `depth` 0. */
static void append_type(Random *random, char *out, size_t *size, unsigned depth)
{
        static const char basic[] = "ybnqiuxtdhsssog";
        uint32_t choice = generate_below(random, depth > 0 ? 20 : 14);

        if (*size > GENERATE_SIGNATURE_MAX / 2)
                choice = 0;
        if (choice < 13) {
                out[(*size)++] = basic[generate_below(random, sizeof(basic) - 1)];
        } else if (choice == 13) {
                out[(*size)++] = 'v';
        } else if (choice < 17) {
                out[(*size)++] = 'a';
                append_type(random, out, size, depth - 1);
        } else if (choice < 19) {
                out[(*size)++] = '(';
                for (uint32_t n = 1 + generate_below(random, 3); n > 0; n--)
                        append_type(random, out, size, depth - 1);
                out[(*size)++] = ')';
        } else {
                out[(*size)++] = 'a';
                out[(*size)++] = '{';
                out[(*size)++] = basic[generate_below(random, sizeof(basic) - 1)];
                append_type(random, out, size, depth - 1);
                out[(*size)++] = '}';
        }
}

/* Nesting around the limits: arrays, structs, dict entries, or arrays interrupted by structs. */
static size_t deep_signature(Random *random, char *out)
{
        static const struct {
                const char *open, *close;
        } kinds[] = {{"a", ""}, {"(", ")"}, {"a{y", "}"}, {"a(", ")"}, {"aa(", ")"}};
        uint32_t kind = generate_below(random, 5);
        size_t n_levels = 29 + generate_below(random, 6);
        size_t size = 0;

        for (size_t i = 0; i < n_levels; i++) {
                memcpy(out + size, kinds[kind].open, strlen(kinds[kind].open));
                size += strlen(kinds[kind].open);
        }
        out[size++] = generate_chance(random, 2) ? 'y' : 's';
        for (size_t i = 0; i < n_levels && kinds[kind].close[0]; i++)
                out[size++] = kinds[kind].close[0];
        return size;
}

void generate_signature(Random *random, char *out)
{
        static const char codes[] = "ybnqiuxtdhsogva(){}ervmz*?@&^ ";
        size_t size = 0;

        if (generate_chance(random, 32)) {
                size = deep_signature(random, out);
        } else if (generate_chance(random, 128)) {
                size = 250 + generate_below(random, 10);
                memset(out, 'y', size);
        } else {
                for (uint32_t n = generate_below(random, 5); n > 0; n--)
                        append_type(random, out, &size, 3);
        }
        if (size > 0 && generate_chance(random, 16))
                out[generate_below(random, (uint32_t)size)] =
                        codes[generate_below(random, sizeof(codes) - 1)];
        out[size] = '\0';
}
