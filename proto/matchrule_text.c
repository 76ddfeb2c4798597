/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be asked of a parsed match rule: its canonical text, equality with another, and the
 * three prefix relations that its keys use. matchrule.c parses.
 *
 * Owner: none; pure functions.
 */

#include "proto/matchrule.h"

#include <stdio.h>

#include "proto/frame.h"

static const char *const type_texts[] = {
        [FRAME_TYPE_METHOD_CALL] = "method_call",
        [FRAME_TYPE_METHOD_RETURN] = "method_return",
        [FRAME_TYPE_ERROR] = "error",
        [FRAME_TYPE_SIGNAL] = "signal",
};

static char *append_text(char *at, Text text)
{
        memcpy(at, text.data, text.size);
        return at + text.size;
}

/* Appends [,]key='value'. An apostrophe leaves the quotation, stands escaped and re-enters it. */
static char *append_token(char *at, const char *out, const char *key, Text value)
{
        if (!text_present(value))
                return at;
        if (at != out)
                *at++ = ',';
        at = append_text(at, text_from(key));
        at = append_text(at, TEXT("='"));
        for (size_t i = 0; i < value.size; i++) {
                if (value.data[i] == '\'')
                        at = append_text(at, TEXT("'\\''"));
                else
                        *at++ = value.data[i];
        }
        *at++ = '\'';
        return at;
}

static char *append_arg(char *at, const char *out, const MatchRuleArg *arg)
{
        static const char *const suffixes[] = {
                [MATCHRULE_ARG_EXACT] = "",
                [MATCHRULE_ARG_PATH] = "path",
                [MATCHRULE_ARG_NAMESPACE] = "namespace",
        };
        char key[sizeof("arg63namespace")];

        snprintf(key, sizeof(key), "arg%u%s", arg->index & 63U, suffixes[arg->kind]);
        return append_token(at, out, key, arg->value);
}

size_t matchrule_write_canonical(const MatchRule *rule, char *out)
{
        char *at = out;

        if (rule->type != FRAME_TYPE_INVALID)
                at = append_token(at, out, "type", text_from(type_texts[rule->type]));
        at = append_token(at, out, "interface", rule->interface);
        at = append_token(at, out, "member", rule->member);
        at = append_token(at, out, "path", rule->path);
        at = append_token(at, out, "path_namespace", rule->path_namespace);
        at = append_token(at, out, "sender", rule->sender);
        at = append_token(at, out, "destination", rule->destination);
        if (rule->eavesdrop)
                at = append_token(at, out, "eavesdrop", TEXT("true"));
        for (unsigned i = 0; i < rule->n_args; i++)
                at = append_arg(at, out, &rule->args[i]);
        return (size_t)(at - out);
}

/* eavesdrop='false' asks for what is the rule anyway, so it counts as absent, as in the reference.
 */
bool matchrule_equal(const MatchRule *a, const MatchRule *b)
{
        if (a->type != b->type || a->eavesdrop != b->eavesdrop || a->n_args != b->n_args)
                return false;
        if (!text_equal(a->sender, b->sender) || !text_equal(a->interface, b->interface) ||
            !text_equal(a->member, b->member) || !text_equal(a->path, b->path) ||
            !text_equal(a->path_namespace, b->path_namespace) ||
            !text_equal(a->destination, b->destination))
                return false;
        for (unsigned i = 0; i < a->n_args; i++) {
                if (a->args[i].index != b->args[i].index || a->args[i].kind != b->args[i].kind ||
                    !text_equal(a->args[i].value, b->args[i].value))
                        return false;
        }
        return true;
}

bool matchrule_path_in_namespace(Text path, Text prefix)
{
        if (!text_starts_with(path, prefix))
                return false;
        return prefix.size == 1 || path.size == prefix.size || path.data[prefix.size] == '/';
}

bool matchrule_path_overlaps(Text a, Text b)
{
        Text shorter = a.size < b.size ? a : b;
        Text longer = a.size < b.size ? b : a;

        if (!text_starts_with(longer, shorter))
                return false;
        if (longer.size == shorter.size)
                return true;
        return shorter.size > 0 && shorter.data[shorter.size - 1] == '/';
}

bool matchrule_name_in_namespace(Text name, Text prefix)
{
        if (!text_starts_with(name, prefix))
                return false;
        return name.size == prefix.size || name.data[prefix.size] == '.';
}
