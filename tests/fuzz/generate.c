/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random messages: a marshaller that makes mistakes on purpose, once in a while, and mutations of
 * finished messages. Out of room, it stops writing: the message is then cut short, and invalid.
 */

#include "tests/fuzz/generate_private.h"

#include <string.h>

typedef struct Output {
        Random *random;
        uint8_t *data;
        size_t size;
        bool big_endian;
} Output;

static void put_byte(Output *output, uint8_t value)
{
        if (output->size < GENERATE_SIZE_MAX)
                output->data[output->size++] = value;
}

static void put_number(Output *output, uint64_t value, size_t size)
{
        for (size_t i = 0; i < size; i++) {
                size_t shift = 8 * (output->big_endian ? size - 1 - i : i);

                put_byte(output, (uint8_t)(value >> shift));
        }
}

static void put_padding(Output *output, size_t alignment)
{
        while (output->size % alignment != 0 && output->size < GENERATE_SIZE_MAX)
                put_byte(output, generate_chance(output->random, 2048) ? 1 : 0);
}

static void set_u32(Output *output, size_t offset, uint64_t value)
{
        size_t size = output->size;

        output->size = offset;
        put_number(output, value, 4);
        output->size = size;
}

static void put_text(Output *output, const char *text)
{
        put_padding(output, 4);
        put_number(output, strlen(text), 4);
        while (*text)
                put_byte(output, (uint8_t)*text++);
        put_byte(output, generate_chance(output->random, 2048) ? 1 : 0);
}

static void put_signature(Output *output, const char *text)
{
        put_byte(output, (uint8_t)strlen(text));
        while (*text)
                put_byte(output, (uint8_t)*text++);
        put_byte(output, 0);
}

static size_t alignment_of(char type)
{
        return strchr("xtd({", type) ? 8 : strchr("ygv", type) ? 1 : strchr("nq", type) ? 2 : 4;
}

/* The end of the complete type at `type`. Damaged signatures may end early: at their NUL. */
static const char *type_end(const char *type)
{
        int depth = 0;

        for (; *type; type++) {
                if (*type == '(' || *type == '{')
                        depth++;
                else if (*type == ')' || *type == '}')
                        depth--;
                if (depth <= 0 && *type != 'a')
                        return type + 1;
        }
        return type;
}

static void put_value(Output *output, const char *type, unsigned depth);

static void put_values(Output *output, const char *types, const char *end, unsigned depth)
{
        while (types < end && *types != ')' && *types != '}') {
                put_value(output, types, depth);
                types = type_end(types);
        }
}

static void put_array(Output *output, const char *element, unsigned depth)
{
        uint32_t n_elements = generate_below(output->random, depth > 4 ? 2 : 4);
        size_t start, size;

        if (generate_chance(output->random, 16))
                n_elements = depth > 4 ? 1 : 20;
        put_padding(output, 4);
        start = output->size;
        put_number(output, 0, 4);
        put_padding(output, *element ? alignment_of(*element) : 1);
        size = output->size;
        while (n_elements-- > 0 && *element && output->size < GENERATE_SIZE_MAX / 2)
                put_value(output, element, depth + 1);
        if (start + 4 <= output->size)
                set_u32(output, start, output->size - size);
}

/* A variant; sometimes one inside the other, around the limit of 64 containers. */
static void put_variant(Output *output, unsigned depth)
{
        char signature[GENERATE_SIGNATURE_MAX];
        uint32_t n_levels = 1;

        if (generate_chance(output->random, 32))
                n_levels = 58 + generate_below(output->random, 9);
        while (n_levels-- > 1)
                put_signature(output, "v");
        generate_signature(output->random, signature);
        if (signature[0] && !generate_chance(output->random, 64))
                signature[type_end(signature) - signature] = '\0';
        if (depth > 6)
                strcpy(signature, "u");
        put_signature(output, signature);
        put_values(output, signature, signature + strlen(signature), depth + 1);
}

static void put_name(Output *output, GenerateName name)
{
        char scratch[GENERATE_SIGNATURE_MAX];

        put_text(output, generate_name(output->random, name, scratch, sizeof(scratch)));
}

