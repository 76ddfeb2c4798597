/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of type codes. Constant; all that is not named here is no type code.
 */

#include "proto/wire.h"

const WireType wire_types[256] = {
        ['y'] = {WIRE_FIXED, 1, 1},        ['b'] = {WIRE_BOOLEAN, 4, 4},
        ['n'] = {WIRE_FIXED, 2, 2},        ['q'] = {WIRE_FIXED, 2, 2},
        ['i'] = {WIRE_FIXED, 4, 4},        ['u'] = {WIRE_FIXED, 4, 4},
        ['h'] = {WIRE_FIXED, 4, 4},        ['x'] = {WIRE_FIXED, 8, 8},
        ['t'] = {WIRE_FIXED, 8, 8},        ['d'] = {WIRE_FIXED, 8, 8},
        ['s'] = {WIRE_STRING, 4, 0},       ['o'] = {WIRE_OBJECT_PATH, 4, 0},
        ['g'] = {WIRE_SIGNATURE, 1, 0},    ['v'] = {WIRE_VARIANT, 1, 0},
        ['a'] = {WIRE_ARRAY, 4, 0},        ['('] = {WIRE_STRUCT_OPEN, 8, 0},
        [')'] = {WIRE_STRUCT_CLOSE, 0, 0}, ['{'] = {WIRE_DICT_OPEN, 8, 0},
        ['}'] = {WIRE_DICT_CLOSE, 0, 0},
};
