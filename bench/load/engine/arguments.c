/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words are marshalled in one pass along the signature, by functions that call each other for the
 * members of containers: as deep as the signature is nested, which its own rules and ours bound.
 */

#include "bench/load/engine/process.h"
#include "bench/load/engine/arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "proto/body.h"
#include "proto/signature.h"
#include "proto/syntax.h"
#include "proto/utf8.h"
#include "proto/writer.h"

enum {
        FIRST_CAPACITY = 1024,
        DEPTH_MAX = 64, /* of containers: the specification's limit on a message */
};

typedef struct Parser {
        const char *const *words;
        size_t n_words, next;
        Writer writer;
        unsigned depth;
        char *error; // borrowed
} Parser;

static bool parse_value(Parser *parser, Text type);

/* Says what is wrong with the word that was read last. */
static bool refuse(Parser *parser, const char *expected)
{
        snprintf(parser->error, ARGUMENTS_ERROR_MAX, "argument %zu, \"%.60s\": expected %s",
                 parser->next, parser->words[parser->next - 1], expected);
        return false;
}

static const char *take_word(Parser *parser, const char *expected)
{
        if (parser->next < parser->n_words)
                return parser->words[parser->next++];
        snprintf(parser->error, ARGUMENTS_ERROR_MAX, "argument %zu is missing: expected %s",
                 parser->next + 1, expected);
        return NULL;
}

typedef struct Range {
        char type;
        bool is_signed;
        unsigned bits;
        const char *expected;
} Range;

static const Range ranges[] = {
        {'y', false, 8, "y: a number from 0 to 255"},
        {'n', true, 16, "n: a number from -32768 to 32767"},
        {'q', false, 16, "q: a number from 0 to 65535"},
        {'i', true, 32, "i: a number from -2147483648 to 2147483647"},
        {'u', false, 32, "u: a number from 0 to 4294967295"},
        {'x', true, 64, "x: a number of 64 bits with sign"},
        {'t', false, 64, "t: a number of 64 bits without sign"},
        {'h', false, 32, "h: the index of a file descriptor"},
};

/* The value's bits in *ret_value. */
static bool read_integer(const char *word, const Range *range, uint64_t *ret_value)
{
        bool is_negative = word[0] == '-';
        const char *digits = word + (is_negative || word[0] == '+');
        int base = digits[0] == '0' && (digits[1] | 0x20) == 'x' ? 16 : 10;
        uint64_t limit = UINT64_MAX >> (64 - range->bits), value;
        char *end;

        if (digits[0] < '0' || digits[0] > '9' || (is_negative && !range->is_signed))
                return false;
        errno = 0;
        value = strtoull(digits, &end, base);
        if (errno || *end)
                return false;
        if (range->is_signed)
                limit = (limit >> 1) + is_negative;
        *ret_value = is_negative ? -value : value;
        return value <= limit;
}

static bool parse_integer(Parser *parser, const Range *range)
{
        const char *word = take_word(parser, range->expected);
        uint64_t value;

        if (!word)
                return false;
        if (!read_integer(word, range, &value))
                return refuse(parser, range->expected);
        if (range->bits == 8)
                writer_byte(&parser->writer, (uint8_t)value);
        else if (range->bits == 16)
                writer_u16(&parser->writer, (uint16_t)value);
        else if (range->bits == 32)
                writer_u32(&parser->writer, (uint32_t)value);
        else
                writer_u64(&parser->writer, value);
        return true;
}

static bool parse_boolean(Parser *parser)
{
        static const char *const texts[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
        const char *expected = "b: true or false";
        const char *word = take_word(parser, expected);

        if (!word)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                if (strcmp(word, texts[i]) == 0) {
                        writer_bool(&parser->writer, i % 2 == 1);
                        return true;
                }
        }
        return refuse(parser, expected);
}

static bool parse_double(Parser *parser)
{
        const char *expected = "d: a number";
        const char *word = take_word(parser, expected);
        double value;
        char *end;

        if (!word)
                return false;
        value = strtod(word, &end);
        if (end == word || *end)
                return refuse(parser, expected);
        writer_double(&parser->writer, value);
        return true;
}

static bool parse_string(Parser *parser, char type)
{
        const char *expected = type == 's'   ? "s: a text in UTF-8"
                               : type == 'o' ? "o: an object path such as /com/example"
                                             : "g: a signature";
        const char *word = take_word(parser, expected);
        Text text = text_from(word);
        bool is_valid;

        if (!word)
                return false;
        if (type == 's')
                is_valid = utf8_is_valid(text.data, text.size);
        else
                is_valid = type == 'o' ? syntax_is_object_path(text) : signature_is_valid(text);
        if (!is_valid)
                return refuse(parser, expected);
        if (type == 'g')
                writer_signature(&parser->writer, text);
        else
                writer_string(&parser->writer, text);
        return true;
}