static void put_value(Output *output, const char *type, unsigned depth)
{
        char signature[GENERATE_SIGNATURE_MAX];

        switch (*type) {
        case 'a':
                put_array(output, type + 1, depth);
                break;
        case '(':
        case '{':
                put_padding(output, 8);
                put_values(output, type + 1, type_end(type), depth + 1);
                break;
        case 'v':
                put_variant(output, depth);
                break;
        case 's':
                put_name(output, GENERATE_STRING);
                break;
        case 'o':
                put_name(output, GENERATE_PATH);
                break;
        case 'g':
                generate_signature(output->random, signature);
                put_signature(output, signature);
                break;
        case 'b':
                put_padding(output, 4);
                put_number(output, generate_chance(output->random, 256) ? 2 : 1, 4);
                break;
        default:
                put_padding(output, alignment_of(*type));
                put_number(output, generate_random(output->random), alignment_of(*type));
                break;
        }
}

/* The rest of a header field that is known to have this code. */
static void put_known_field(Output *output, uint8_t code, const char *body_signature)
{
        static const char types[] = "?osssussguo";
        static const GenerateName names[] = {
                [1] = GENERATE_PATH,      [2] = GENERATE_INTERFACE, [3] = GENERATE_MEMBER,
                [4] = GENERATE_INTERFACE, [6] = GENERATE_BUS_NAME,  [7] = GENERATE_BUS_NAME,
                [10] = GENERATE_PATH,
        };
        char type[2] = {types[code], '\0'};

        if (generate_chance(output->random, 512))
                type[0] = "osugyi"[generate_below(output->random, 6)];
        put_signature(output, type);
        if (code == 5 && type[0] == 'u')
                put_number(output, generate_chance(output->random, 64) ? 0 : 77, 4);
        else if (code == 9 && type[0] == 'u')
                put_number(output, generate_below(output->random, 3), 4);
        else if (type[0] == 'g')
                put_signature(output, body_signature);
        else if (type[0] == types[code])
                put_name(output, names[code]);
        else
                put_value(output, type, 0);
}

static void put_field(Output *output, uint8_t code, const char *body_signature)
{
        put_padding(output, 8);
        put_byte(output, code);
        if (code >= 1 && code <= 10)
                put_known_field(output, code, body_signature);
        else
                put_variant(output, 0);
}

/* Which fields, in which order: the required ones, a few more, now and then one too few. */
static size_t choose_fields(Random *random, uint8_t type, bool has_body, uint8_t *codes)
{
        static const char *const required[] = {"", "\1\3", "\5", "\4\5", "\1\2\3"};
        static const uint8_t optional[] = {2, 6, 7, 7, 9, 10, 5, 1, 4, 11, 200, 255, 12};
        size_t n_codes = 0;

        for (const char *code = required[type <= 4 ? type : 0]; *code; code++)
                codes[n_codes++] = (uint8_t)*code;
        if (has_body != generate_chance(random, 256))
                codes[n_codes++] = 8;
        for (uint32_t n = generate_below(random, 5); n > 0; n--) {
                uint8_t code = optional[generate_below(random, sizeof(optional))];

                if (code <= 10 && memchr(codes, code, n_codes) && !generate_chance(random, 64))
                        continue;
                codes[n_codes++] = code;
        }
        if (generate_chance(random, 256))
                codes[n_codes++] = (uint8_t)generate_below(random, 12);
        for (size_t i = n_codes; i > 1; i--) {
                size_t j = generate_below(random, (uint32_t)i);
                uint8_t code = codes[j];

                codes[j] = codes[i - 1];
                codes[i - 1] = code;
        }
        return n_codes > 0 && generate_chance(random, 64) ? n_codes - 1 : n_codes;
}

