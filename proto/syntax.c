/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name syntaxes, for every header field of every message: one table, one pass, no branch that
 * depends on a byte, so the processor never mispredicts inside a name. The loop therefore reads
 * invalid names to their end as well; all but paths are cut at SYNTAX_NAME_MAX before it.
 *
 * Where the specification and the reference implementation differ, the reference wins, because
 * clients were written against it: ":" and ":.a" count as unique names.
 *
 * Owner: none; pure functions over constant data.
 */

#include "proto/syntax.h"

enum {
        INTERFACE_FIRST = 1 << 0,  /* may begin an element of an interface, or a member */
        INTERFACE_INSIDE = 1 << 1, /* may follow in one, or end it: '.' */
        BUS_FIRST = 1 << 2,        /* as above, for well-known names */
        BUS_INSIDE = 1 << 3,
        UNIQUE_FIRST = 1 << 4, /* elements of unique names may begin with a digit */
        PATH_FIRST = 1 << 5,
        PATH_INSIDE = 1 << 6,  /* PATH_FIRST and '/' */
        MEMBER_INSIDE = 1 << 7 /* INTERFACE_INSIDE without '.' */
};

enum {
        CLASS_DIGIT = INTERFACE_INSIDE | BUS_INSIDE | UNIQUE_FIRST | PATH_FIRST | PATH_INSIDE |
                      MEMBER_INSIDE,
        CLASS_LETTER = CLASS_DIGIT | INTERFACE_FIRST | BUS_FIRST,
        CLASS_DASH = BUS_FIRST | BUS_INSIDE | UNIQUE_FIRST,
        CLASS_DOT = INTERFACE_INSIDE | BUS_INSIDE,
        CLASS_SLASH = PATH_INSIDE,
};

static const uint8_t classes[256] = {
        ['0' ... '9'] = CLASS_DIGIT,  ['A' ... 'Z'] = CLASS_LETTER, ['_'] = CLASS_LETTER,
        ['a' ... 'z'] = CLASS_LETTER, ['-'] = CLASS_DASH,           ['.'] = CLASS_DOT,
        ['/'] = CLASS_SLASH,
};

/* How the elements of a name look and what separates them. */
typedef struct Shape {
        uint8_t first;  /* class an element's first byte must have */
        uint8_t inside; /* class of all other bytes, separators included */
        char separator;
        bool starts_inside; /* the name's first byte may be a separator */
} Shape;

static const Shape shape_interface = {INTERFACE_FIRST, INTERFACE_INSIDE, '.', false};
static const Shape shape_member = {INTERFACE_FIRST, MEMBER_INSIDE, '.', false};
static const Shape shape_well_known = {BUS_FIRST, BUS_INSIDE, '.', false};
static const Shape shape_unique = {UNIQUE_FIRST, BUS_INSIDE, '.', true};
static const Shape shape_path = {PATH_FIRST, PATH_INSIDE, '/', false};

/* Inlined into each caller, where the shape is a constant. */
static inline __attribute__((always_inline)) bool elements_are_valid(Text text, const Shape shape,
                                                                     size_t n_separators_min)
{
        bool first = !shape.starts_inside;
        size_t n_separators = 0;
        bool valid = true;

        for (size_t i = 0; i < text.size; i++) {
                uint8_t class = classes[(uint8_t)text.data[i]];

                valid &= (class & (first ? shape.first : shape.inside)) != 0;
                first = text.data[i] == shape.separator;
                n_separators += first;
        }
        return valid && !first && n_separators >= n_separators_min;
}

static inline bool size_is_valid(Text name)
{
        return name.size > 0 && name.size <= SYNTAX_NAME_MAX;
}

bool syntax_is_unique_name(Text name)
{
        if (!size_is_valid(name) || name.data[0] != ':')
                return false;
        return elements_are_valid((Text){name.data + 1, name.size - 1}, shape_unique, 0);
}

bool syntax_is_well_known_name(Text name)
{
        return size_is_valid(name) && elements_are_valid(name, shape_well_known, 1);
}

bool syntax_is_bus_name(Text name)
{
        if (name.size > 0 && name.data[0] == ':')
                return syntax_is_unique_name(name);
        return syntax_is_well_known_name(name);
}

bool syntax_is_name_prefix(Text name)
{
        if (name.size > 0 && name.data[0] == ':')
                return syntax_is_unique_name(name);
        return size_is_valid(name) && elements_are_valid(name, shape_well_known, 0);
}

bool syntax_is_interface(Text name)
{
        return size_is_valid(name) && elements_are_valid(name, shape_interface, 1);
}

bool syntax_is_error_name(Text name)
{
        return syntax_is_interface(name);
}

bool syntax_is_member(Text name)
{
        return size_is_valid(name) && elements_are_valid(name, shape_member, 0);
}

bool syntax_is_object_path(Text path)
{
        if (path.size == 0 || path.data[0] != '/')
                return false;
        if (path.size == 1)
                return true;
        return elements_are_valid((Text){path.data + 1, path.size - 1}, shape_path, 0);
}
