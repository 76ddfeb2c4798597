/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type signatures: one pass, with a stack of the brackets that are open.
 *
 * What the limits count is read as the reference reads it, so that neither bus nor receiver sees
 * a message that the other refuses: at most 32 consecutive 'a', at most 32 open '(' and,
 * separately, at most 32 open '{'.
 */

#include "proto/signature.h"
#include "proto/wire.h"

enum { BRACKETS_MAX = 2 * SIGNATURE_STRUCT_DEPTH_MAX };

typedef struct Bracket {
        bool is_dict;
        uint8_t n_types; /* complete types inside so far */
} Bracket;

typedef struct Check {
        Bracket open[BRACKETS_MAX + 1]; /* open[0] is the signature itself */
        unsigned n_open;
        unsigned n_structs, n_dicts; /* n_structs + n_dicts == n_open */
        unsigned n_arrays;           /* 'a' directly before this place */
} Check;

static bool check_open(Check *check, bool is_dict)
{
        if (is_dict) {
                if (check->n_arrays == 0 || ++check->n_dicts > SIGNATURE_STRUCT_DEPTH_MAX)
                        return false;
        } else if (++check->n_structs > SIGNATURE_STRUCT_DEPTH_MAX) {
                return false;
        }
        check->open[++check->n_open] = (Bracket){.is_dict = is_dict};
        check->n_arrays = 0;
        return true;
}

static bool check_close(Check *check, bool is_dict)
{
        Bracket *bracket = &check->open[check->n_open];

        if (check->n_open == 0 || bracket->is_dict != is_dict || check->n_arrays > 0)
                return false;
        if (is_dict ? bracket->n_types != 2 : bracket->n_types == 0)
                return false;
        check->n_open--;
        if (is_dict)
                check->n_dicts--;
        else
                check->n_structs--;
        return true;
}

/* One type code. A dict entry's key, its first member, must be basic. */
static bool check_code(Check *check, const WireType *type)
{
        Bracket *bracket = &check->open[check->n_open];

        if (bracket->is_dict && bracket->n_types == 0 && !wire_type_is_basic(type))
                return false;
        switch ((WireKind)type->kind) {
        case WIRE_NONE:
                return false;
        case WIRE_ARRAY:
                return ++check->n_arrays <= SIGNATURE_ARRAY_DEPTH_MAX;
        case WIRE_STRUCT_OPEN:
                return check_open(check, false);
        case WIRE_DICT_OPEN:
                return check_open(check, true);
        case WIRE_STRUCT_CLOSE:
                if (!check_close(check, false))
                        return false;
                break;
        case WIRE_DICT_CLOSE:
                if (!check_close(check, true))
                        return false;
                break;
        case WIRE_FIXED:
        case WIRE_BOOLEAN:
        case WIRE_STRING:
        case WIRE_OBJECT_PATH:
        case WIRE_SIGNATURE:
        case WIRE_VARIANT:
                break;
        }
        check->n_arrays = 0;
        check->open[check->n_open].n_types++;
        return true;
}

bool signature_is_valid(Text signature)
{
        Check check;

        if (!signature.data || signature.size > SIGNATURE_SIZE_MAX)
                return false;
        check.open[0] = (Bracket){0};
        check.n_open = check.n_structs = check.n_dicts = check.n_arrays = 0;
        for (size_t i = 0; i < signature.size; i++) {
                if (!check_code(&check, wire_type(signature.data[i])))
                        return false;
        }
        return check.n_open == 0 && check.n_arrays == 0;
}

bool signature_is_single(Text signature)
{
        const WireType *type;

        if (signature.size == 1) {
                type = wire_type(signature.data[0]);
                return wire_type_is_basic(type) || type->kind == WIRE_VARIANT;
        }
        return signature_is_valid(signature) && signature.size > 0 &&
               signature_first_size(signature.data, signature.size) == signature.size;
}

size_t signature_first_size(const char *signature, size_t size)
{
        unsigned depth = 0;

        for (size_t i = 0; i < size; i++) {
                uint8_t kind = wire_type(signature[i])->kind;

                if (kind == WIRE_STRUCT_OPEN || kind == WIRE_DICT_OPEN)
                        depth++;
                else if (kind == WIRE_STRUCT_CLOSE || kind == WIRE_DICT_CLOSE)
                        depth--;
                if (depth == 0 && kind != WIRE_ARRAY)
                        return i + 1;
        }
        return size;
}

unsigned signature_alignment(char type)
{
        return wire_type(type)->alignment;
}

unsigned signature_fixed_size(char type)
{
        return wire_type(type)->fixed_size;
}

bool signature_is_basic(char type)
{
        return wire_type_is_basic(wire_type(type));
}
