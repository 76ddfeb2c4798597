/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/micro/body_kinds.h"

#include <stdio.h>
#include <string.h>

static void write_byte(Marshal *bytes, unsigned i)
{
        marshal_u8(bytes, (uint8_t)i);
}

static void write_u32(Marshal *bytes, unsigned i)
{
        marshal_u32(bytes, i);
}

static void write_u64(Marshal *bytes, unsigned i)
{
        marshal_u64(bytes, i);
}

static void write_boolean(Marshal *bytes, unsigned i)
{
        marshal_u32(bytes, i % 2);
}

static void write_short_string(Marshal *bytes, unsigned i)
{
        char text[16];

        snprintf(text, sizeof(text), "value%03u", i % 1000);
        marshal_string(bytes, text);
}

static void write_long_string(Marshal *bytes, unsigned i)
{
        char text[1001];

        memset(text, 'a' + (int)(i % 26), sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        marshal_string(bytes, text);
}

/* Two, three and four bytes a character. */
static void write_utf8_string(Marshal *bytes, unsigned i)
{
        static const char *const texts[] = {"Größenänderung für Ärzte übermäßig",
                                            "デスクトップの設定を変更します",
                                            "😀😁😂🤣😃😄😅😆"};

        marshal_string(bytes, texts[i % 3]);
}

static void write_path(Marshal *bytes, unsigned i)
{
        char text[64];

        snprintf(text, sizeof(text), "/org/example/Manager/device_%u", i);
        marshal_string(bytes, text);
}

static void write_struct(Marshal *bytes, unsigned i)
{
        marshal_align(bytes, 8);
        marshal_u32(bytes, i);
        marshal_u32(bytes, i);
        marshal_u64(bytes, i);
}

/* A dict entry of "a{sv}": a number, a boolean, an array of strings or a string. */
static void write_property(Marshal *bytes, unsigned i)
{
        static const char *const names[] = {"Strength", "Powered", "Interfaces", "HwAddress"};
        static const char *const types[] = {"u", "b", "as", "s"};
        MarshalArray array;

        marshal_align(bytes, 8);
        marshal_string(bytes, names[i % 4]);
        marshal_signature(bytes, types[i % 4]);
        if (i % 4 < 2) {
                marshal_u32(bytes, i % 2);
        } else if (i % 4 == 2) {
                array = marshal_open_array(bytes, 4);
                marshal_string(bytes, "org.example.Device");
                marshal_string(bytes, "org.example.Adapter");
                marshal_close_array(bytes, array);
        } else {
                marshal_string(bytes, "02:00:00:00:00:01");
        }
}

/* Four properties, so that the last of all is a string. */
static void write_property_group(Marshal *bytes, unsigned i)
{
        for (unsigned k = 0; k < 4; k++)
                write_property(bytes, 4 * i + k);
}

/* A dict entry of "a{oa{sa{sv}}}", as GetManagedObjects returns it: two interfaces. */
static void write_object(Marshal *bytes, unsigned i)
{
        MarshalArray interfaces, properties;

        marshal_align(bytes, 8);
        write_path(bytes, i);
        interfaces = marshal_open_array(bytes, 8);
        for (unsigned k = 0; k < 2; k++) {
                marshal_align(bytes, 8);
                marshal_string(bytes, k ? "org.example.Adapter" : "org.example.Device");
                properties = marshal_open_array(bytes, 8);
                write_property_group(bytes, i);
                marshal_close_array(bytes, properties);
        }
        marshal_close_array(bytes, interfaces);
}

/* A string in as many variants as a body may nest in an array. */
static void write_deep_variant(Marshal *bytes, unsigned i)
{
        enum { DEPTH = 63 };

        for (unsigned depth = 1; depth < DEPTH; depth++)
                marshal_signature(bytes, "v");
        marshal_signature(bytes, "s");
        write_short_string(bytes, i);
}

/* An empty array of structs: four bytes, and the padding to an element that is not there. */
static void write_empty_array(Marshal *bytes, unsigned i)
{
        (void)i;
        marshal_close_array(bytes, marshal_open_array(bytes, 8));
}

#define BYTES_10 "yyyyyyyyyy"
#define BYTES_50 BYTES_10 BYTES_10 BYTES_10 BYTES_10 BYTES_10

static const BodyKind kinds[] = {
        {"bytes", "ay", 1, write_byte, false},
        {"u32", "au", 4, write_u32, false},
        {"u64", "at", 8, write_u64, false},
        {"booleans", "ab", 4, write_boolean, true},
        {"structs", "a(uut)", 8, write_struct, false},
        {"strings_short", "as", 4, write_short_string, true},
        {"strings_long", "as", 4, write_long_string, true},
        {"strings_utf8", "as", 4, write_utf8_string, true},
        {"paths", "ao", 4, write_path, true},
        {"properties", "a{sv}", 8, write_property_group, true},
        {"objects", "a{oa{sa{sv}}}", 8, write_object, true},
        /* What somebody may send to make it take long. */
        {"variants_deep", "av", 1, write_deep_variant, true},
        {"empty_long_type", "aa(" BYTES_50 BYTES_50 BYTES_50 BYTES_50 BYTES_10 BYTES_10 ")", 4,
         write_empty_array, true},
        {.name = NULL},
};

const BodyKind *body_kinds_all(void)
{
        return kinds;
}

unsigned body_kinds_write(const BodyKind *kind, size_t size, Marshal *bytes)
{
        MarshalArray array = marshal_open_array(bytes, kind->alignment);
        unsigned n = 0;

        while (bytes->size < size)
                kind->write(bytes, n++);
        marshal_close_array(bytes, array);
        return n;
}
