/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What <allow> rules add up to. The rules' meaning is that of dbus-daemon(1), with two things that
 * only its source tells: a rule about every message makes the bus forget the earlier ones of its
 * kind, even if the rule carries a condition that is none of type, path, interface, member, error
 * or destination; and an allow rule is about requested replies only unless it says otherwise.
 */

#include "broker/config_policy.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/assert.h"

/* The attributes of a rule. Those of one family stand together; see attribute_names. */
typedef enum Attribute {
        SEND_INTERFACE,
        SEND_MEMBER,
        SEND_ERROR,
        SEND_DESTINATION,
        SEND_DESTINATION_PREFIX,
        SEND_PATH,
        SEND_TYPE,
        SEND_BROADCAST,
        SEND_REQUESTED_REPLY,
        RECEIVE_INTERFACE,
        RECEIVE_MEMBER,
        RECEIVE_ERROR,
        RECEIVE_SENDER,
        RECEIVE_PATH,
        RECEIVE_TYPE,
        RECEIVE_REQUESTED_REPLY,
        EAVESDROP,
        MIN_FDS,
        MAX_FDS,
        LOG,
        OWN,
        OWN_PREFIX,
        USER,
        GROUP,
        N_ATTRIBUTES,
} Attribute;

static const char *const attribute_names[N_ATTRIBUTES] = {
        [SEND_INTERFACE] = "send_interface",
        [SEND_MEMBER] = "send_member",
        [SEND_ERROR] = "send_error",
        [SEND_DESTINATION] = "send_destination",
        [SEND_DESTINATION_PREFIX] = "send_destination_prefix",
        [SEND_PATH] = "send_path",
        [SEND_TYPE] = "send_type",
        [SEND_BROADCAST] = "send_broadcast",
        [SEND_REQUESTED_REPLY] = "send_requested_reply",
        [RECEIVE_INTERFACE] = "receive_interface",
        [RECEIVE_MEMBER] = "receive_member",
        [RECEIVE_ERROR] = "receive_error",
        [RECEIVE_SENDER] = "receive_sender",
        [RECEIVE_PATH] = "receive_path",
        [RECEIVE_TYPE] = "receive_type",
        [RECEIVE_REQUESTED_REPLY] = "receive_requested_reply",
        [EAVESDROP] = "eavesdrop",
        [MIN_FDS] = "min_fds",
        [MAX_FDS] = "max_fds",
        [LOG] = "log",
        [OWN] = "own",
        [OWN_PREFIX] = "own_prefix",
        [USER] = "user",
        [GROUP] = "group",
};

typedef struct Rule {
        const char *values[N_ATTRIBUTES]; /* borrowed; NULL: not given */
} Rule;

static bool any_given(const Rule *rule, Attribute first, Attribute last)
{
        for (unsigned i = first; i <= last; i++) {
                if (rule->values[i])
                        return true;
        }
        return false;
}

static bool is_any(const char *value)
{
        return !value || strcmp(value, "*") == 0;
}

static bool refuse(ConfigError *ret_error, const char *text)
{
        config_error_set(ret_error, "%s", text);
        return false;
}

static bool collect_attributes(const char *const *attributes, Rule *rule, ConfigError *ret_error)
{
        for (size_t i = 0; attributes[i]; i += 2) {
                unsigned found = 0;

                while (found < N_ATTRIBUTES && strcmp(attributes[i], attribute_names[found]) != 0)
                        found++;
                if (found == N_ATTRIBUTES) {
                        config_error_set(ret_error, "<allow> has no attribute \"%s\"",
                                         attributes[i]);
                        return false;
                }
                rule->values[found] = attributes[i + 1];
        }
        return true;
}

/* The combinations that make no sense, in the order in which the reference looks for them. */
static bool check_combination(const Rule *rule, ConfigError *ret_error)
{
        const char *const *v = rule->values;
        bool sends = any_given(rule, SEND_INTERFACE, SEND_REQUESTED_REPLY);
        bool receives = any_given(rule, RECEIVE_INTERFACE, RECEIVE_REQUESTED_REPLY);
        int n_others = !!v[OWN] + !!v[OWN_PREFIX] + !!v[USER] + !!v[GROUP];

        if (!sends && !receives && !v[EAVESDROP] && n_others == 0)
                return refuse(ret_error, "<allow> must have an attribute of what it allows");
        if ((v[SEND_MEMBER] && !v[SEND_INTERFACE] && !v[SEND_PATH]) ||
            (v[RECEIVE_MEMBER] && !v[RECEIVE_INTERFACE] && !v[RECEIVE_PATH]))
                return refuse(ret_error, "a member needs an interface or a path beside it");
        if (n_others > 1 ||
            (n_others == 1 && (sends || receives || v[EAVESDROP] || v[MIN_FDS] || v[MAX_FDS])))
                return refuse(ret_error, "own, own_prefix, user, group and the attributes of "
                                         "messages exclude each other; write several rules");
        if (sends && receives)
                return refuse(ret_error, "send_ and receive_ attributes exclude each other; "
                                         "write two rules");
        if (v[SEND_DESTINATION] && v[SEND_DESTINATION_PREFIX])
                return refuse(ret_error, "send_destination and send_destination_prefix exclude "
                                         "each other");
        if ((v[SEND_ERROR] && (v[SEND_INTERFACE] || v[SEND_MEMBER])) ||
            (v[RECEIVE_ERROR] && (v[RECEIVE_INTERFACE] || v[RECEIVE_MEMBER])))
                return refuse(ret_error, "an error has neither interface nor member: leave one "
                                         "of these attributes out");
        return true;
}

