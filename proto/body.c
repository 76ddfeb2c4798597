/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Body validation: the signature is walked beside the bytes. Containers that have members to visit
 * lie on an explicit stack of levels; arrays of fixed-size elements are checked in bulk and never
 * enter it. An array's bytes bound everything inside it, so that an element cannot run over its
 * end. The walk is linear in the bytes: the only look ahead in the signature, over the element
 * type of an empty array, is remembered for each place of the signature.
 *
 * Depth is counted as the reference does: whatever is visited lies in at most 64 containers.
 */

#include "proto/body.h"
#include "broker/base/assert.h"
#include "proto/body_walk.h"
#include "proto/frame.h"
#include "proto/signature.h"
#include "proto/syntax.h"
#include "proto/utf8.h"

static BodyResult walk_push(BodyWalk *walk, BodyLevelKind kind, const char *type)
{
        BodyLevel *level;

        if (walk->depth_outside + walk->depth >= BODY_DEPTH_MAX)
                return BODY_TOO_DEEP;
        level = &walk->levels[walk->depth++];
        level->kind = kind;
        level->type = type;
        level->end = walk->end;
        return BODY_OK;
}

static inline BodyResult walk_align(BodyWalk *walk, size_t alignment)
{
        size_t aligned = wire_align(walk->position, alignment);

        if (aligned > walk->end)
                return BODY_TOO_SHORT;
        if (!wire_is_zero(walk->data + walk->position, aligned - walk->position))
                return BODY_BAD_PADDING;
        walk->position = aligned;
        return BODY_OK;
}

/* A size word: of a string, an object path or an array. */
static inline BodyResult walk_size(BodyWalk *walk, uint32_t *ret_size)
{
        BodyResult result = walk_align(walk, 4);

        if (result != BODY_OK)
                return result;
        if (walk->end - walk->position < 4)
                return BODY_TOO_SHORT;
        *ret_size = wire_load_u32(walk->data + walk->position, walk->big_endian);
        walk->position += 4;
        return BODY_OK;
}

static inline BodyResult walk_fixed(BodyWalk *walk, size_t size)
{
        BodyResult result = walk_align(walk, size);

        if (result != BODY_OK)
                return result;
        if (walk->end - walk->position < size)
                return BODY_TOO_SHORT;
        walk->position += size;
        return BODY_OK;
}

static BodyResult walk_boolean(BodyWalk *walk)
{
        BodyResult result = walk_fixed(walk, 4);

        if (result != BODY_OK)
                return result;
        if (wire_load_u32(walk->data + walk->position - 4, walk->big_endian) > 1)
                return BODY_BAD_BOOLEAN;
        return BODY_OK;
}

static BodyResult walk_text(BodyWalk *walk, bool is_path)
{
        uint32_t size;
        Text text;
        BodyResult result = walk_size(walk, &size);

        if (result != BODY_OK)
                return result;
        if (size >= walk->end - walk->position)
                return BODY_TOO_SHORT;
        text = (Text){.data = (const char *)walk->data + walk->position, .size = size};
        if (text.data[size] != '\0')
                return BODY_BAD_STRING;
        if (is_path && !syntax_is_object_path(text))
                return BODY_BAD_OBJECT_PATH;
        if (!is_path && !utf8_is_valid(text.data, size))
                return BODY_BAD_STRING;
        walk->position += (size_t)size + 1;
        return BODY_OK;
}

/* The text of a signature: its size byte, its terminator, not yet its syntax. */
static BodyResult walk_signature_text(BodyWalk *walk, Text *ret_text)
{
        size_t size;

        if (walk->end == walk->position)
                return BODY_TOO_SHORT;
        size = walk->data[walk->position];
        if (walk->end - walk->position < size + 2)
                return BODY_TOO_SHORT;
        *ret_text = (Text){(const char *)walk->data + walk->position + 1, size};
        if (ret_text->data[size] != '\0')
                return BODY_BAD_SIGNATURE;
        walk->position += size + 2;
        return BODY_OK;
}

