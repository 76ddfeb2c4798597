/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/matches_model.h"

static bool is(Text value, const char *text)
{
        return text && value.size == strlen(text) && memcmp(value.data, text, value.size) == 0;
}

static bool begins(const char *text, size_t size, const char *prefix, size_t prefix_size)
{
        return size >= prefix_size && memcmp(text, prefix, prefix_size) == 0;
}

/* Whether `who` (a unique name, or the bus) goes by `name`. */
static bool goes_by(const ModelMessage *message, const char *who, Text name)
{
        if (is(name, who))
                return true;
        for (unsigned i = 0; i < MODEL_NAMES; i++)
                if (is(name, message->names[i]) && message->owners[i] &&
                    strcmp(message->owners[i], who) == 0)
                        return true;
        return false;
}

static bool path_matches(const MatchRule *rule, const char *path)
{
        Text prefix = rule->path_namespace;

        if (rule->path.data && !is(rule->path, path))
                return false;
        if (!prefix.data)
                return true;
        if (!path)
                return false;
        if (is(prefix, "/") || is(prefix, path))
                return true;
        return begins(path, strlen(path), prefix.data, prefix.size) && path[prefix.size] == '/';
}

static bool destination_matches(const MatchRule *rule, const ModelMessage *message)
{
        if (!rule->destination.data)
                return true;
        if (!message->destination)
                return false;
        if (message->recipient)
                return goes_by(message, message->recipient, rule->destination);
        return is(rule->destination, message->destination);
}

/* "Equal, or one side ends in / and is a prefix of the other." */
static bool overlaps(Text value, const char *text)
{
        size_t size = strlen(text);

        if (is(value, text))
                return true;
        if (value.size > 0 && value.data[value.size - 1] == '/' &&
            begins(text, size, value.data, value.size))
                return true;
        return size > 0 && text[size - 1] == '/' && begins(value.data, value.size, text, size);
}

static bool arg_matches(const MatchRuleArg *arg, const ModelMessage *message)
{
        const ModelArg *have = &message->args[arg->index];

        if (arg->index >= message->n_args)
                return false;
        switch ((MatchRuleArgKind)arg->kind) {
        case MATCHRULE_ARG_EXACT:
                return have->type == 's' && is(arg->value, have->text);
        case MATCHRULE_ARG_PATH:
                return (have->type == 's' || have->type == 'o') && overlaps(arg->value, have->text);
        case MATCHRULE_ARG_NAMESPACE:
                return have->type == 's' &&
                       (is(arg->value, have->text) ||
                        (begins(have->text, strlen(have->text), arg->value.data, arg->value.size) &&
                         have->text[arg->value.size] == '.'));
        }
        return false;
}

bool model_matches(const MatchRule *rule, const ModelMessage *message)
{
        if (rule->type != 0 && rule->type != message->type)
                return false;
        if (rule->sender.data && !goes_by(message, message->sender, rule->sender))
                return false;
        if (rule->interface.data && !is(rule->interface, message->interface))
                return false;
        if (rule->member.data && !is(rule->member, message->member))
                return false;
        if (!path_matches(rule, message->path) || !destination_matches(rule, message))
                return false;
        for (unsigned i = 0; i < rule->n_args; i++)
                if (!arg_matches(&rule->args[i], message))
                        return false;
        return true;
}