static bool check_boolean(const Rule *rule, Attribute attribute, ConfigError *ret_error)
{
        const char *value = rule->values[attribute];

        if (!value || strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
                return true;
        config_error_set(ret_error, "%s=\"%s\" must be \"true\" or \"false\"",
                         attribute_names[attribute], value);
        return false;
}

static bool check_fds(const Rule *rule, Attribute attribute, ConfigError *ret_error)
{
        const char *value = rule->values[attribute];
        const unsigned long max = 128 * 1024 * 1024 / 4; /* as many as a message could number */
        char *end;

        if (!value)
                return true;
        errno = 0;
        if (value[0] >= '0' && value[0] <= '9' && strtoul(value, &end, 0) <= max && errno == 0 &&
            *end == '\0')
                return true;
        config_error_set(ret_error, "%s=\"%s\" must be a number from 0 to %lu",
                         attribute_names[attribute], value, max);
        return false;
}

/* CONFIG_MESSAGE_* of a type: the requested kinds and all kinds. */
static bool read_type(const char *type, unsigned *ret_messages, ConfigError *ret_error)
{
        static const struct {
                const char *name;
                unsigned messages;
        } types[] = {
                {"*", CONFIG_MESSAGE_ALL},
                {"method_call", CONFIG_MESSAGE_CALL},
                {"method_return", CONFIG_MESSAGE_RETURN | CONFIG_MESSAGE_RETURN_UNREQUESTED},
                {"error", CONFIG_MESSAGE_ERROR | CONFIG_MESSAGE_ERROR_UNREQUESTED},
                {"signal", CONFIG_MESSAGE_SIGNAL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                if (strcmp(type ? type : "*", types[i].name) == 0) {
                        *ret_messages = types[i].messages;
                        return true;
                }
        }
        config_error_set(ret_error,
                         "\"%s\" is no message type; use method_call, method_return, error or "
                         "signal",
                         type);
        return false;
}

static bool check_values(const Rule *rule, ConfigError *ret_error)
{
        const char *const *v = rule->values;

        if (v[LOG]) {
                config_error_set(ret_error, "log=\"%s\" is not supported yet; leave it out",
                                 v[LOG]);
                return false;
        }
        if (!is_any(v[USER]) || !is_any(v[GROUP])) {
                config_error_set(ret_error, "%s=\"%s\" is not supported yet; only user=\"*\" is",
                                 v[USER] ? "user" : "group", v[USER] ? v[USER] : v[GROUP]);
                return false;
        }
        if (v[SEND_BROADCAST] && strcmp(v[SEND_BROADCAST], "true") == 0 &&
            (!is_any(v[SEND_DESTINATION]) || !is_any(v[SEND_DESTINATION_PREFIX])))
                return refuse(ret_error, "send_broadcast=\"true\" excludes a destination, which "
                                         "a broadcast has not");
        return check_boolean(rule, SEND_BROADCAST, ret_error) &&
               check_boolean(rule, SEND_REQUESTED_REPLY, ret_error) &&
               check_boolean(rule, RECEIVE_REQUESTED_REPLY, ret_error) &&
               check_boolean(rule, EAVESDROP, ret_error) && check_fds(rule, MIN_FDS, ret_error) &&
               check_fds(rule, MAX_FDS, ret_error);
}

static bool is_value(const Rule *rule, Attribute attribute, const char *value)
{
        return rule->values[attribute] && strcmp(rule->values[attribute], value) == 0;
}

/*
 * What is left of `messages` under the rule's modifiers. A rule with a number of fds counts for
 * nothing: what it allows is a part that no other rule has to allow, too.
 */
static unsigned apply_modifiers(const Rule *rule, Attribute requested_reply, unsigned messages)
{
        if (rule->values[MIN_FDS] || rule->values[MAX_FDS] || rule->values[SEND_BROADCAST])
                return 0;
        if (!is_value(rule, EAVESDROP, "true") && !is_value(rule, requested_reply, "false"))
                messages &= ~(unsigned)(CONFIG_MESSAGE_RETURN_UNREQUESTED |
                                        CONFIG_MESSAGE_ERROR_UNREQUESTED);
        return messages;
}

static void add_send(ConfigRights *rights, const Rule *rule, unsigned messages)
{
        const char *const *v = rule->values;

        if (!is_any(v[SEND_INTERFACE]) || !is_any(v[SEND_MEMBER]) || !is_any(v[SEND_ERROR]) ||
            !is_any(v[SEND_DESTINATION]) || !is_any(v[SEND_DESTINATION_PREFIX]) ||
            !is_any(v[SEND_PATH]))
                return;
        if (is_any(v[SEND_TYPE])) {
                rights->send_discards = true;
                rights->send = 0;
        }
        rights->send |= apply_modifiers(rule, SEND_REQUESTED_REPLY, messages);
}

static void add_receive(ConfigRights *rights, const Rule *rule, unsigned messages)
{
        const char *const *v = rule->values;

        if (!is_any(v[RECEIVE_INTERFACE]) || !is_any(v[RECEIVE_MEMBER]) ||
            !is_any(v[RECEIVE_ERROR]) || !is_any(v[RECEIVE_SENDER]) || !is_any(v[RECEIVE_PATH]))
                return;
        if (is_any(v[RECEIVE_TYPE])) {
                rights->receive_discards = true;
                rights->receive = 0;
        }
        messages = apply_modifiers(rule, RECEIVE_REQUESTED_REPLY, messages);
        rights->receive |= messages;
        if (is_value(rule, EAVESDROP, "true"))
                rights->receive |= messages << CONFIG_MESSAGE_BITS;
}

bool config_policy_allow(ConfigPolicy *policy, ConfigContext context, const char *const *attributes,
                         ConfigError *ret_error)
{
        ConfigRights *rights = &policy->rights[context];
        Rule rule = {0};
        unsigned send_messages;
        unsigned receive_messages;

        if (!collect_attributes(attributes, &rule, ret_error) ||
            !check_combination(&rule, ret_error) || !check_values(&rule, ret_error) ||
            !read_type(rule.values[SEND_TYPE], &send_messages, ret_error) ||
            !read_type(rule.values[RECEIVE_TYPE], &receive_messages, ret_error))
                return false;
        if (rule.values[OWN] || rule.values[OWN_PREFIX])
                rights->owns |= is_any(rule.values[OWN]) && is_any(rule.values[OWN_PREFIX]);
        else if (rule.values[USER] || rule.values[GROUP])
                rights->admits_every_user = true;
        else if (any_given(&rule, SEND_INTERFACE, SEND_REQUESTED_REPLY))
                add_send(rights, &rule, send_messages);
        else
                add_receive(rights, &rule, receive_messages);
        return true;
}

/* `later` is read after `rights`. */
static void add_rights(ConfigRights *rights, const ConfigRights *later)
{
        rights->send = (later->send_discards ? 0 : rights->send) | later->send;
        rights->receive = (later->receive_discards ? 0 : rights->receive) | later->receive;
        rights->send_discards |= later->send_discards;
        rights->receive_discards |= later->receive_discards;
        rights->owns |= later->owns;
        rights->admits_every_user |= later->admits_every_user;
}

void config_policy_merge(ConfigPolicy *policy, const ConfigPolicy *included)
{
        for (size_t i = 0; i < ARRAY_SIZE(policy->rights); i++)
                add_rights(&policy->rights[i], &included->rights[i]);
}

bool config_policy_allows_everything(const ConfigPolicy *policy, bool *ret_admits_every_user,
                                     ConfigError *ret_error)
{
        ConfigRights all = policy->rights[CONFIG_CONTEXT_DEFAULT];
        const unsigned all_received = CONFIG_MESSAGE_ALL | CONFIG_MESSAGE_ALL
                                                                   << CONFIG_MESSAGE_BITS;
        const char *missing = NULL;

        add_rights(&all, &policy->rights[CONFIG_CONTEXT_MANDATORY]);
        if (all.send != CONFIG_MESSAGE_ALL)
                missing = "<allow send_destination=\"*\" eavesdrop=\"true\"/>";
        else if (all.receive != all_received)
                missing = "<allow eavesdrop=\"true\"/>";
        else if (!all.owns)
                missing = "<allow own=\"*\"/>";
        if (missing) {
                config_error_set(ret_error,
                                 "a <policy> that does not allow everything is not supported yet; "
                                 "the last rules of <policy context=\"default\"> must include %s",
                                 missing);
                return false;
        }
        *ret_admits_every_user = all.admits_every_user;
        return true;
}

static const char *const context_names[] = {"default", "mandatory"};

bool config_policy_read_context(const char *const *attributes, ConfigContext *ret_context,
                                ConfigError *ret_error)
{
        const char *name = attributes[0];

        if (!name || attributes[2])
                return refuse(ret_error, "<policy> must have exactly one of the attributes "
                                         "context, user, group and at_console");
        if (strcmp(name, "user") == 0 || strcmp(name, "group") == 0 ||
            strcmp(name, "at_console") == 0) {
                config_error_set(ret_error, "<policy %s=\"%s\"> is not supported yet", name,
                                 attributes[1]);
                return false;
        }
        if (strcmp(name, "context") != 0) {
                config_error_set(ret_error, "<policy> has no attribute \"%s\"", name);
                return false;
        }
        for (unsigned i = 0; i < ARRAY_SIZE(context_names); i++) {
                if (strcmp(attributes[1], context_names[i]) == 0) {
                        *ret_context = (ConfigContext)i;
                        return true;
                }
        }
        config_error_set(ret_error, "context=\"%s\" must be \"default\" or \"mandatory\"",
                         attributes[1]);
        return false;
}