static bool parse_variant(Parser *parser)
{
        const char *expected = "v: the signature of one value, then the value";
        const char *word = take_word(parser, expected);

        if (!word)
                return false;
        if (!signature_is_single(text_from(word)))
                return refuse(parser, expected);
        writer_open_variant(&parser->writer, text_from(word));
        return parse_value(parser, text_from(word));
}

/* `type` is the array's element. */
static bool parse_array(Parser *parser, Text type)
{
        const Range range = {'a', false, 26, "a: the number of the array's elements"};
        const char *word = take_word(parser, range.expected);
        uint64_t n;

        if (!word)
                return false;
        if (!read_integer(word, &range, &n))
                return refuse(parser, range.expected);
        if (parser->writer.depth == WRITER_DEPTH_MAX)
                return refuse(parser, "fewer arrays inside each other");
        writer_open_array(&parser->writer, type.data[0]);
        while (n-- > 0)
                if (!parse_value(parser, type))
                        return false;
        writer_close_array(&parser->writer);
        return true;
}

/* `types` are the members, one after the other. */
static bool parse_values(Parser *parser, Text types)
{
        while (types.size > 0) {
                size_t size = signature_first_size(types.data, types.size);

                if (!parse_value(parser, (Text){.data = types.data, .size = size}))
                        return false;
                types.data += size;
                types.size -= size;
        }
        return true;
}

static bool parse_container(Parser *parser, Text type)
{
        bool is_parsed;

        if (parser->depth == DEPTH_MAX)
                return refuse(parser, "fewer containers inside each other");
        parser->depth++;
        if (type.data[0] == 'v') {
                is_parsed = parse_variant(parser);
        } else if (type.data[0] == 'a') {
                is_parsed =
                        parse_array(parser, (Text){.data = type.data + 1, .size = type.size - 1});
        } else {
                writer_open_struct(&parser->writer);
                is_parsed =
                        parse_values(parser, (Text){.data = type.data + 1, .size = type.size - 2});
        }
        parser->depth--;
        return is_parsed;
}

static bool parse_value(Parser *parser, Text type)
{
        for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
                if (ranges[i].type == type.data[0])
                        return parse_integer(parser, &ranges[i]);
        switch (type.data[0]) {
        case 'b':
                return parse_boolean(parser);
        case 'd':
                return parse_double(parser);
        case 's':
        case 'o':
        case 'g':
                return parse_string(parser, type.data[0]);
        default:
                return parse_container(parser, type);
        }
}

static bool parse_all(Parser *parser, Text signature)
{
        if (!parse_values(parser, signature))
                return false;
        if (parser->next == parser->n_words)
                return true;
        snprintf(parser->error, ARGUMENTS_ERROR_MAX,
                 "argument %zu, \"%.60s\", is one too many for the signature \"%.*s\"",
                 parser->next + 1, parser->words[parser->next], TEXT_FORMAT(signature));
        return false;
}

int arguments_parse(const char *signature, const char *const *words, size_t n_words,
                    Arguments *ret_arguments, char error[static ARGUMENTS_ERROR_MAX])
{
        const Text text = text_from(signature);
        size_t capacity = FIRST_CAPACITY;
        Parser parser;

        if (!signature_is_valid(text)) {
                snprintf(error, ARGUMENTS_ERROR_MAX, "\"%.60s\" is not a signature", signature);
                return -EINVAL;
        }
        for (;;) {
                uint8_t *body = alloc_aligned(8, capacity);

                if (!body)
                        process_out_of_memory();
                parser = (Parser){.words = words, .n_words = n_words, .error = error};
                parser.writer = (Writer){.data = body, .capacity = capacity};
                if (!parse_all(&parser, text)) {
                        alloc_free(body);
                        return -EINVAL;
                }
                if (!parser.writer.failed)
                        break;
                capacity = (parser.writer.size + 15) & ~(size_t)7;
                alloc_free(body);
        }
        ASSERT(body_validate(parser.writer.data, parser.writer.size, text,
                             __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) == BODY_OK);
        *ret_arguments = (Arguments){.body = parser.writer.data, .size = parser.writer.size};
        memcpy(ret_arguments->signature, signature, text.size + 1);
        return 0;
}

void arguments_deinit(Arguments *arguments)
{
        alloc_free(arguments->body);
        *arguments = (Arguments){0};
}
