/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading match rules. One pass cuts the text into key=value tokens and stores each at once; a
 * table says what a key that takes a name or a path may hold. matchrule_text.c writes and
 * compares.
 *
 * Owner: none; pure functions. A rule's Texts point into the caller's scratch.
 */

#include "proto/matchrule.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/base/assert.h"
#include "proto/frame.h"
#include "proto/syntax.h"

/* One walk over a rule's text. */
typedef struct Reader {
        const char *at, *end;
        char *scratch;      /* the next free byte */
        const char *reason; /* what is wrong, or NULL */
} Reader;

typedef struct Token {
        Text key, value;
} Token;

/* A key whose value is a name or a path. */
typedef struct TextKey {
        Text key;
        size_t offset; /* of the Text in MatchRule */
        bool (*is_valid)(Text value);
        const char *reason;
} TextKey;

#define TEXT_KEY(name, check, what)                                                                \
        {                                                                                          \
                TEXT(#name), offsetof(MatchRule, name), check,                                     \
                        "value of key '" #name "' is not " what                                    \
        }

static const TextKey text_keys[] = {
        TEXT_KEY(sender, syntax_is_bus_name, "a valid bus name"),
        TEXT_KEY(interface, syntax_is_interface, "a valid interface name"),
        TEXT_KEY(member, syntax_is_member, "a valid member name"),
        TEXT_KEY(path, syntax_is_object_path, "a valid object path"),
        TEXT_KEY(path_namespace, syntax_is_object_path, "a valid object path"),
        TEXT_KEY(destination, syntax_is_bus_name, "a valid bus name"),
};

static bool byte_is_white(char byte)
{
        return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void skip_white(Reader *reader)
{
        while (reader->at < reader->end && byte_is_white(*reader->at))
                reader->at++;
}

/* Reads up to and with '='. False: the rule ends here, or reader->reason says what is wrong. */
static bool read_key(Reader *reader, Text *ret_key)
{
        const char *start;
        Text key;

        skip_white(reader);
        start = reader->at;
        while (reader->at < reader->end && *reader->at != '=' && !byte_is_white(*reader->at))
                reader->at++;
        key = (Text){start, (size_t)(reader->at - start)};
        if (key.size == 0)
                return false;
        skip_white(reader);
        if (reader->at == reader->end || *reader->at != '=') {
                reader->reason = "a key has no subsequent '=' character";
                return false;
        }
        reader->at++;
        *ret_key = key;
        return true;
}

/*
 * Reads up to and with ','. Between apostrophes every byte stands for itself; outside, a backslash
 * does so too unless an apostrophe follows, which then does not open a quotation.
 */
static bool read_value(Reader *reader, Text *ret_value)
{
        char *start = reader->scratch;
        bool quoted = false;

        for (; reader->at < reader->end; reader->at++) {
                char byte = *reader->at;

                if (byte == ',' && !quoted) {
                        reader->at++;
                        break;
                }
                if (byte == '\\' && !quoted && reader->at + 1 < reader->end) {
                        if (*++reader->at != '\'')
                                *reader->scratch++ = '\\';
                        *reader->scratch++ = *reader->at;
                        continue;
                }
                if (byte == '\'')
                        quoted = !quoted;
                else
                        *reader->scratch++ = byte;
        }
        if (quoted) {
                reader->reason = "unbalanced quotation marks";
                return false;
        }
        *ret_value = (Text){start, (size_t)(reader->scratch - start)};
        return true;
}

static const char *set_type(MatchRule *rule, Text value)
{
        if (rule->type != FRAME_TYPE_INVALID)
                return "key 'type' specified twice";
        if (text_equal(value, TEXT("signal")))
                rule->type = FRAME_TYPE_SIGNAL;
        else if (text_equal(value, TEXT("method_call")))
                rule->type = FRAME_TYPE_METHOD_CALL;
        else if (text_equal(value, TEXT("method_return")))
                rule->type = FRAME_TYPE_METHOD_RETURN;
        else if (text_equal(value, TEXT("error")))
                rule->type = FRAME_TYPE_ERROR;
        else
                return "invalid message type";
        return NULL;
}

/* May be given twice: monitors append their own to what the user wrote. The last one counts. */
static const char *set_eavesdrop(MatchRule *rule, Text value)
{
        rule->eavesdrop = text_equal(value, TEXT("true"));
        rule->has_eavesdrop = true;
        if (!rule->eavesdrop && !text_equal(value, TEXT("false")))
                return "value of key 'eavesdrop' is not 'true' or 'false'";
        return NULL;
}

static const char *set_text(MatchRule *rule, const TextKey *key, Text value)
{
        Text *place = (Text *)(void *)((char *)rule + key->offset);
        bool is_path = place == &rule->path || place == &rule->path_namespace;

        if (is_path && (text_present(rule->path) || text_present(rule->path_namespace)))
                return "path or path_namespace specified twice";
        if (text_present(*place))
                return "a key is specified twice";
        if (!key->is_valid(value))
                return key->reason;
        *place = value;
        return NULL;
}

/*
 * The number and the form of "argN", "argNpath" or "arg0namespace"; NULL, or what is wrong. The
 * reference reads N with strtoul() in base 0, so do we: "arg00" is 0, "arg010" 8, "arg0x10" 16.
 */
static const char *read_arg_key(Text key, MatchRuleArg *ret_arg)
{
        char number[MATCHRULE_TEXT_MAX + 1];
        size_t size = key.size - strlen("arg");
        MatchRuleArgKind kind;
        unsigned long index;
        char *end;

        memcpy(number, key.data + strlen("arg"), size);
        number[size] = '\0';
        errno = 0;
        index = strtoul(number, &end, 0);
        if (end == number || errno != 0)
                return "a key starts with 'arg' but lacks an argument number";
        if (end == number + size)
                kind = MATCHRULE_ARG_EXACT;
        else if (text_equal((Text){end, (size_t)(number + size - end)}, TEXT("path")))
                kind = MATCHRULE_ARG_PATH;
        else if (text_equal(key, TEXT("arg0namespace")))
                kind = MATCHRULE_ARG_NAMESPACE;
        else
                return "a key contains junk after its argument number";
        if (index > MATCHRULE_ARG_INDEX_MAX)
                return "argument number above 63";
        *ret_arg = (MatchRuleArg){.index = (uint8_t)index, .kind = (uint8_t)kind};
        return NULL;
}

static const char *set_arg(MatchRule *rule, const Token *token)
{
        unsigned place = rule->n_args;
        MatchRuleArg arg;
        const char *reason = read_arg_key(token->key, &arg);

        if (reason)
                return reason;
        if (arg.kind == MATCHRULE_ARG_NAMESPACE && !syntax_is_name_prefix(token->value))
                return "value of key 'arg0namespace' is not a valid prefix of a bus name";
        while (place > 0 && rule->args[place - 1].index > arg.index)
                place--;
        if (place > 0 && rule->args[place - 1].index == arg.index)
                return "an argument is matched more than once";
        ASSERT(rule->n_args < MATCHRULE_TOKENS_MAX);
        arg.value = token->value;
        memmove(&rule->args[place + 1], &rule->args[place],
                (rule->n_args - place) * sizeof(rule->args[0]));
        rule->args[place] = arg;
        rule->n_args++;
        return NULL;
}

/* NULL, or what is wrong with the token. */
static const char *set_token(MatchRule *rule, const Token *token)
{
        if (text_equal(token->key, TEXT("type")))
                return set_type(rule, token->value);
        if (text_equal(token->key, TEXT("eavesdrop")))
                return set_eavesdrop(rule, token->value);
        if (text_starts_with(token->key, TEXT("arg")))
                return set_arg(rule, token);
        for (size_t i = 0; i < ARRAY_SIZE(text_keys); i++) {
                if (text_equal(token->key, text_keys[i].key))
                        return set_text(rule, &text_keys[i], token->value);
        }
        return "unknown key";
}

MatchRuleResult matchrule_parse(Text text, char *scratch, MatchRule *ret_rule,
                                const char **ret_reason)
{
        Reader reader = {text.data, text.data + text.size, scratch, NULL};
        MatchRule rule = {.n_args = 0};
        Token token;

        if (text.size > MATCHRULE_TEXT_MAX)
                return MATCHRULE_TOO_LONG;
        for (int i = 0; i < MATCHRULE_TOKENS_MAX && reader.at < reader.end; i++) {
                if (!read_key(&reader, &token.key) || !read_value(&reader, &token.value))
                        break;
                reader.reason = set_token(&rule, &token);
                if (reader.reason)
                        break;
        }
        if (reader.reason) {
                if (ret_reason)
                        *ret_reason = reader.reason;
                return MATCHRULE_INVALID;
        }
        *ret_rule = rule;
        return MATCHRULE_OK;
}