size_t generate_message(Random *random, uint8_t *out)
{
        Output output = {.random = random, .data = out};
        uint8_t type = (uint8_t)(1 + generate_below(random, 4));
        char signature[GENERATE_SIGNATURE_MAX] = "";
        uint8_t codes[16];
        size_t n_codes, fields_end, body_start;

        output.big_endian = generate_chance(random, 2);
        if (generate_chance(random, 64))
                type = (uint8_t)generate_below(random, 256);
        if (!generate_chance(random, 4))
                generate_signature(random, signature);
        put_byte(&output, output.big_endian ? 'B' : 'l');
        put_byte(&output, type);
        put_byte(&output, (uint8_t)generate_below(random, generate_chance(random, 8) ? 256 : 8));
        put_byte(&output, generate_chance(random, 1024) ? 2 : 1);
        put_number(&output, 0, 4);
        put_number(&output, generate_chance(random, 512) ? 0 : generate_random(random), 4);
        put_number(&output, 0, 4);
        n_codes = choose_fields(random, type, signature[0] != '\0', codes);
        for (size_t i = 0; i < n_codes; i++)
                put_field(&output, codes[i], signature);
        fields_end = output.size;
        put_padding(&output, 8);
        body_start = output.size;
        put_values(&output, signature, signature + strlen(signature), 0);
        set_u32(&output, 4, output.size - body_start);
        set_u32(&output, 12, fields_end - 16);
        return output.size;
}

/* Makes the message's claimed size 128 MiB, or a little more or less. */
static void mutate_body_size(Random *random, uint8_t *data, size_t size)
{
        Output output = {.random = random, .data = data, .size = 4, .big_endian = data[0] == 'B'};
        uint32_t fields_size = 0;

        if (size < 16)
                return;
        for (size_t i = 0; i < 4; i++)
                fields_size = fields_size << 8 | data[12 + (output.big_endian ? i : 3 - i)];
        put_number(&output, 0x08000000 - ((fields_size + 23) & ~7u) + generate_below(random, 5) - 2,
                   4);
}

static void mutate_u32(Random *random, uint8_t *data, size_t size)
{
        static const uint32_t values[] = {
                0,          1,          2,          4,          8,          0x7f,
                0x03fffffe, 0x03ffffff, 0x04000000, 0x04000001, 0x07ffffff, 0x08000000,
                0x08000001, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff8, 0xffffffff};
        size_t offset = 4 * (size_t)generate_below(random, (uint32_t)(size / 4));
        Output output = {.random = random, .data = data, .size = offset};
        uint32_t old = 0;

        if (generate_chance(random, 4))
                offset = output.size = 4 + 8 * (size_t)generate_below(random, 2);
        if (offset + 4 > size)
                return;
        output.big_endian = data[0] == 'B';
        for (size_t i = 0; i < 4; i++)
                old = old << 8 | data[offset + (output.big_endian ? i : 3 - i)];
        if (generate_chance(random, 2))
                put_number(&output, old + generate_below(random, 17) - 8u, 4);
        else
                put_number(&output, values[generate_below(random, 18)], 4);
}

/* Cuts out, or repeats, a multiple of eight bytes: so that what follows stays aligned. */
static size_t mutate_block(Random *random, uint8_t *data, size_t size, size_t capacity)
{
        size_t start = 16 + 8 * (size_t)generate_below(random, (uint32_t)(size / 8));
        size_t n_bytes = 8 * (1 + (size_t)generate_below(random, 4));

        if (start + n_bytes > size)
                return size;
        if (generate_chance(random, 2)) {
                memmove(data + start, data + start + n_bytes, size - start - n_bytes);
                return size - n_bytes;
        }
        if (size + n_bytes > capacity)
                return size;
        memmove(data + start + n_bytes, data + start, size - start);
        return size + n_bytes;
}

size_t generate_mutate(Random *random, uint8_t *data, size_t size, size_t capacity)
{
        static const uint8_t bytes[] =
                "\0\1\2\4\7\x08\x09\x0a\x0b\x7f\x80\xff/.:-_09azabdghinoqstuvxy(){}lB";
        size_t place = size > 0 ? generate_below(random, (uint32_t)size) : 0;

        if (size == 0)
                return 0;
        switch (generate_below(random, 8)) {
        case 0:
        case 1:
                data[place] ^= (uint8_t)(1u << generate_below(random, 8));
                return size;
        case 2:
        case 3:
                data[place] = bytes[generate_below(random, sizeof(bytes) - 1)];
                return size;
        case 4:
        case 5:
                if (generate_chance(random, 32))
                        mutate_body_size(random, data, size);
                else if (size >= 4)
                        mutate_u32(random, data, size);
                return size;
        case 6:
                return mutate_block(random, data, size, capacity);
        default:
                return generate_chance(random, 4) ? place : size;
        }
}
