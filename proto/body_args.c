/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leading arguments of a valid body, for match rules, and the names of the results.
 */

#include "proto/body.h"
#include "proto/body_walk.h"

/* Strings and object paths, the only ones that match rules look at. */
static Text take_text(BodyWalk *walk)
{
        size_t start = wire_align(walk->position, 4) + 4;
        size_t size = wire_load_u32(walk->data + start - 4, walk->big_endian);

        walk->position = start + size + 1;
        walk->type++;
        return (Text){.data = (const char *)walk->data + start, .size = size};
}

static void skip_array(BodyWalk *walk)
{
        size_t start = wire_align(walk->position, 4) + 4;
        size_t size = wire_load_u32(walk->data + start - 4, walk->big_endian);
        const char *element = walk->type + 1;

        walk->position = wire_align(start, wire_type(*element)->alignment) + size;
        walk->type = element + body_walk_type_size(walk, element);
}

unsigned body_read_args(const uint8_t *body, size_t size, Text signature, bool big_endian,
                        unsigned n_max, BodyArg *ret_args)
{
        const char *type_end = signature.data + signature.size;
        unsigned n_args = 0;
        BodyWalk walk;

        body_walk_init(&walk, body, size, big_endian);
        walk.type = signature.data;
        while (n_args < n_max && walk.type < type_end) {
                BodyArg *arg = &ret_args[n_args];

                arg->type = *walk.type;
                arg->text = TEXT_NONE;
                n_args++;
                if (arg->type == 's' || arg->type == 'o') {
                        arg->text = take_text(&walk);
                } else if (n_args < n_max) {
                        if (arg->type == 'a')
                                skip_array(&walk);
                        else if (body_walk_next(&walk) != BODY_OK)
                                break;
                }
        }
        return n_args;
}

const char *body_result_text(BodyResult result)
{
        switch (result) {
        case BODY_OK:
                return "valid";
        case BODY_TOO_SHORT:
                return "body shorter than its signature demands";
        case BODY_TOO_LONG:
                return "bytes left over behind the body's last value";
        case BODY_BAD_PADDING:
                return "padding that is not zero";
        case BODY_BAD_BOOLEAN:
                return "boolean neither 0 nor 1";
        case BODY_BAD_STRING:
                return "string not terminated or not UTF-8";
        case BODY_BAD_OBJECT_PATH:
                return "invalid object path";
        case BODY_BAD_SIGNATURE:
                return "invalid signature";
        case BODY_BAD_ARRAY_SIZE:
                return "invalid array size";
        case BODY_TOO_DEEP:
                return "containers nested too deeply";
        }
        return "unknown result";
}
