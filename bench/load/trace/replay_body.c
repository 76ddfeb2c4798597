/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of a given signature and size, where the contents were not recorded. Every value is as
 * short as its type allows (numbers 0, texts and arrays empty), but for one, which is as long as it
 * takes: a text, the bytes of a variant, an array of fixed-size values; arrays around it get one
 * element. Which one: the last that makes the size come out exactly.
 *
 * No recursion: a signature is walked once, with a stack of the arrays that are open.
 */

#include "bench/load/trace/replay_body.h"
#include "proto/frame.h"
#include "proto/signature.h"
#include "proto/syntax.h"

enum {
        TRIES_MAX = 24, /* places for the long value */
        SLACK_MAX = 8,  /* what alignment may add behind it */
        NOWHERE = 1 << 16,
};

typedef struct Filling {
        uint8_t *body;
        size_t capacity;
        size_t size; /* may exceed the capacity: then it does not fit */
        Text signature;
        size_t long_at;            /* in the signature: the long value; NOWHERE: none */
        size_t length;             /* of it */
        const ReplayBodyArg *args; // borrowed
        unsigned n_args;
        unsigned argument;                     /* the top-level one that is written */
        unsigned n_structs;                    /* open */
        size_t open_at[SIGNATURE_SIZE_MAX];    /* offsets of the open arrays' size words */
        size_t open_first[SIGNATURE_SIZE_MAX]; /* of their first elements */
        size_t open_end[SIGNATURE_SIZE_MAX];   /* where in the signature they end */
        unsigned n_open;
} Filling;

static void put(Filling *filling, uint8_t byte, size_t n)
{
        if (filling->size <= filling->capacity && n <= filling->capacity - filling->size)
                memset(filling->body + filling->size, byte, n);
        filling->size += n;
}

static void align(Filling *filling, size_t alignment)
{
        put(filling, 0, -filling->size & (alignment - 1));
}

static void put_u32(Filling *filling, uint32_t value)
{
        align(filling, 4);
        put(filling, 0, 4);
        if (filling->size <= filling->capacity)
                memcpy(filling->body + filling->size - 4, &value, sizeof(value));
}

static void put_text(Filling *filling, size_t length)
{
        put_u32(filling, (uint32_t)length);
        put(filling, 'x', length);
        put(filling, 0, 1);
}

static void put_signature(Filling *filling, const char *signature)
{
        put(filling, (uint8_t)strlen(signature), 1);
        for (; *signature; signature++)
                put(filling, (uint8_t)*signature, 1);
        put(filling, 0, 1);
}

/* Four bytes at least; then in steps as the alignment has it. */
static void put_variant(Filling *filling, size_t length)
{
        if (length < 2) {
                put_signature(filling, "y");
                put(filling, 0, 1);
        } else if (length < 4) {
                put_signature(filling, "q");
                align(filling, 2);
                put(filling, 0, 2);
        } else {
                put_signature(filling, "ay");
                put_u32(filling, (uint32_t)(length - 4));
                put(filling, 'x', length - 4);
        }
}

static void put_basic(Filling *filling, char type, size_t length)
{
        switch (type) {
        case 's':
                put_text(filling, length);
                break;
        case 'o':
                put_u32(filling, (uint32_t)length + 1);
                put(filling, '/', 1);
                put(filling, 'x', length);
                put(filling, 0, 1);
                break;
        case 'g':
                length = length > SIGNATURE_SIZE_MAX ? SIGNATURE_SIZE_MAX : length;
                put(filling, (uint8_t)length, 1);
                put(filling, 'y', length);
                put(filling, 0, 1);
                break;
        case 'v':
                put_variant(filling, length);
                break;
        default:
                align(filling, signature_alignment(type));
                put(filling, 0, signature_fixed_size(type));
        }
}

/* An array that is closed at once, or opened because the long value is in it. Returns the position
 * in the signature where to go on. */
static size_t put_array(Filling *filling, size_t at)
{
        char element = filling->signature.data[at + 1];
        size_t end = at + signature_first_size(filling->signature.data + at,
                                               filling->signature.size - at);
        unsigned fixed = signature_fixed_size(element);
        size_t size = filling->long_at == at && fixed > 0 ? filling->length / fixed * fixed : 0;

        put_u32(filling, (uint32_t)size);
        if (filling->long_at > at && filling->long_at < end) {
                filling->open_at[filling->n_open] = filling->size - 4;
                align(filling, signature_alignment(element));
                filling->open_first[filling->n_open] = filling->size;
                filling->open_end[filling->n_open++] = end;
                return at + 1;
        }
        align(filling, signature_alignment(element));
        put(filling, 0, size);
        return end;
}