static BodyResult walk_signature(BodyWalk *walk)
{
        Text text;
        BodyResult result = walk_signature_text(walk, &text);

        if (result != BODY_OK)
                return result;
        return signature_is_valid(text) ? BODY_OK : BODY_BAD_SIGNATURE;
}

static BodyResult walk_variant(BodyWalk *walk)
{
        const char *behind = walk->type + 1;
        Text text;
        BodyResult result = walk_signature_text(walk, &text);

        if (result != BODY_OK)
                return result;
        if (!signature_is_single(text))
                return BODY_BAD_SIGNATURE;
        result = walk_push(walk, BODY_LEVEL_VARIANT, behind);
        walk->type = text.data;
        return result;
}

static bool are_booleans(const uint8_t *data, size_t size, bool big_endian)
{
        uint32_t bits = 0;

        for (size_t i = 0; i < size; i += 4) {
                uint32_t word;

                memcpy(&word, data + i, 4);
                bits |= word;
        }
        return wire_load_u32((const uint8_t *)&bits, big_endian) <= 1;
}

static BodyResult walk_fixed_array(BodyWalk *walk, const WireType *element, size_t size)
{
        const uint8_t *data = walk->data + walk->position;

        if ((size & (size_t)(element->fixed_size - 1)) != 0)
                return BODY_BAD_ARRAY_SIZE;
        if (element->kind == WIRE_BOOLEAN && !are_booleans(data, size, walk->big_endian))
                return BODY_BAD_BOOLEAN;
        walk->position += size;
        walk->type += 2;
        return BODY_OK;
}

/* Leaves walk->type behind the array, or, with a level pushed, at its element type. */
static BodyResult walk_array(BodyWalk *walk)
{
        const char *element = walk->type + 1;
        const WireType *element_type = wire_type(*element);
        uint32_t size;
        BodyResult result = walk_size(walk, &size);

        if (result == BODY_OK)
                result = walk_align(walk, element_type->alignment);
        if (result != BODY_OK)
                return result;
        if (size > FRAME_ARRAY_MAX)
                return BODY_BAD_ARRAY_SIZE;
        if (size > walk->end - walk->position)
                return BODY_TOO_SHORT;
        if (element_type->fixed_size > 0)
                return walk_fixed_array(walk, element_type, size);
        if (size == 0) {
                walk->type = element + body_walk_type_size(walk, element);
                return BODY_OK;
        }
        result = walk_push(walk, BODY_LEVEL_ARRAY, element);
        walk->end = walk->position + size;
        walk->type = element;
        return result;
}

static BodyResult walk_struct(BodyWalk *walk)
{
        BodyResult result = walk_align(walk, 8);

        if (result != BODY_OK)
                return result;
        walk->type++;
        return walk_push(walk, BODY_LEVEL_STRUCT, NULL);
}

/*
 * Visits what walk->type points at: a basic value and array handled in bulk whole, of other
 * containers the entry. *ret_complete: a complete type ends here.
 */
static BodyResult walk_type(BodyWalk *walk, bool *ret_complete)
{
        const WireType *type = wire_type(*walk->type);
        BodyResult result = BODY_OK;
        unsigned depth = walk->depth;

        switch ((WireKind)type->kind) {
        case WIRE_FIXED:
                result = walk_fixed(walk, type->fixed_size);
                walk->type++;
                break;
        case WIRE_BOOLEAN:
                result = walk_boolean(walk);
                walk->type++;
                break;
        case WIRE_STRING:
        case WIRE_OBJECT_PATH:
                result = walk_text(walk, type->kind == WIRE_OBJECT_PATH);
                walk->type++;
                break;
        case WIRE_SIGNATURE:
                result = walk_signature(walk);
                walk->type++;
                break;
        case WIRE_VARIANT:
                result = walk_variant(walk);
                break;
        case WIRE_ARRAY:
                result = walk_array(walk);
                break;
        case WIRE_STRUCT_OPEN:
        case WIRE_DICT_OPEN:
                result = walk_struct(walk);
                break;
        case WIRE_STRUCT_CLOSE:
        case WIRE_DICT_CLOSE:
                ASSERT(walk->depth > 0);
                depth = --walk->depth;
                walk->type++;
                break;
        case WIRE_NONE:
                return BODY_BAD_SIGNATURE;
        }
        *ret_complete = walk->depth == depth;
        return result;
}

