/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_PROTO_MATCHRULE_H
#define RINGBUS_PROTO_MATCHRULE_H

/*
 * Match rule text. Specification: "Match Rules". Pure: no allocation, no I/O, any thread.
 * The reference's habits are kept: at most 16 key=value tokens are read and the rest is silently
 * ignored; a token with an empty key ends the rule; white space around a key is skipped, white
 * space around a value belongs to it; argument numbers are read as C writes them (`arg00` is
 * `arg0`, `arg010` is `arg8`). Its bug (two rules that differ only in path_namespace compare equal)
 * is not.
 */

#include "broker/base/text.h"

enum {
        MATCHRULE_TEXT_MAX = 1024, /* bytes; longer: MATCHRULE_TOO_LONG (LimitsExceeded) */
        MATCHRULE_TOKENS_MAX = 16,
        MATCHRULE_ARG_INDEX_MAX = 63,
};

typedef enum MatchRuleResult {
        MATCHRULE_OK,
        MATCHRULE_TOO_LONG,
        MATCHRULE_INVALID, /* syntax, unknown or repeated key, bad value */
} MatchRuleResult;

typedef enum MatchRuleArgKind {
        MATCHRULE_ARG_EXACT,     /* argN */
        MATCHRULE_ARG_PATH,      /* argNpath */
        MATCHRULE_ARG_NAMESPACE, /* arg0namespace */
} MatchRuleArgKind;

typedef struct MatchRuleArg {
        Text value;
        uint8_t index; /* 0-63 */
        uint8_t kind;  /* MatchRuleArgKind */
} MatchRuleArg;

typedef struct MatchRule {
        Text sender, interface, member, path, path_namespace, destination; /* absent: any */
        MatchRuleArg args[MATCHRULE_TOKENS_MAX];                           /* ordered by index */
        uint8_t n_args;
        uint8_t type;       /* FrameType, 0: any */
        bool eavesdrop;     /* eavesdrop='true' */
        bool has_eavesdrop; /* the key was given, with either value */
} MatchRule;

/*
 * Parses `text`. Values are unescaped into `scratch` (at least `text.size` bytes), to which the
 * rule's Texts point. On MATCHRULE_INVALID *ret_reason is a static English phrase naming the cause
 * (may be NULL to ignore). *ret_rule is written only on MATCHRULE_OK.
 */
MatchRuleResult matchrule_parse(Text text, char *scratch, MatchRule *ret_rule,
                                const char **ret_reason);

/*
 * Same keys with same values, whatever the order and quoting in the texts were. eavesdrop='false'
 * counts as absent, as in the reference.
 */
bool matchrule_equal(const MatchRule *a, const MatchRule *b);

/* Enough for the canonical text of any rule that parsed: each apostrophe grows to four bytes. */
enum { MATCHRULE_CANONICAL_MAX = 4 * MATCHRULE_TEXT_MAX + 64 };

/*
 * The canonical text, as the reference's Debug.Stats prints it: fixed key order (type, interface,
 * member, path or path_namespace, sender, destination, eavesdrop if true, args), values quoted,
 * an apostrophe as '\''. Returns its size; `out` holds MATCHRULE_CANONICAL_MAX bytes. Parsing it
 * again gives an equal rule, unless the quotes made it longer than MATCHRULE_TEXT_MAX.
 */
size_t matchrule_write_canonical(const MatchRule *rule, char *out);

/* Whether `path` equals `prefix` or lies below it; "/" covers everything. */
bool matchrule_path_in_namespace(Text path, Text prefix);

/* argNpath: equal, or one of them ends in '/' and is a prefix of the other. */
bool matchrule_path_overlaps(Text a, Text b);

/* arg0namespace: equal, or `name` continues `prefix` with a '.'. */
bool matchrule_name_in_namespace(Text name, Text prefix);

#endif