static void close_arrays(Filling *filling, size_t at)
{
        while (filling->n_open > 0 && filling->open_end[filling->n_open - 1] == at) {
                unsigned i = --filling->n_open;
                uint32_t size = (uint32_t)(filling->size - filling->open_first[i]);

                if (filling->size <= filling->capacity)
                        memcpy(filling->body + filling->open_at[i], &size, sizeof(size));
        }
}

/* A rule may ask for all paths below "/a/": that is no path itself, but "/a/x" is one below. */
static bool is_path_prefix(Text value)
{
        return value.size > 1 && value.data[value.size - 1] == '/' &&
               syntax_is_object_path((Text){.data = value.data, .size = value.size - 1});
}

/* The given value of a top-level argument, or absent. */
static Text find_given(const Filling *filling, char type)
{
        if (filling->n_open > 0 || filling->n_structs > 0 || (type != 's' && type != 'o'))
                return TEXT_NONE;
        for (unsigned i = 0; i < filling->n_args; i++) {
                const ReplayBodyArg *arg = &filling->args[i];

                if (arg->index == filling->argument &&
                    (type == 's' || syntax_is_object_path(arg->value) ||
                     is_path_prefix(arg->value)))
                        return arg->value;
        }
        return TEXT_NONE;
}

static void put_given(Filling *filling, char type, Text value)
{
        bool is_prefix = type == 'o' && is_path_prefix(value);

        put_u32(filling, (uint32_t)value.size + is_prefix);
        if (filling->size <= filling->capacity && value.size <= filling->capacity - filling->size &&
            value.size > 0)
                memcpy(filling->body + filling->size, value.data, value.size);
        filling->size += value.size;
        put(filling, 'x', is_prefix);
        put(filling, 0, 1);
}

/* One character of the signature that is no array. */
static void put_type(Filling *filling, size_t at)
{
        char type = filling->signature.data[at];
        Text given = find_given(filling, type);

        if (type == '(' || type == '{') {
                align(filling, 8);
                filling->n_structs++;
        } else if (type == ')' || type == '}') {
                filling->n_structs--;
        } else if (text_present(given)) {
                put_given(filling, type, given);
        } else {
                put_basic(filling, type, at == filling->long_at ? filling->length : 0);
        }
}

static size_t fill_once(Filling *filling, size_t long_at, size_t length)
{
        size_t at = 0;

        filling->size = 0;
        filling->n_open = 0;
        filling->n_structs = 0;
        filling->argument = 0;
        filling->long_at = long_at;
        filling->length = length;
        while (at < filling->signature.size) {
                if (filling->signature.data[at] == 'a')
                        at = put_array(filling, at);
                else
                        put_type(filling, at++);
                close_arrays(filling, at);
                filling->argument += filling->n_open == 0 && filling->n_structs == 0;
        }
        return filling->size;
}

static bool can_be_long(Text signature, size_t at)
{
        char type = signature.data[at];

        if (type == 'a')
                return signature_fixed_size(signature.data[at + 1]) > 0;
        return type == 's' || type == 'o' || type == 'g' || type == 'v';
}

static bool fill_exactly(Filling *filling, size_t long_at)
{
        size_t least = fill_once(filling, long_at, 0), length;

        if (least == filling->capacity)
                return true;
        if (least > filling->capacity)
                return false;
        length = filling->capacity - least;
        for (size_t slack = 0; slack <= SLACK_MAX && slack <= length; slack++)
                if (fill_once(filling, long_at, length - slack) == filling->capacity)
                        return true;
        return false;
}

bool replay_body_fill(uint8_t *body, size_t size, Text signature, const ReplayBodyArg *args,
                      unsigned n_args)
{
        Filling filling = {.body = body,
                           .capacity = size,
                           .signature = signature,
                           .args = args,
                           .n_args = n_args};
        unsigned n_tries = 0;

        if (fill_once(&filling, NOWHERE, 0) == size)
                return true;
        if (filling.size > size || size > UINT32_MAX / 2)
                return false;
        for (size_t at = signature.size; at-- > 0 && n_tries < TRIES_MAX;) {
                if (!can_be_long(signature, at))
                        continue;
                if (fill_exactly(&filling, at))
                        return true;
                n_tries++;
        }
        return false;
}