/* A complete type has ended: so may arrays and variants around it, or an element comes next. */
static void walk_complete(BodyWalk *walk)
{
        while (walk->depth > 0) {
                BodyLevel *level = &walk->levels[walk->depth - 1];

                if (level->kind == BODY_LEVEL_STRUCT)
                        return;
                if (level->kind == BODY_LEVEL_ARRAY) {
                        if (walk->position < walk->end) {
                                walk->type = level->type;
                                return;
                        }
                        walk->end = level->end;
                } else {
                        walk->type = level->type;
                }
                walk->depth--;
        }
}

BodyResult body_walk_next(BodyWalk *walk)
{
        BodyResult result;
        bool complete;

        do {
                result = walk_type(walk, &complete);
                if (result == BODY_OK && complete)
                        walk_complete(walk);
        } while (result == BODY_OK && walk->depth > 0);
        return result;
}

size_t body_walk_type_size(BodyWalk *walk, const char *type)
{
        enum { SCAN_MAX = 8 };
        uint8_t slot = (uint8_t)(uintptr_t)type;
        size_t size;

        if (wire_type(*type)->kind != WIRE_STRUCT_OPEN && wire_type(*type)->kind != WIRE_ARRAY &&
            wire_type(*type)->kind != WIRE_DICT_OPEN)
                return 1;
        if (walk->has_memo && walk->memo_type[slot] == type)
                return walk->memo_size[slot];
        size = signature_first_size(type, SIGNATURE_SIZE_MAX);
        if (size <= SCAN_MAX)
                return size;
        if (!walk->has_memo) {
                memset(walk->memo_type, 0, sizeof(walk->memo_type));
                walk->has_memo = true;
        }
        walk->memo_type[slot] = type;
        walk->memo_size[slot] = (uint8_t)size;
        return size;
}

void body_walk_init(BodyWalk *walk, const uint8_t *data, size_t size, bool big_endian)
{
        walk->data = data;
        walk->position = 0;
        walk->end = size;
        walk->depth = 0;
        walk->depth_outside = 0;
        walk->big_endian = big_endian;
        walk->has_memo = false;
        walk->type = NULL;
}

BodyResult body_validate(const uint8_t *body, size_t size, Text signature, bool big_endian)
{
        const char *type_end = signature.data + signature.size;
        BodyWalk walk;

        body_walk_init(&walk, body, size, big_endian);
        walk.type = signature.data;
        while (walk.type < type_end) {
                BodyResult result = body_walk_next(&walk);

                if (result != BODY_OK)
                        return result;
        }
        return walk.position == size ? BODY_OK : BODY_TOO_LONG;
}

BodyResult body_validate_value(const uint8_t *data, size_t size, size_t offset, Text signature,
                               bool big_endian, size_t *ret_end)
{
        BodyWalk walk;
        BodyResult result;

        if (offset > size || !signature_is_single(signature))
                return offset > size ? BODY_TOO_SHORT : BODY_BAD_SIGNATURE;
        body_walk_init(&walk, data, size, big_endian);
        walk.position = offset;
        walk.depth_outside = BODY_DEPTH_IN_FIELD;
        walk.type = signature.data;
        result = body_walk_next(&walk);
        if (result == BODY_OK)
                *ret_end = walk.position;
        return result;
}
